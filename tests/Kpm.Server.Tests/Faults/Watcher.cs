using Grpc.Core;
using Kpm.Server.Tests.Faults.Histories;
using Kpm.V1;

namespace Kpm.Server.Tests.Faults;

/// <summary>A device that only reads: it watches, resumes where it was, and asks where the log stands.</summary>
internal sealed class Watcher(TestDevice device, HistoryRecorder history)
{
    private readonly LogReader _log = new();

    public ulong Cursor => _log.Cursor;

    /// <summary>How often it asked and got an answer.</summary>
    public int Answers { get; private set; }

    public async Task WatchAsync(CallInvoker server, CancellationToken stop)
    {
        var request = new WatchRequest { Generation = _log.Cursor == 0 ? 0UL : 1, Cursor = _log.Cursor };
        if (_log.Cursor > 0)
        {
            request.ChainHash = Google.Protobuf.ByteString.CopyFrom(_log.ChainHash);
        }

        var seen = history.Opened(device.Id, _log.Cursor);
        using var call = new VaultService.VaultServiceClient(server).Watch(request, device.Headers, cancellationToken: stop);
        while (await call.ResponseStream.MoveNext(stop))
        {
            var message = call.ResponseStream.Current;
            switch (message.EventCase)
            {
                case WatchResponse.EventOneofCase.Welcome:
                    seen.Welcome(message.Welcome);
                    break;
                case WatchResponse.EventOneofCase.Changes:
                    seen.Changes(message.Changes);
                    _log.Take(message.Changes);
                    break;
                case WatchResponse.EventOneofCase.CaughtUp:
                    seen.CaughtUp(message.CaughtUp);
                    break;
                case WatchResponse.EventOneofCase.Ping:
                    seen.Ping(message.Ping);
                    break;
                case WatchResponse.EventOneofCase.GoAway:
                    return;
                default:
                    Assert.Fail($"unexpected in the watch: {message}");
                    break;
            }
        }
    }

    /// <summary>Reads what anybody was told was written.</summary>
    public async Task AskAsync(CallInvoker server, CancellationToken stop)
    {
        var client = new VaultService.VaultServiceClient(server);
        while (!stop.IsCancellationRequested)
        {
            var minSeq = history.NewestApplied;
            var invoked = HistoryRecorder.Now;
            var vault = await client.GetVaultAsync(new GetVaultRequest { MinSeq = minSeq }, device.Headers, cancellationToken: stop);
            history.Read(invoked, minSeq, vault);
            Answers++;
            await Task.Delay(TimeSpan.FromMilliseconds(2), stop);
        }
    }
}
