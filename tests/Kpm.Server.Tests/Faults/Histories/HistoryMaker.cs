using System.Globalization;

namespace Kpm.Server.Tests.Faults.Histories;

/// <summary>Makes histories as a server makes them that keeps every promise: seeded, with operations under way at the same time.</summary>
internal sealed class HistoryMaker(int seed)
{
    private const int Devices = 3;
    private const int Subjects = 4;

    private readonly Random _random = new(seed);
    private readonly List<HistoryOperation> _operations = [];
    private readonly List<HistoryEntry> _log = [];
    private readonly List<HeadRead> _reads = [];
    private readonly List<StreamHistory> _streams = [];
    private readonly Dictionary<string, ulong> _revs = new(StringComparer.Ordinal);
    private readonly List<HistoryOperation>[] _under = [.. Enumerable.Range(0, Devices).Select(_ => new List<HistoryOperation>())];
    private readonly Answer?[][] _decided = [.. Enumerable.Range(0, Devices).Select(_ => Array.Empty<Answer?>())];
    private readonly ulong[] _opSeqs = new ulong[Devices];
    private readonly Dictionary<int, (long Invoked, ulong Head, ulong MinSeq)> _asked = [];
    private long _time;
    private int _batches;

    public AccountHistory Make(int steps)
    {
        for (var device = 0; device < Devices; device++)
        {
            _streams.Add(new StreamHistory($"d{device}", ++_time, 0, 0, [new StreamEvent(++_time, StreamEventKind.Welcome, 0)]));
        }

        for (var step = 0; step < steps; step++)
        {
            var device = _random.Next(Devices);
            switch (_random.Next(4))
            {
                case 0 or 1:
                    Advance(device);
                    break;
                case 2:
                    Read(device);
                    break;
                default:
                    Stream(device);
                    break;
            }
        }

        return new AccountHistory(_operations, _reads, _streams, _log, [.. _log.Select(e => Chain(e.Seq))]);
    }

    public static string Chain(ulong seq) => string.Create(CultureInfo.InvariantCulture, $"chain {seq}");

    /// <summary>A Push of the device is sent, or decided, or answered.</summary>
    private void Advance(int device)
    {
        if (_under[device].Count == 0)
        {
            var batch = ++_batches;
            var atomic = _random.Next(2) == 0;
            var count = _random.Next(1, 4);
            var invoked = ++_time;
            var subjects = Enumerable.Range(0, Subjects).Select(s => $"s{s}").ToArray();
            _random.Shuffle(subjects);
            foreach (var subject in subjects.Take(count))
            {
                var operation = new HistoryOperation($"d{device}", ++_opSeqs[device], subject, _revs.GetValueOrDefault(subject), $"d{device}/{_opSeqs[device]}") { Batch = batch, Atomic = atomic, Invoked = invoked };
                _operations.Add(operation);
                _under[device].Add(operation);
            }
        }
        else if (_decided[device].Length == 0)
        {
            _time++;
            _decided[device] = Decide(_under[device]);
        }
        else
        {
            foreach (var (operation, answer) in _under[device].Zip(_decided[device]))
            {
                operation.Answers.Add((++_time, answer!));
            }

            _under[device].Clear();
            _decided[device] = [];
        }
    }

    private Answer[] Decide(List<HistoryOperation> push)
    {
        var atomic = push[0].Atomic;
        if (atomic && push.Any(o => _revs.GetValueOrDefault(o.Subject) != o.BaseRev))
        {
            return [.. push.Select(o => _revs.GetValueOrDefault(o.Subject) is var rev && rev != o.BaseRev ? new Answer(AnswerKind.Conflict, 0, rev) : new Answer(AnswerKind.Refused, 0, 0))];
        }

        var answers = new Answer[push.Count];
        foreach (var (index, operation) in push.Index())
        {
            var rev = _revs.GetValueOrDefault(operation.Subject);
            if (rev != operation.BaseRev)
            {
                answers[index] = new Answer(AnswerKind.Conflict, 0, rev);
                continue;
            }

            _revs[operation.Subject] = rev + 1;
            _log.Add(new HistoryEntry((ulong)_log.Count + 1, operation.Device, operation.OpSeq, operation.Subject, rev + 1, atomic && index < push.Count - 1, operation.Digest));
            answers[index] = new Answer(AnswerKind.Applied, (ulong)_log.Count, rev + 1);
        }

        return answers;
    }

    private void Read(int device)
    {
        if (_asked.Remove(device, out var asked))
        {
            _reads.Add(new HeadRead(asked.Invoked, ++_time, asked.MinSeq, asked.Head, Chain(asked.Head)));
        }
        else
        {
            // The head is taken while the question is under way; others may write before the answer is there.
            _asked[device] = (++_time, (ulong)_log.Count, (ulong)_random.Next(_log.Count + 1));
        }
    }

    private void Stream(int device)
    {
        var stream = _streams[device];
        var cursor = stream.Events[^1].Seq;
        var head = (ulong)_log.Count;
        if (cursor == head)
        {
            stream.Events.Add(new StreamEvent(++_time, _random.Next(2) == 0 ? StreamEventKind.CaughtUp : StreamEventKind.Ping, head));
            return;
        }

        var upTo = cursor + 1 + (ulong)_random.Next((int)(head - cursor));
        stream.Events.Add(new StreamEvent(++_time, StreamEventKind.Changes, upTo, cursor, _log[(int)cursor..(int)upTo]));
    }
}
