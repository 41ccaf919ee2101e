using Grpc.Core;
using Kpm.V1;

namespace Kpm.Bench.Product;

/// <summary>A device's open <c>Sync</c> stream.</summary>
internal sealed class SyncStream : IDisposable
{
    private const string Method = "/kpm.v1.VaultService/Sync";

    private readonly AsyncDuplexStreamingCall<SyncRequest, SyncResponse> _call;
    private readonly BenchDevice _device;
    private ulong _acknowledged;
    private ulong _lastApplied;

    private SyncStream(BenchDevice device, AsyncDuplexStreamingCall<SyncRequest, SyncResponse> call)
    {
        _device = device;
        _call = call;
    }

    public Welcome Welcome { get; private set; } = new();

    public SyncResponse Current => _call.ResponseStream.Current;

    /// <summary>Opens the stream at the device's cursor and reads to the bookmark.</summary>
    public static async Task<SyncStream> OpenAsync(ChannelBase channel, BenchDevice device, CancellationToken cancel)
    {
        var call = new VaultService.VaultServiceClient(channel).Sync(device.Headers(), cancellationToken: cancel);
        var stream = new SyncStream(device, call);
        var hello = new Hello { Versions = { 1 }, Proof = device.Proof(Method) };
        await call.RequestStream.WriteAsync(new SyncRequest { Hello = hello }, cancel);
        if (!await stream.NextAsync(cancel) || stream.Current.MessageCase != SyncResponse.MessageOneofCase.Welcome)
        {
            throw new InvalidOperationException("The stream did not begin with Welcome.");
        }

        stream.Welcome = stream.Current.Welcome;
        device.Cursor = 0;
        while (await stream.NextAsync(cancel) && stream.Current.MessageCase != SyncResponse.MessageOneofCase.CaughtUp)
        {
            await stream.AcknowledgeAsync(cancel);
        }

        await stream.AcknowledgeAsync(cancel, now: true);
        return stream;
    }

    /// <summary>Reads the next message; keeps the cursor, answers pings.</summary>
    public async ValueTask<bool> NextAsync(CancellationToken cancel)
    {
        while (await _call.ResponseStream.MoveNext(cancel))
        {
            switch (Current.MessageCase)
            {
                case SyncResponse.MessageOneofCase.Ping:
                    await _call.RequestStream.WriteAsync(new SyncRequest { Pong = new Pong() }, cancel);
                    continue;
                case SyncResponse.MessageOneofCase.Changes when Current.Changes.PrevSeq != _device.Cursor:
                    throw new InvalidOperationException($"Changes begin after {Current.Changes.PrevSeq}, the cursor is {_device.Cursor}.");
                case SyncResponse.MessageOneofCase.Changes:
                    _device.Cursor = Current.Changes.LastSeq;
                    return true;
                case SyncResponse.MessageOneofCase.OpResult when Current.OpResult.Applied is { } applied:
                    _lastApplied = applied.Seq;
                    return true;
                case SyncResponse.MessageOneofCase.GoAway or SyncResponse.MessageOneofCase.Revoked or SyncResponse.MessageOneofCase.ResyncRequired:
                    throw new InvalidOperationException($"The server ended the stream: {Current}");
                default:
                    return true;
            }
        }

        return false;
    }

    /// <summary>Reads until the device has seen its own last operation in the log, and acknowledges it.</summary>
    public async Task CatchUpAsync(CancellationToken cancel)
    {
        while (_device.Cursor < _lastApplied && await NextAsync(cancel))
        {
            await AcknowledgeAsync(cancel);
        }

        await AcknowledgeAsync(cancel, now: true);
    }

    public Task SendAsync(SyncRequest request, CancellationToken cancel) => _call.RequestStream.WriteAsync(request, cancel);

    /// <summary>Acknowledges what was received, once it is a quarter of what the server lets stand, or now.</summary>
    public Task AcknowledgeAsync(CancellationToken cancel, bool now = false)
    {
        if (_device.Cursor - _acknowledged < (now ? 1u : 64u))
        {
            return Task.CompletedTask;
        }

        _acknowledged = _device.Cursor;
        return SendAsync(new SyncRequest { Ack = new Ack { Seq = _acknowledged } }, cancel);
    }

    public void Dispose() => _call.Dispose();
}
