using System.Buffers.Binary;
using System.Diagnostics;
using System.Security.Cryptography;
using Google.Protobuf;
using Kpm.V1;

namespace Kpm.Server.Tests.Faults.Histories;

/// <summary>Writes down what the devices of one account do and see, each thing at its time. Devices call it from any thread.</summary>
internal sealed class HistoryRecorder
{
    private readonly Lock _gate = new();
    private readonly Dictionary<(string Device, ulong OpSeq), HistoryOperation> _operations = [];
    private readonly List<HeadRead> _reads = [];
    private readonly List<StreamHistory> _streams = [];
    private int _batches;
    private ulong _newestApplied;

    public static long Now => Stopwatch.GetTimestamp();

    /// <summary>The greatest seq that any device was told as the place of its operation.</summary>
    public ulong NewestApplied => Interlocked.Read(ref _newestApplied);

    /// <summary>Before a Push is sent; sent again, it keeps the time when it was sent first.</summary>
    public void Invoked(string device, IEnumerable<Operation> operations, bool atomic)
    {
        lock (_gate)
        {
            var batch = ++_batches;
            foreach (var operation in operations)
            {
                _operations.TryAdd(
                    (device, operation.OpSeq),
                    new HistoryOperation(device, operation.OpSeq, operation.SubjectId, operation.BaseRev, Digest(operation.Header)) { Batch = batch, Atomic = atomic, Invoked = Now });
            }
        }
    }

    public void Answered(string device, OperationResult result)
    {
        var answer = result.ResultCase switch
        {
            OperationResult.ResultOneofCase.Applied => new Answer(AnswerKind.Applied, result.Applied.Seq, result.Applied.Rev),
            OperationResult.ResultOneofCase.Conflict => new Answer(AnswerKind.Conflict, 0, result.Conflict.Rev),
            _ => new Answer(AnswerKind.Refused, 0, 0),
        };
        lock (_gate)
        {
            _operations[(device, result.OpSeq)].Answers.Add((Now, answer));
            _newestApplied = Math.Max(_newestApplied, answer.Seq);
        }
    }

    /// <param name="invoked">Before the question was sent.</param>
    /// <param name="minSeq">What it waits for.</param>
    /// <param name="vault">The answer.</param>
    public void Read(long invoked, ulong minSeq, GetVaultResponse vault)
    {
        lock (_gate)
        {
            _reads.Add(new HeadRead(invoked, Now, minSeq, vault.HeadSeq, Convert.ToHexString(vault.ChainHash.Span)));
        }
    }

    /// <summary>Before the stream is opened.</summary>
    public RecordedStream Opened(string device, ulong cursor, ulong minSeq = 0)
    {
        lock (_gate)
        {
            var stream = new StreamHistory(device, Now, cursor, minSeq, []);
            _streams.Add(stream);
            return new RecordedStream(stream, _gate);
        }
    }

    /// <summary>The history, once nobody writes any more.</summary>
    /// <param name="log">The whole log, as the server has it at the end.</param>
    public AccountHistory Close(IReadOnlyList<Change> log)
    {
        var chain = new List<string>();
        var hash = new byte[32];
        foreach (var change in log)
        {
            var link = new byte[72];
            hash.CopyTo(link, 0);
            BinaryPrimitives.WriteUInt64BigEndian(link.AsSpan(32), change.Seq);
            SHA256.HashData(change.Header.Span, link.AsSpan(40));
            hash = SHA256.HashData(link);
            chain.Add(Convert.ToHexString(hash));
        }

        lock (_gate)
        {
            return new AccountHistory([.. _operations.Values], [.. _reads], [.. _streams], [.. log.Select(Entry)], chain);
        }
    }

    private static HistoryEntry Entry(Change change) => new(
        change.Seq,
        new Guid(change.Header.Span.Slice(48, 16), bigEndian: true).ToString("D"),
        BinaryPrimitives.ReadUInt64BigEndian(change.Header.Span[64..]),
        change.SubjectId,
        change.Rev,
        change.MoreInBatch,
        Digest(change.Header));

    private static string Digest(ByteString bytes) => Convert.ToHexString(SHA256.HashData(bytes.Span));

    /// <summary>One stream; what it brings is written down as it comes.</summary>
    internal sealed class RecordedStream(StreamHistory stream, Lock gate)
    {
        public void Welcome(Welcome welcome) => Add(new StreamEvent(Now, StreamEventKind.Welcome, welcome.HeadSeq));

        public void Changes(Changes changes) => Add(new StreamEvent(Now, StreamEventKind.Changes, changes.LastSeq, changes.PrevSeq, [.. changes.Entries.Select(Entry)]));

        public void CaughtUp(CaughtUp caughtUp) => Add(new StreamEvent(Now, StreamEventKind.CaughtUp, caughtUp.Seq));

        public void Ping(Ping ping) => Add(new StreamEvent(Now, StreamEventKind.Ping, ping.HeadSeq));

        private void Add(StreamEvent seen)
        {
            lock (gate)
            {
                stream.Events.Add(seen);
            }
        }
    }
}
