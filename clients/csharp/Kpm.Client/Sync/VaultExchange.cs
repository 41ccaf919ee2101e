using Kpm.Client.Accounts;
using Kpm.Client.Storage;
using Kpm.V1;

namespace Kpm.Client.Sync;

/// <summary>
/// What an open vault exchanges with the server: one process of a data folder at a time. New keys go out before the stream
/// opens, and a restored backup is taken in whole before anything else.
/// </summary>
internal sealed class VaultExchange(
    LocalStore store, SyncEngine engine, Rekeyer rekeyer, Restorer restorer, ServerCalls calls, VaultService.VaultServiceClient vaults, KeyHold hold, TimeProvider time)
{
    private static readonly TimeSpan LockPatience = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan OutboxPoll = TimeSpan.FromMilliseconds(50);

    private string LockPath => Path.Combine(store.Folder, "sync.lock");

    /// <summary>Exchanges everything; where another process is at it already, waits until that one has sent this device's edits.</summary>
    public async Task SyncAsync(Action<SyncEvent> report, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(report);
        await hold.RequireNoneAsync(cancellationToken);
        while (true)
        {
            using (var folderLock = FolderLock.TryAcquire(LockPath))
            {
                if (folderLock is not null)
                {
                    await ExchangeAsync(report, cancellationToken);
                    return;
                }
            }

            if (store.Read(connection => Outbox.All(connection).TrueForAll(row => row.Standing == OutboxState.Refused)))
            {
                return;
            }

            await Task.Delay(OutboxPoll, time, cancellationToken);
        }
    }

    /// <summary>Synchronises until cancelled, through lost connections.</summary>
    public async Task WatchAsync(Action<SyncEvent> report, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(report);
        await hold.RequireNoneAsync(cancellationToken);
        using var folderLock = await LockAsync(cancellationToken);
        if (store.Vault()!.Restoring)
        {
            await ExchangeAsync(report, cancellationToken);
        }

        await PushKeysAsync(cancellationToken);
        await engine.RunAsync(report, cancellationToken);
    }

    /// <summary>Takes the server's vault as it is, and sends again what it has lost.</summary>
    public async Task AcceptRestoreAsync(Action<SyncEvent> report, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(report);
        await hold.RequireNoneAsync(cancellationToken);
        using var folderLock = await LockAsync(cancellationToken);
        var remote = await calls.SessionAsync(to => vaults.GetVaultAsync(new GetVaultRequest(), to), cancellationToken);
        restorer.Begin(remote.Generation);
        await ExchangeAsync(report, cancellationToken);
    }

    /// <summary>Begins the next key epoch.</summary>
    public async Task RekeyAsync(string mainPassword, string? newMainPassword, IReadOnlySet<Guid> revoked, Action<SyncEvent> report, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(report);
        await hold.RequireNoneAsync(cancellationToken);
        using var folderLock = await LockAsync(cancellationToken);

        // What was made under the old keys is sent first, and the newest keyset is here.
        await ExchangeAsync(report, cancellationToken);
        await Task.Run(() => rekeyer.Queue(mainPassword, newMainPassword ?? mainPassword, revoked), cancellationToken);
        await ExchangeAsync(report, cancellationToken);
    }

    private async Task ExchangeAsync(Action<SyncEvent> report, CancellationToken cancellationToken)
    {
        await PushKeysAsync(cancellationToken);
        await engine.RunUntilIdleAsync(report, cancellationToken);
        if (!store.Vault()!.Restoring)
        {
            return;
        }

        restorer.ReturnKeys().ForEach(report);
        await PushKeysAsync(cancellationToken);
        await engine.RunUntilIdleAsync(report, cancellationToken);
        restorer.ReturnItems().ForEach(report);
        await engine.RunUntilIdleAsync(report, cancellationToken);
        restorer.End();
    }

    private async Task PushKeysAsync(CancellationToken cancellationToken)
    {
        if (!await rekeyer.PushAsync(cancellationToken))
        {
            throw new LocalStoreException("Another device has changed the vault's keys in the meantime. Nothing was changed; run it again.");
        }
    }

    private async Task<FileStream> LockAsync(CancellationToken cancellationToken)
    {
        using var patience = new CancellationTokenSource(LockPatience, time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(patience.Token, cancellationToken);
        try
        {
            return await FolderLock.AcquireAsync(LockPath, time, both.Token);
        }
        catch (OperationCanceledException busy) when (!cancellationToken.IsCancellationRequested)
        {
            throw new LocalStoreException("Another program is synchronising this data folder already.", busy);
        }
    }
}
