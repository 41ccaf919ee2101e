using Google.Protobuf.Collections;
using Grpc.Core;
using Kpm.Server.Rpc;
using Kpm.V1;

namespace Kpm.Server.Vaults.Streams;

/// <summary>The reading half: the device's messages.</summary>
internal sealed partial class SyncStream
{
    private readonly AsyncSignal _room = new();
    private volatile bool _refused;
    private Caller? _renewed;

    private async Task ReadAsync(IAsyncStreamReader<SyncRequest> requests, CancellationToken stop)
    {
        try
        {
            while (await requests.MoveNext(stop))
            {
                lock (_gate)
                {
                    _unansweredPingAt = null;
                }

                await TakeAsync(requests.Current, stop);
            }
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // The stream has ended, here or at the client.
        }
        catch (Exception e)
        {
            // The loop that owns the response answers it.
            Interlocked.CompareExchange(ref _failure, e, null);
        }
        finally
        {
            Volatile.Write(ref _requestsEnded, true);
            Wake();
        }
    }

    private async ValueTask TakeAsync(SyncRequest request, CancellationToken stop)
    {
        switch (request.MessageCase)
        {
            // A receipt ahead of the word would stand in the owner's list for something that the device never heard.
            case SyncRequest.MessageOneofCase.RevokedAck when Volatile.Read(ref _revokedSent):
                Volatile.Write(ref _receipt, true);
                Wake();
                break;

            // After the end was announced, only the receipt still counts.
            case not SyncRequest.MessageOneofCase.RevokedAck when Revoked is not null || IsEnding:
                break;

            case SyncRequest.MessageOneofCase.Push:
                await PushAsync(request.Push.Operations, request.Push.Atomic, stop);
                break;

            case SyncRequest.MessageOneofCase.Ack:
                Acknowledge(request.Ack.Seq);
                break;

            case SyncRequest.MessageOneofCase.Pong:
                break;

            case SyncRequest.MessageOneofCase.Reauth:
                await ReauthenticateAsync(request.Reauth, stop);
                break;

            default:
                throw Errors.Of(ErrorReason.ProtocolViolation);
        }
    }

    private async ValueTask PushAsync(RepeatedField<Operation> messages, bool atomic, CancellationToken stop)
    {
        var push = new StreamPush(this)
        {
            AccountId = Caller.AccountId,
            SessionId = Caller.SessionId,
            DeviceId = Caller.DeviceId,
            Operations = PushRules.Prepare(messages, Caller),
            Atomic = atomic,
        };
        Interlocked.Add(ref _inFlight, push.Operations.Count);
        _context.Store.Push(push);
        while (Volatile.Read(ref _inFlight) >= _context.Limits.OperationsInFlight && !stop.IsCancellationRequested)
        {
            await _room.WaitAsync();
        }
    }

    private void Acknowledge(ulong seq)
    {
        bool known;
        lock (_gate)
        {
            known = _window.TryAcknowledge(seq);
        }

        if (!known)
        {
            throw Errors.Of(ErrorReason.ProtocolViolation);
        }

        // A lagging stream goes on.
        Wake();
    }

    private async ValueTask ReauthenticateAsync(Reauth reauth, CancellationToken stop)
    {
        var caller = await _context.Sessions.FindAsync(reauth.AccessToken, stop);
        if (caller is null || caller.AccountId != Caller.AccountId || caller.DeviceId != Caller.DeviceId)
        {
            throw Errors.Of(ErrorReason.SessionInvalid);
        }

        _context.Proofs.Verify(Sync.Method, caller.AccessTokenHash, reauth.Proof, caller.DeviceId, caller.SigningKey);
        Volatile.Write(ref _renewed, caller);
        Wake();
    }

    /// <summary>A Push of this stream on its way through the writer.</summary>
    private sealed class StreamPush(SyncStream stream) : VaultPush
    {
        public override ILiveStream Stream => stream;

        public override bool Abandoned => stream._refused;

        public override void RolledBack() => stream._refused = true;

        public override void Completed(IReadOnlyList<Outcome> outcomes)
        {
            lock (stream._gate)
            {
                stream._results.Enqueue((this, outcomes));
            }

            // After the results are there, so that a stream that is ending does not take itself for finished.
            Interlocked.Add(ref stream._inFlight, -Operations.Count);

            stream.Wake();
            stream._room.Set();
        }

        public override void Refused(Exception reason)
        {
            stream._refused = true;
            Interlocked.CompareExchange(ref stream._failure, reason, null);
            stream.Wake();
            stream._room.Set();
        }
    }
}
