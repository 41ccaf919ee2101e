namespace Kpm.Server.Tests.Faults.Histories;

/// <summary>The greatest seq that anybody knew of at any time, and the least that was only begun after a time.</summary>
internal sealed class Known
{
    private readonly long[] _times;
    private readonly ulong[] _seqs;
    private readonly long[] _begun;
    private readonly ulong[] _firstAfter;

    public Known(AccountHistory history, IReadOnlyDictionary<(string Device, ulong OpSeq), HistoryEntry> log)
    {
        var known = history.Operations
            .SelectMany(o => o.Answers.Where(a => a.Answer.Kind == AnswerKind.Applied).Select(a => (a.At, a.Answer.Seq)))
            .Concat(history.Reads.Select(r => (At: r.Returned, Seq: r.Head)))
            .Concat(history.Streams.SelectMany(s => s.Events).Select(e => (e.At, e.Seq)))
            .OrderBy(k => k.At)
            .ToList();
        _times = [.. known.Select(k => k.At)];
        _seqs = new ulong[known.Count];
        var most = 0UL;
        for (var i = 0; i < known.Count; i++)
        {
            _seqs[i] = most = Math.Max(most, known[i].Seq);
        }

        var begun = history.Operations.Where(o => log.ContainsKey((o.Device, o.OpSeq))).Select(o => (o.Invoked, log[(o.Device, o.OpSeq)].Seq)).OrderBy(b => b.Invoked).ToList();
        _begun = [.. begun.Select(b => b.Invoked)];
        _firstAfter = new ulong[begun.Count + 1];
        _firstAfter[^1] = (ulong)history.Log.Count + 1;
        for (var i = begun.Count - 1; i >= 0; i--)
        {
            _firstAfter[i] = Math.Min(_firstAfter[i + 1], begun[i].Seq);
        }
    }

    /// <summary>The log was at least this long then.</summary>
    public ulong Before(long time)
    {
        var index = Array.BinarySearch(_times, time);
        index = index < 0 ? ~index : index;
        while (index > 0 && _times[index - 1] >= time)
        {
            index--;
        }

        return index == 0 ? 0 : _seqs[index - 1];
    }

    /// <summary>The log was shorter than this then: it is the first entry that was begun later.</summary>
    public ulong FirstBegunAfter(long time)
    {
        var index = Array.BinarySearch(_begun, time);
        index = index < 0 ? ~index : index;
        while (index < _begun.Length && _begun[index] <= time)
        {
            index++;
        }

        return _firstAfter[index];
    }
}
