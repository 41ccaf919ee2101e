using System.Buffers.Binary;
using System.Security.Cryptography;
using Grpc.Core;
using Kpm.V1;

namespace Kpm.Bench.Product;

/// <summary>
/// A device that opens its stream, reads to the bookmark and leaves, again and again: it keeps cursor and chain hash in
/// between, as an app does on its disk.
/// </summary>
internal sealed class VaultReader(BenchDevice device)
{
    private const string Method = "/kpm.v1.VaultService/Sync";

    private byte[] _chain = new byte[SHA256.HashSizeInBytes];
    private ulong _generation;

    /// <summary>The last seq that was read.</summary>
    public ulong Cursor { get; private set; }

    /// <summary>Begins anew, as a device that holds nothing.</summary>
    public void Forget()
    {
        _generation = Cursor = 0;
        _chain = new byte[SHA256.HashSizeInBytes];
    }

    /// <summary>Opens the stream at the cursor and reads to the bookmark. Gives the size of each message that came.</summary>
    /// <param name="channel">To the server.</param>
    /// <param name="chained">Takes what comes into the chain, to resume from it later.</param>
    /// <param name="cancel">The run's.</param>
    public async Task<List<int>> ReadAsync(ChannelBase channel, bool chained, CancellationToken cancel)
    {
        using var call = new VaultService.VaultServiceClient(channel).Sync(device.Headers(), cancellationToken: cancel);
        var hello = new Hello { Versions = { 1 }, Generation = _generation, Cursor = Cursor, Proof = device.Proof(Method) };
        if (Cursor > 0)
        {
            hello.ChainHash = Google.Protobuf.ByteString.CopyFrom(_chain);
        }

        await call.RequestStream.WriteAsync(new SyncRequest { Hello = hello }, cancel);
        var sizes = new List<int>();
        while (await call.ResponseStream.MoveNext(cancel))
        {
            var message = call.ResponseStream.Current;
            sizes.Add(message.CalculateSize());
            switch (message.MessageCase)
            {
                case SyncResponse.MessageOneofCase.Welcome:
                    _generation = message.Welcome.Generation;
                    break;
                case SyncResponse.MessageOneofCase.Changes:
                    Take(message.Changes, chained);
                    await call.RequestStream.WriteAsync(new SyncRequest { Ack = new Ack { Seq = Cursor } }, cancel);
                    break;
                case SyncResponse.MessageOneofCase.CaughtUp:
                    await call.RequestStream.CompleteAsync();
                    return message.CaughtUp.Seq == Cursor
                        ? sizes
                        : throw new InvalidOperationException($"The bookmark is at {message.CaughtUp.Seq}, the cursor at {Cursor}.");
                default:
                    throw new InvalidOperationException($"Not what a stream begins with: {message.MessageCase}");
            }
        }

        throw new InvalidOperationException("The stream ended before its bookmark.");
    }

    private void Take(Changes changes, bool chained)
    {
        if (changes.PrevSeq != Cursor)
        {
            throw new InvalidOperationException($"Changes begin after {changes.PrevSeq}, the cursor is {Cursor}.");
        }

        Cursor = changes.LastSeq;
        if (!chained)
        {
            return;
        }

        Span<byte> input = stackalloc byte[SHA256.HashSizeInBytes + sizeof(ulong) + SHA256.HashSizeInBytes];
        foreach (var change in changes.Entries)
        {
            _chain.CopyTo(input);
            BinaryPrimitives.WriteUInt64BigEndian(input[SHA256.HashSizeInBytes..], change.Seq);
            SHA256.HashData(change.Header.Span, input[(SHA256.HashSizeInBytes + sizeof(ulong))..]);
            SHA256.HashData(input, _chain);
        }
    }
}
