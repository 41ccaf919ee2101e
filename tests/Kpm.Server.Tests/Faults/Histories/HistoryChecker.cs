namespace Kpm.Server.Tests.Faults.Histories;

/// <summary>
/// Is there an order of all operations that explains what everybody saw? The log claims to be it: so it must be a legal
/// sequence of compare-and-sets, contain what was acknowledged where it was acknowledged, and agree with real time.
/// </summary>
internal sealed class HistoryChecker
{
    private readonly AccountHistory _history;
    private readonly Dictionary<(string Device, ulong OpSeq), HistoryOperation> _operations;
    private readonly Dictionary<(string Device, ulong OpSeq), HistoryEntry> _entries = [];
    private readonly Dictionary<string, List<HistoryEntry>> _subjects = new(StringComparer.Ordinal);
    private readonly Known _known;
    private readonly List<Violation> _violations = [];

    private HistoryChecker(AccountHistory history)
    {
        _history = history;
        _operations = history.Operations.ToDictionary(o => (o.Device, o.OpSeq));
        foreach (var entry in history.Log)
        {
            _entries.TryAdd((entry.Device, entry.OpSeq), entry);
            if (!_subjects.TryGetValue(entry.Subject, out var subject))
            {
                _subjects.Add(entry.Subject, subject = []);
            }

            subject.Add(entry);
        }

        _known = new Known(history, _entries);
    }

    /// <summary>What is wrong; empty for a history that the guarantees allow.</summary>
    public static IReadOnlyList<Violation> Check(AccountHistory history)
    {
        var checker = new HistoryChecker(history);
        checker.CheckLog();
        checker.CheckAnswers();
        checker.CheckBatches();
        checker.CheckReads();
        foreach (var stream in history.Streams)
        {
            checker.CheckStream(stream);
        }

        return checker._violations;
    }

    private void Found(Rule rule, string what) => _violations.Add(new Violation(rule, what));

    private void CheckLog()
    {
        var seen = new HashSet<(string, ulong)>();
        var revs = new Dictionary<string, ulong>(StringComparer.Ordinal);
        foreach (var (index, entry) in _history.Log.Index())
        {
            if (entry.Seq != (ulong)index + 1)
            {
                Found(Rule.Gap, $"{entry} is at place {index + 1} of the log");
            }

            if (!seen.Add((entry.Device, entry.OpSeq)))
            {
                Found(Rule.Doubled, $"{entry} is in the log before");
            }

            if (!_operations.TryGetValue((entry.Device, entry.OpSeq), out var operation) || operation.Digest != entry.Digest || operation.Subject != entry.Subject)
            {
                Found(Rule.NotAsSent, $"{entry} was not sent so");
                continue;
            }

            var rev = revs.GetValueOrDefault(entry.Subject);
            if (operation.BaseRev != rev || entry.Rev != rev + 1)
            {
                Found(Rule.Revisions, $"{entry} made on revision {operation.BaseRev} when it was {rev}");
            }

            revs[entry.Subject] = entry.Rev;
            if (_known.Before(operation.Invoked) >= entry.Seq)
            {
                Found(Rule.RealTime, $"{entry} was begun when {_known.Before(operation.Invoked)} was known");
            }
        }
    }

    private void CheckAnswers()
    {
        foreach (var operation in _history.Operations.Where(o => o.Answers.Count > 0))
        {
            var answer = operation.Answers[0].Answer;

            // An atomic Push that was not applied leaves nothing behind, not even its answers.
            if (operation.Answers.Any(a => a.Answer != answer) && !(operation.Atomic && operation.Answers.All(a => a.Answer.Kind != AnswerKind.Applied)))
            {
                Found(Rule.ChangedAnswer, $"{operation}: {string.Join(", ", operation.Answers.Select(a => a.Answer))}");
            }

            var entry = _entries.GetValueOrDefault((operation.Device, operation.OpSeq));
            switch (answer.Kind)
            {
                case AnswerKind.Applied when entry is null || entry.Seq != answer.Seq || entry.Rev != answer.Rev:
                    Found(Rule.Lost, $"{operation} was acknowledged as {answer}; in the log: {entry}");
                    break;
                case AnswerKind.Conflict or AnswerKind.Refused when entry is not null:
                    Found(Rule.NotAsSent, $"{operation} was refused as {answer} and is in the log: {entry}");
                    break;
                case AnswerKind.Conflict:
                    CheckConflict(operation, answer.Rev, operation.Answers[0].At);
                    break;
            }
        }
    }

    /// <summary>Was the subject at that revision at some length of the log that the operation can have met?</summary>
    private void CheckConflict(HistoryOperation operation, ulong rev, long returned)
    {
        var revisions = _subjects.GetValueOrDefault(operation.Subject) ?? [];
        var from = rev == 0 ? 0 : revisions.FirstOrDefault(e => e.Rev == rev)?.Seq ?? ulong.MaxValue;
        var until = revisions.FirstOrDefault(e => e.Rev == rev + 1)?.Seq - 1 ?? (ulong)_history.Log.Count;
        var least = Math.Max(from, _known.Before(operation.Invoked));
        var most = Math.Min(until, _known.FirstBegunAfter(returned) - 1);
        if (rev == operation.BaseRev || least > most)
        {
            Found(Rule.ImpossibleConflict, $"{operation} met revision {rev}, which was there from {from} to {until}; it ran between {_known.Before(operation.Invoked)} and {_known.FirstBegunAfter(returned)}");
        }
    }

