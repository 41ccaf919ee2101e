namespace Kpm.Server.Tests.Faults.Histories;

/// <summary>The checker accepts what the guarantees allow, and finds each of the lies planted into it.</summary>
public sealed class HistoryCheckerTests
{
    private const int Steps = 400;

    /// <summary>The lies; each gets a true history and returns it spoiled.</summary>
    private static readonly Dictionary<string, (Rule Rule, Func<AccountHistory, AccountHistory> Spoil)> Lies = new(StringComparer.Ordinal)
    {
        ["an acknowledged operation is lost at the end"] = (Rule.Lost, h => h with { Log = [.. h.Log.Take(LastAnswered(h) - 1)], Chain = [.. h.Chain.Take(LastAnswered(h) - 1)] }),
        ["an acknowledgement names another place"] = (Rule.Lost, h => Answering(h, Applied(h)[3], a => a with { Seq = a.Seq + 1 })),
        ["an operation is applied twice"] = (Rule.Doubled, h => h with { Log = [.. h.Log, h.Log[4] with { Seq = (ulong)h.Log.Count + 1 }] }),
        ["a refused operation is in the log"] = (Rule.NotAsSent, h => Answering(h, Applied(h)[5], _ => new Answer(AnswerKind.Refused, 0, 0))),
        ["nobody sent what is in the log"] = (Rule.NotAsSent, h => Logging(h, 6, e => e with { OpSeq = 9_999 })),
        ["the log has other bytes than were sent"] = (Rule.NotAsSent, h => Logging(h, 6, e => e with { Digest = "other" })),
        ["a seq is missing in the log"] = (Rule.Gap, h => h with { Log = [.. h.Log.Take(7), .. h.Log.Skip(8)] }),
        ["a revision is given twice"] = (Rule.Revisions, h => Logging(h, Again(h), e => e with { Rev = e.Rev - 1 })),
        ["a write on an old revision is applied"] = (Rule.Revisions, h => Operating(h, h.Log[Again(h)], o => o with { BaseRev = o.BaseRev - 1 })),
        ["what came later is before what came earlier"] = (Rule.RealTime, SwapLog),
        ["a conflict names a revision that nobody has made yet"] = (Rule.ImpossibleConflict, h => Answering(h, Conflicted(h), a => a with { Rev = 10_000 })),
        ["a conflict names the revision that it was made on"] = (Rule.ImpossibleConflict, h => Answering(h, Conflicted(h), (o, a) => a with { Rev = o.BaseRev })),
        ["a question is answered with an older head"] = (Rule.StaleRead, h => Reading(h, r => r with { MinSeq = 0, Head = 1, Chain = HistoryMaker.Chain(1) })),
        ["a question is answered with a head of later"] = (Rule.RealTime, h => h with { Reads = [.. h.Reads.Skip(1), h.Reads[0] with { Head = (ulong)h.Log.Count, Chain = h.Chain[^1] }] }),
        ["min_seq is not reached"] = (Rule.MinSeq, h => Reading(h, r => r with { MinSeq = r.Head + 1 })),
        ["a question is answered from another log"] = (Rule.Fork, h => Reading(h, r => r with { Chain = "other" })),
        ["a head is gone at the end"] = (Rule.Lost, h => Reading(h, r => r with { Head = (ulong)h.Log.Count + 1 })),
        ["the same operation is answered in two ways"] = (Rule.ChangedAnswer, h => Operating(h, h.Log[2], o => o with { Answers = [.. o.Answers, (o.Answers[^1].At + 1, new Answer(AnswerKind.Applied, 1_000, 1))] })),
        ["a stream leaves a change out"] = (Rule.Gap, h => Streaming(h, c => c with { Entries = [.. c.Entries!.Take(1), .. c.Entries!.Skip(2)] })),
        ["a stream changes the order"] = (Rule.Gap, h => Streaming(h, c => c with { Entries = [c.Entries![1], c.Entries[0], .. c.Entries.Skip(2)] })),
        ["a stream brings changes again"] = (Rule.Gap, h => Streaming(h, c => c, twice: true)),
        ["a stream brings another change than the log has"] = (Rule.Fork, h => Streaming(h, c => c with { Entries = [c.Entries![0] with { Digest = "other" }, .. c.Entries.Skip(1)] })),
        ["a bookmark comes before its changes"] = (Rule.FalseBookmark, h => BookmarkBefore(h, c => c.Seq)),
        ["a bookmark is inside an atomic Push"] = (Rule.SplitBatch, BookmarkInside),
        ["an atomic Push is applied in part"] = (Rule.SplitBatch, h => h with { Log = [.. h.Log.Where(e => e != Batch(h)[^1])] }),
        ["another change is inside an atomic Push"] = (Rule.SplitBatch, h => h with { Log = Reordered(h) }),
        ["an atomic Push is not marked as one"] = (Rule.SplitBatch, h => Logging(h, (int)Batch(h)[0].Seq - 1, e => e with { MoreInBatch = false })),
        ["an atomic Push is answered in part"] = (Rule.SplitBatch, h => Answering(h, Operation(h, Batch(h)[0]), _ => new Answer(AnswerKind.Refused, 0, 0))),
    };

