using System.Security.Cryptography;
using System.Threading.Channels;
using Google.Protobuf;
using Grpc.Core;
using Kpm.Client.Accounts;
using Kpm.Client.Kpm1;
using Kpm.Client.Storage;
using Kpm.V1;

namespace Kpm.Client.Sync;

/// <summary>Drives Sync streams: opens, reads, writes, resumes. What to do stands in SyncProtocol and SyncStore.</summary>
internal sealed class SyncEngine
{
    private static readonly TimeSpan OutboxPoll = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan FirstAnswer = TimeSpan.FromSeconds(30);

    private readonly VaultService.VaultServiceClient _vaults;
    private readonly ServerCalls _calls;
    private readonly SessionKeeper _sessions;
    private readonly LocalStore _local;
    private readonly SyncStore _store;
    private readonly DeviceIdentity _device;
    private readonly TimeProvider _time;
    private readonly Backoff _backoff = new(() => RandomNumberGenerator.GetInt32(int.MaxValue) / (double)int.MaxValue);

    public SyncEngine(VaultService.VaultServiceClient vaults, ServerCalls calls, SessionKeeper sessions, LocalStore local, SyncStore store, DeviceIdentity device, TimeProvider time)
    {
        _vaults = vaults;
        _calls = calls;
        _sessions = sessions;
        _local = local;
        _store = store;
        _device = device;
        _time = time;
    }

    /// <summary>Synchronises until everything is exchanged; without a connection the error is the caller's.</summary>
    public async Task RunUntilIdleAsync(Action<SyncEvent> report, CancellationToken cancellationToken)
    {
        while (await RunStreamAsync(report, untilIdle: true, cancellationToken) is { } resume)
        {
            await Task.Delay(_backoff.Next(resume.After), _time, cancellationToken);
        }
    }

    /// <summary>Synchronises until cancelled, through lost connections.</summary>
    public async Task RunAsync(Action<SyncEvent> report, CancellationToken cancellationToken)
    {
        while (true)
        {
            TimeSpan wait;
            string why;
            try
            {
                var resume = await RunStreamAsync(report, untilIdle: false, cancellationToken);
                (wait, why) = (_backoff.Next(resume?.After), "The server ended the stream.");
            }
            catch (ServerException error) when (error.IsTransient)
            {
                (wait, why) = (_backoff.Next(error.RetryAfter), error.Message);
            }

            report(new SyncEvent.Offline(wait, why));
            await Task.Delay(wait, _time, cancellationToken);
        }
    }