    private void CheckBatches()
    {
        foreach (var batch in _history.Operations.GroupBy(o => (o.Device, o.Batch)))
        {
            var operations = batch.OrderBy(o => o.OpSeq).ToList();
            var entries = operations.Select(o => _entries.GetValueOrDefault((o.Device, o.OpSeq))).OfType<HistoryEntry>().ToList();
            if (!operations[0].Atomic)
            {
                if (entries.Any(e => e.MoreInBatch))
                {
                    Found(Rule.SplitBatch, $"marked as a part of an atomic Push, and was none: {entries.First(e => e.MoreInBatch)}");
                }

                continue;
            }

            if (entries.Count > 0 && entries.Count < operations.Count)
            {
                Found(Rule.SplitBatch, $"{entries.Count} of {operations.Count} of an atomic Push are in the log: {entries[0]}");
            }

            if (entries.Index().Any(e => e.Item.Seq != entries[0].Seq + (ulong)e.Index || e.Item.MoreInBatch != (e.Index < entries.Count - 1)))
            {
                Found(Rule.SplitBatch, $"an atomic Push is not together and in order in the log: {string.Join(", ", entries)}");
            }

            if (operations.SelectMany(o => o.Answers).Select(a => a.Answer.Kind == AnswerKind.Applied).Distinct().Count() > 1)
            {
                Found(Rule.SplitBatch, $"an atomic Push was applied and was not: {operations[0]}");
            }
        }
    }

    private void CheckReads()
    {
        foreach (var read in _history.Reads)
        {
            CheckHead(read.Invoked, read.Returned, read.MinSeq, read.Head, $"{read}");
            if (read.Head > 0 && read.Head <= (ulong)_history.Chain.Count && _history.Chain[(int)read.Head - 1] != read.Chain)
            {
                Found(Rule.Fork, $"{read}, and the log's chain hash is {_history.Chain[(int)read.Head - 1]}");
            }
        }
    }

    private void CheckHead(long invoked, long returned, ulong minSeq, ulong head, string what)
    {
        if (head < minSeq)
        {
            Found(Rule.MinSeq, what);
        }

        if (head < _known.Before(invoked))
        {
            Found(Rule.StaleRead, $"{what}, when {_known.Before(invoked)} was known");
        }

        if (head >= _known.FirstBegunAfter(returned))
        {
            Found(Rule.RealTime, $"{what}, and {_known.FirstBegunAfter(returned)} was not begun");
        }

        if (head > (ulong)_history.Log.Count)
        {
            Found(Rule.Lost, $"{what}, and the log ends at {_history.Log.Count}");
        }
    }

    private void CheckStream(StreamHistory stream)
    {
        var cursor = stream.Cursor;
        foreach (var seen in stream.Events)
        {
            switch (seen.Kind)
            {
                case StreamEventKind.Welcome:
                    CheckHead(stream.Opened, seen.At, stream.MinSeq, seen.Seq, $"Welcome of {stream.Device}: {seen.Seq}");
                    break;
                case StreamEventKind.Changes:
                    cursor = CheckChanges(stream, seen, cursor);
                    break;
                default:
                    if (seen.Seq > cursor)
                    {
                        Found(Rule.FalseBookmark, $"{seen.Kind} {seen.Seq} for {stream.Device}, which has the log up to {cursor}");
                    }
                    else if (seen.Seq is > 0 && seen.Seq <= (ulong)_history.Log.Count && _history.Log[(int)seen.Seq - 1].MoreInBatch)
                    {
                        Found(Rule.SplitBatch, $"{seen.Kind} {seen.Seq} for {stream.Device} is inside an atomic Push");
                    }

                    break;
            }
        }
    }

    private ulong CheckChanges(StreamHistory stream, StreamEvent seen, ulong cursor)
    {
        if (seen.Prev != cursor)
        {
            Found(Rule.Gap, $"changes after {seen.Prev} for {stream.Device}, which is at {cursor}");
        }

        foreach (var entry in seen.Entries!)
        {
            if (entry.Seq != cursor + 1)
            {
                Found(Rule.Gap, $"{entry} for {stream.Device}, which is at {cursor}");
            }

            cursor = entry.Seq;
            if (entry.Seq == 0 || entry.Seq > (ulong)_history.Log.Count || _history.Log[(int)entry.Seq - 1] != entry)
            {
                Found(Rule.Fork, $"{stream.Device} saw {entry}; the log has {(entry.Seq - 1 < (ulong)_history.Log.Count ? _history.Log[(int)entry.Seq - 1] : null)}");
            }

            if (_operations.TryGetValue((entry.Device, entry.OpSeq), out var operation) && operation.Invoked > seen.At)
            {
                Found(Rule.RealTime, $"{stream.Device} saw {entry} before it was begun");
            }
        }

        if (seen.Seq != cursor)
        {
            Found(Rule.Gap, $"changes up to {seen.Seq} for {stream.Device} end at {cursor}");
        }

        return cursor;
    }
}