    public static TheoryData<string> Names() => [.. Lies.Keys];

    [Fact]
    public void A_true_history_is_accepted()
    {
        for (var seed = 1; seed <= 200; seed++)
        {
            var history = new HistoryMaker(seed).Make(Steps);

            Assert.True(HistoryChecker.Check(history) is { Count: 0 }, string.Join('\n', HistoryChecker.Check(history).Take(5)));
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void A_lie_is_found(string name)
    {
        var (rule, spoil) = Lies[name];
        for (var seed = 1; seed <= 20; seed++)
        {
            var violations = HistoryChecker.Check(spoil(new HistoryMaker(seed).Make(Steps)));

            Assert.True(violations.Any(v => v.Rule == rule), $"seed {seed}: {(violations.Count == 0 ? "nothing found" : string.Join('\n', violations.Take(5)))}");
        }
    }

    private static List<HistoryOperation> Applied(AccountHistory history) => [.. history.Operations.Where(o => o.Answers is [{ Answer.Kind: AnswerKind.Applied }])];

    private static int LastAnswered(AccountHistory history) => (int)Applied(history).Max(o => o.Answers[0].Answer.Seq);

    private static HistoryOperation Conflicted(AccountHistory history) => history.Operations.First(o => o.Answers is [{ Answer.Kind: AnswerKind.Conflict }]);

    private static HistoryOperation Operation(AccountHistory history, HistoryEntry entry) => history.Operations.Single(o => o.Device == entry.Device && o.OpSeq == entry.OpSeq);

    /// <summary>The place of a change that is not the first of its subject.</summary>
    private static int Again(AccountHistory history) => history.Log.Index().First(e => e.Item.Rev > 2).Index;

    /// <summary>An atomic Push of at least two, which was answered.</summary>
    private static List<HistoryEntry> Batch(AccountHistory history)
    {
        var start = history.Log.First(e => e.MoreInBatch && Operation(history, e).Answers.Count > 0);
        var batch = Operation(history, start).Batch;
        return [.. history.Log.Where(e => Operation(history, e).Batch == batch)];
    }

    private static AccountHistory Operating(AccountHistory history, HistoryEntry entry, Func<HistoryOperation, HistoryOperation> spoil) =>
        history with { Operations = [.. history.Operations.Select(o => o.Device == entry.Device && o.OpSeq == entry.OpSeq ? spoil(o) : o)] };

    private static AccountHistory Answering(AccountHistory history, HistoryOperation operation, Func<Answer, Answer> spoil) => Answering(history, operation, (_, a) => spoil(a));

    private static AccountHistory Answering(AccountHistory history, HistoryOperation operation, Func<HistoryOperation, Answer, Answer> spoil) =>
        history with { Operations = [.. history.Operations.Select(o => o == operation ? o with { Answers = [.. o.Answers.Select(a => (a.At, spoil(o, a.Answer)))] } : o)] };

    private static AccountHistory Logging(AccountHistory history, int index, Func<HistoryEntry, HistoryEntry> spoil) =>
        history with { Log = [.. history.Log.Select((e, i) => i == index ? spoil(e) : e)] };

    /// <summary>The last question, when the log was long.</summary>
    private static AccountHistory Reading(AccountHistory history, Func<HeadRead, HeadRead> spoil) =>
        history with { Reads = [.. history.Reads.Take(history.Reads.Count - 1), spoil(history.Reads[^1])] };

    private static AccountHistory Streaming(AccountHistory history, Func<StreamEvent, StreamEvent> spoil, bool twice = false)
    {
        var (stream, at) = history.Streams.SelectMany(s => s.Events.Index().Where(e => e.Item.Entries?.Count > 2).Select(e => (s, e.Index))).First();
        List<StreamEvent> events = [.. stream.Events];
        var spoiled = spoil(events[at]);
        events[at] = spoiled;
        if (twice)
        {
            events.Insert(at, spoiled);
        }

        return history with { Streams = [.. history.Streams.Select(s => s == stream ? s with { Events = events } : s)] };
    }

    private static AccountHistory BookmarkBefore(AccountHistory history, Func<StreamEvent, ulong> seq)
    {
        var stream = history.Streams[0];
        List<StreamEvent> events = [.. stream.Events];
        var at = events.FindIndex(e => e.Kind == StreamEventKind.Changes);
        events.Insert(at, new StreamEvent(events[at].At, StreamEventKind.CaughtUp, seq(events[at])));
        return history with { Streams = [stream with { Events = events }, .. history.Streams.Skip(1)] };
    }

    private static AccountHistory BookmarkInside(AccountHistory history)
    {
        var inside = Batch(history)[0].Seq;
        var stream = history.Streams.First(s => s.Events[^1].Seq > inside);
        List<StreamEvent> events = [.. stream.Events];
        events.Insert(events.FindIndex(e => e.Kind == StreamEventKind.Changes && e.Seq > inside) + 1, new StreamEvent(events[^1].At, StreamEventKind.Ping, inside));
        return history with { Streams = [.. history.Streams.Select(s => s == stream ? s with { Events = events } : s)] };
    }

    /// <summary>The last of an atomic Push changes places with what follows it.</summary>
    private static HistoryEntry[] Reordered(AccountHistory history)
    {
        var log = history.Log.ToArray();
        var last = (int)Batch(history)[^1].Seq - 1;
        (log[last], log[last + 1]) = (log[last + 1] with { Seq = log[last].Seq }, log[last] with { Seq = log[last + 1].Seq });
        return log;
    }

    /// <summary>Two changes of different subjects, the second begun when the first was acknowledged, change places with all that was said of them.</summary>
    private static AccountHistory SwapLog(AccountHistory history)
    {
        var log = history.Log.ToArray();
        var at = Enumerable.Range(0, log.Length - 1).First(i =>
            log[i].Subject != log[i + 1].Subject
            && Operation(history, log[i]) is { Answers.Count: > 0 } first
            && Operation(history, log[i + 1]) is { Answers.Count: > 0 } second
            && first.Answers[0].At < second.Invoked);
        var spoiled = Answering(history, Operation(history, log[at]), a => a with { Seq = a.Seq + 1 });
        spoiled = Answering(spoiled, Operation(spoiled, log[at + 1]), a => a with { Seq = a.Seq - 1 });
        (log[at], log[at + 1]) = (log[at + 1] with { Seq = log[at].Seq }, log[at] with { Seq = log[at + 1].Seq });
        return spoiled with { Log = log, Streams = [], Reads = [] };
    }
}