    /// <summary>Runs one stream. Returns how to resume, or null when it is done.</summary>
    private async Task<SyncEffect.Resume?> RunStreamAsync(Action<SyncEvent> report, bool untilIdle, CancellationToken cancellationToken)
    {
        using var lifetime = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var token = await _sessions.AccessTokenAsync(cancellationToken);
        var vault = _store.Vault();
        using var call = _vaults.Sync(new CallOptions(SessionKeeper.Authorization(token), cancellationToken: lifetime.Token));
        var inbox = Channel.CreateBounded<SyncResponse?>(16);
        var reader = ReadAsync(call.ResponseStream, inbox.Writer, lifetime.Token);
        var ticker = TickAsync(inbox.Writer, lifetime.Token);
        var stream = new OpenStream(this, call.RequestStream, report, untilIdle, token, vault);
        try
        {
            await call.RequestStream.WriteAsync(Hello(vault, token), cancellationToken);
            return await stream.RunAsync(inbox.Reader, cancellationToken);
        }
        catch (Exception failed) when (failed is RpcException or InvalidOperationException or IOException or ChannelClosedException)
        {
            return await ExplainAsync(failed, reader, token, cancellationToken);
        }
        finally
        {
            await lifetime.CancelAsync();
            await Task.WhenAll(reader, ticker).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>A write can only say that the stream is over; why stands in the status, which the reader got.</summary>
    private async Task<SyncEffect.Resume?> ExplainAsync(Exception failed, Task reader, string token, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var status = failed as RpcException ?? failed.InnerException as RpcException;
        if (status is null)
        {
            try
            {
                await reader.WaitAsync(FirstAnswer, _time, cancellationToken);
                return new SyncEffect.Resume(null, RenewToken: false);
            }
            catch (RpcException error)
            {
                status = error;
            }
        }

        var typed = ServerException.From(status);
        if (typed.Reason == ErrorReason.SessionInvalid)
        {
            await _sessions.RenewAsync(token, cancellationToken);
            return new SyncEffect.Resume(null, RenewToken: false);
        }

        throw typed;
    }

    private SyncRequest Hello(VaultRow vault, string token)
    {
        var hello = new Hello
        {
            Generation = vault.Seq == 0 ? 0 : (ulong)vault.Generation,
            Cursor = (ulong)vault.Seq,
            Proof = DeviceProofs.Sign(DeviceProofs.Sync, token, _device.SigningKey, _time),

            // What others have overwritten since need not come to a device that begins.
            Snapshot = vault.Seq == 0,
        };
        hello.Versions.Add(SyncProtocol.Version);
        if (vault.Seq > 0)
        {
            hello.ChainHash = ByteString.CopyFrom(vault.ChainHash);
        }

        return new SyncRequest { Hello = hello };
    }

    /// <summary>A snapshot of a later key epoch can only be verified with its keys, so they come first.</summary>
    private async Task BeginSnapshotAsync(SnapshotBegin begin, Action<SyncEvent> report, CancellationToken cancellationToken)
    {
        var epoch = Checkpoint.Parse(begin.Checkpoint.Span).KeyEpoch;
        if (epoch > _store.KeyEpoch)
        {
            var remote = await _calls.SessionAsync(to => _vaults.GetVaultAsync(new GetVaultRequest(), to), cancellationToken);
            var adopted = remote.Keyset is not null && _store.Adopt(remote.Keyset);
            report(new SyncEvent.Rekeyed(epoch, adopted));
            if (!adopted)
            {
                throw new Kpm1Exception(Kpm1Error.KeyEpochUnknown);
            }
        }

        _store.Snapshots.Begin(begin);
    }

    /// <summary>A courtesy to the vault's other devices: what comes of it must not end the stream.</summary>
    private async Task PublishAsync(ulong seq, Action<SyncEvent> report, CancellationToken cancellationToken)
    {
        if (_store.Checkpoint(seq) is not { } request)
        {
            return;
        }

        try
        {
            await _calls.SessionAsync(to => _vaults.PublishCheckpointAsync(request, to), cancellationToken);
            report(new SyncEvent.CheckpointPublished(seq));
        }
        catch (ServerException refused)
        {
            report(new SyncEvent.CheckpointRefused(refused.Message));
        }
    }

    private static async Task ReadAsync(IAsyncStreamReader<SyncResponse> stream, ChannelWriter<SyncResponse?> inbox, CancellationToken cancellationToken)
    {
        try
        {
            while (await stream.MoveNext(cancellationToken))
            {
                await inbox.WriteAsync(stream.Current, cancellationToken);
            }

            inbox.TryComplete();
        }
        catch (Exception ended)
        {
            inbox.TryComplete(ended);
            throw;
        }
    }

    /// <summary>Looks now and then for operations that this or another process has queued; null in the inbox means "look".</summary>
    private async Task TickAsync(ChannelWriter<SyncResponse?> inbox, CancellationToken cancellationToken)
    {
        using var timer = new PeriodicTimer(OutboxPoll, _time);
        var (seen, own) = (_local.DataVersion(), _local.OwnWrites);
        while (await timer.WaitForNextTickAsync(cancellationToken))
        {
            var (now, ownNow) = (_local.DataVersion(), _local.OwnWrites);
            if (now != seen || ownNow != own)
            {
                (seen, own) = (now, ownNow);
                inbox.TryWrite(null);
            }
        }
    }

    /// <summary>One open stream: carries out the protocol's effects in order, on one logical thread.</summary>
    private sealed class OpenStream(SyncEngine engine, IClientStreamWriter<SyncRequest> requests, Action<SyncEvent> report, bool untilIdle, string token, VaultRow vault)
    {
        private readonly SyncProtocol _protocol = new((ulong)vault.Generation, (ulong)vault.Seq, (ulong)vault.LastOpSeq);
        private readonly HashSet<ulong> _inFlight = [];
        private string _token = token;
        private bool _caughtUp;

        public async Task<SyncEffect.Resume?> RunAsync(ChannelReader<SyncResponse?> inbox, CancellationToken cancellationToken)
        {
            while (true)
            {
                var patience = _protocol.Heartbeat is { } heartbeat ? heartbeat * 3 : FirstAnswer;
                SyncResponse? message;
                using (var timeout = new CancellationTokenSource(patience, engine._time))
                using (var both = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellationToken))
                {
                    try
                    {
                        message = await inbox.ReadAsync(both.Token);
                    }
                    catch (OperationCanceledException) when (timeout.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
                    {
                        return new SyncEffect.Resume(null, RenewToken: false);
                    }
                }

                foreach (var effect in message is null ? [] : _protocol.Handle(message))
                {
                    if (effect is SyncEffect.Resume resume)
                    {
                        await RenewIfAskedAsync(resume, cancellationToken);
                        return resume;
                    }

                    await CarryOutAsync(effect, cancellationToken);
                }

                if (_caughtUp)
                {
                    await SendAsync(cancellationToken);
                    if (untilIdle && engine._store.IsIdle())
                    {
                        await requests.CompleteAsync();
                        return null;
                    }
                }
            }
        }

        private async Task CarryOutAsync(SyncEffect effect, CancellationToken cancellationToken)
        {
            switch (effect)
            {
                case SyncEffect.Store store:
                    Report(engine._store.Add(store.Entries));
                    await WriteAsync(new SyncRequest { Ack = new Ack { Seq = store.Entries[^1].Seq } }, cancellationToken);
                    break;
                case SyncEffect.BeginSnapshot begin:
                    await engine.BeginSnapshotAsync(begin.Begin, report, cancellationToken);
                    break;
                case SyncEffect.AddRows rows:
                    engine._store.Snapshots.Add(rows.Rows);
                    break;
                case SyncEffect.EndSnapshot end:
                    Report(engine._store.Snapshots.End());
                    await WriteAsync(new SyncRequest { Ack = new Ack { Seq = end.AsOf } }, cancellationToken);
                    break;
                case SyncEffect.Publish publish:
                    await engine.PublishAsync(publish.Seq, report, cancellationToken);
                    break;
                case SyncEffect.NearlyFull:
                    report(new SyncEvent.NearlyFull());
                    break;
                case SyncEffect.Bookmark bookmark:
                    Report(engine._store.Bookmark());
                    if (bookmark.First)
                    {
                        _caughtUp = true;
                        engine._backoff.Reset();
                        report(new SyncEvent.CaughtUp(bookmark.Seq));
                    }

                    break;
                case SyncEffect.Result result:
                    _inFlight.Remove(result.Value.OpSeq);
                    Report(engine._store.Result(result.Value));
                    break;
                case SyncEffect.Security security:
                    report(new SyncEvent.Security(security.Happened));
                    break;
                case SyncEffect.Pong:
                    await WriteAsync(new SyncRequest { Pong = new Pong() }, cancellationToken);
                    break;
                case SyncEffect.Renew:
                    await ReauthAsync(cancellationToken);
                    break;
                case SyncEffect.Revoked revoked:
                    engine._local.EndSession();
                    await AcknowledgeRevocationAsync(cancellationToken);
                    throw new SyncStoppedException(ToStop(revoked.Reason));
                case SyncEffect.Stop stop:
                    throw new SyncStoppedException(stop.Reason);
                default:
                    throw new InvalidOperationException($"Unknown effect {effect.GetType().Name}.");
            }
        }

        private static SyncStop ToStop(RevokedReason reason) => reason switch
        {
            RevokedReason.SignedOut => SyncStop.SignedOut,
            RevokedReason.PasswordChanged => SyncStop.PasswordChanged,
            RevokedReason.AccountDeletion or RevokedReason.AccountRemoved => SyncStop.AccountDeleted,
            RevokedReason.AccountSuspended => SyncStop.AccountSuspended,
            _ => SyncStop.Revoked,
        };

        private async Task SendAsync(CancellationToken cancellationToken)
        {
            var limits = _protocol.Limits!;
            while (true)
            {
                var most = (int)Math.Min(limits.MaxOperationsPerPush, limits.MaxOperationsInFlight - Math.Min(limits.MaxOperationsInFlight, (uint)_inFlight.Count));
                var operations = most == 0 ? [] : engine._store.TakeToSend(_inFlight, most);
                if (operations.Count == 0)
                {
                    return;
                }

                var push = new Push();
                push.Operations.AddRange(operations);
                _inFlight.UnionWith(operations.Select(operation => operation.OpSeq));
                await WriteAsync(new SyncRequest { Push = push }, cancellationToken);
            }
        }

        private async Task ReauthAsync(CancellationToken cancellationToken)
        {
            _token = await engine._sessions.RenewAsync(_token, cancellationToken);
            var reauth = new Reauth { AccessToken = _token, Proof = DeviceProofs.Sign(DeviceProofs.Sync, _token, engine._device.SigningKey, engine._time) };
            await WriteAsync(new SyncRequest { Reauth = reauth }, cancellationToken);
        }

        private async Task RenewIfAskedAsync(SyncEffect.Resume resume, CancellationToken cancellationToken)
        {
            if (resume.RenewToken)
            {
                await engine._sessions.RenewAsync(_token, cancellationToken);
            }
        }

        private async Task AcknowledgeRevocationAsync(CancellationToken cancellationToken)
        {
            try
            {
                await WriteAsync(new SyncRequest { RevokedAck = new RevokedAck() }, cancellationToken);
                await requests.CompleteAsync();
            }
            catch (Exception closed) when (closed is RpcException or InvalidOperationException)
            {
                // The receipt is a courtesy: the server may have closed the stream already.
            }
        }

        private Task WriteAsync(SyncRequest request, CancellationToken cancellationToken) => requests.WriteAsync(request, cancellationToken);

        private void Report(List<SyncEvent> events)
        {
            foreach (var happened in events)
            {
                report(happened);
            }
        }
    }
}
