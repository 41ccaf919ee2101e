using System.Buffers.Binary;
using Grpc.Core;
using Kpm.V1;

namespace Kpm.Server.Tests.Faults;

/// <summary>
/// A device that is offline while the others write. It catches up from its cursor and compares the log with what the
/// writers sent and with what they were promised.
/// </summary>
internal sealed class Auditor(TestDevice device, IReadOnlyDictionary<string, Writer> writers)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly Dictionary<(string Device, ulong OpSeq), (ulong Seq, ulong Rev)> _log = [];
    private readonly LogReader _reader = new();

    private readonly List<Change> _changes = [];

    public int Entries => _log.Count;

    /// <summary>The log as far as it was read.</summary>
    public IReadOnlyList<Change> Changes => _changes;

    /// <summary>Catches up without a gap to the head, whose chain hash must be the one that follows from the headers.</summary>
    public async Task CatchUpAsync(CallInvoker server, CancellationToken cancellationToken)
    {
        var client = new VaultService.VaultServiceClient(server);
        var vault = await client.GetVaultAsync(new GetVaultRequest(), device.Headers, cancellationToken: cancellationToken);
        Assert.True(vault.HeadSeq >= _reader.Cursor, $"the head went back from {_reader.Cursor} to {vault.HeadSeq}");
        var request = new WatchRequest { Generation = _reader.Cursor == 0 ? 0UL : 1, Cursor = _reader.Cursor };
        if (_reader.Cursor > 0)
        {
            request.ChainHash = Google.Protobuf.ByteString.CopyFrom(_reader.ChainHash);
        }

        using var watch = client.Watch(request, device.Headers, DateTime.UtcNow + Patience, cancellationToken);
        while (_reader.Cursor < vault.HeadSeq)
        {
            Assert.True(await watch.ResponseStream.MoveNext(cancellationToken), "the watch ended before the head");
            var message = watch.ResponseStream.Current;
            Assert.True(
                message.EventCase is WatchResponse.EventOneofCase.Welcome or WatchResponse.EventOneofCase.Changes or WatchResponse.EventOneofCase.CaughtUp or WatchResponse.EventOneofCase.Ping,
                $"instead of changes: {message}");
            if (message.EventCase == WatchResponse.EventOneofCase.Changes)
            {
                _reader.Take(message.Changes);
                foreach (var change in message.Changes.Entries)
                {
                    Enter(change);
                    _changes.Add(change);
                }
            }
        }

        Assert.Equal(vault.HeadSeq, _reader.Cursor);
        Assert.Equal(vault.ChainHash.ToByteArray(), _reader.ChainHash);
    }

    /// <summary>Acknowledged means in the log exactly once, at the acknowledged place; refused means not in the log.</summary>
    public void Compare(bool everythingAnswered)
    {
        foreach (var writer in writers.Values)
        {
            foreach (var (opSeq, sent) in writer.Ledger)
            {
                var logged = _log.TryGetValue((writer.Device.Id, opSeq), out var place);
                switch (sent.Result?.ResultCase)
                {
                    case OperationResult.ResultOneofCase.Applied:
                        Assert.True(logged, $"acknowledged and lost: {sent.Result}");
                        Assert.Equal((sent.Result.Applied.Seq, sent.Result.Applied.Rev), place);
                        break;
                    case null:
                        Assert.False(everythingAnswered, $"no answer for op_seq {opSeq}");
                        break;
                    default:
                        Assert.False(logged, $"refused and yet in the log: {sent.Result}");
                        break;
                }
            }
        }
    }

    private void Enter(Change change)
    {
        var author = new Guid(change.Header.Span.Slice(48, 16), bigEndian: true).ToString("D");
        var opSeq = BinaryPrimitives.ReadUInt64BigEndian(change.Header.Span[64..]);
        Assert.True(_log.TryAdd((author, opSeq), (change.Seq, change.Rev)), $"twice in the log: op_seq {opSeq} of {author}");
        Assert.True(writers[author].Ledger.TryGetValue(opSeq, out var sent), $"in the log, but never sent: op_seq {opSeq} of {author}");
        Assert.Equal(sent.Operation.Header, change.Header);
        Assert.Equal(sent.Operation.Signature, change.Signature);
        Assert.Equal(change.Superseded ? Google.Protobuf.ByteString.Empty : sent.Operation.Envelope, change.Envelope);
        Assert.Equal((sent.Operation.Kind, sent.Operation.SubjectId, sent.Operation.BaseRev + 1), (change.Kind, change.SubjectId, change.Rev));
    }
}
