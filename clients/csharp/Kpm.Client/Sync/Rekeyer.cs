using Kpm.Client.Accounts;
using Kpm.Client.Kpm1;
using Kpm.Client.Storage;
using Kpm.V1;
using Microsoft.Data.Sqlite;

namespace Kpm.Client.Sync;

/// <summary>
/// Begins a key epoch: revocations and the new keyset, in one atomic Push. What this device made goes out before anything else of
/// it, and is sent again with the same bytes until the server has answered.
/// </summary>
internal sealed class Rekeyer(LocalStore store, DeviceIdentity device, VaultKeys keys, OperationMaker maker, ServerCalls calls, VaultService.VaultServiceClient vaults, KpmOptions options)
{
    /// <summary>Makes and stores the operations.</summary>
    /// <param name="mainPassword">The main password, which must open the keyset that there is.</param>
    /// <param name="newMainPassword">The main password from now on.</param>
    /// <param name="revoked">Devices that get no part of the new keys.</param>
    /// <exception cref="Kpm1Exception">PASSWORD_WRONG, PASSWORD_INVALID.</exception>
    public void Queue(string mainPassword, string newMainPassword, IReadOnlySet<Guid> revoked)
    {
        var vault = store.Vault()!;
        var current = KeysetEnvelope.Parse(vault.Keyset);
        current.Open(mainPassword, (uint)vault.LeastIterations).Dispose();
        if (current.KeyEpoch != vault.KeyEpoch || keys.Epoch != vault.KeyEpoch)
        {
            throw new Kpm1Exception(Kpm1Error.KeyEpochUnknown);
        }

        var entries = store.Read(Entries);
        var leaving = entries.Where(entry => revoked.Contains(entry.Device) && entry.Device != device.Id).Select(entry => entry.Device).ToList();
        var staying = entries.Where(entry => !leaving.Contains(entry.Device)).Select(entry => (entry.Device, entry.AgreementKey.ToArray()));
        using var next = keys.Next(Primitives.Random(Layout.KeySize), Primitives.Random(Layout.KeySize));
        var keyset = current.Rekeyed(next, newMainPassword, Math.Max(options.Iterations, current.Iterations), staying);
        store.Write(connection =>
        {
            foreach (var revokedDevice in leaving)
            {
                Outbox.Add(connection, maker.Revocation(connection, revokedDevice), OutboxState.Setup);
            }

            Outbox.Add(connection, maker.Keyset(connection, vault.Account, current.Rev, keyset), OutboxState.Setup);
            return 0;
        });
    }

    /// <summary>Sends what is queued; false where another device has changed the keys in the meantime, and nothing was done.</summary>
    public async Task<bool> PushAsync(CancellationToken cancellationToken)
    {
        var rows = store.Read(Queued);
        if (rows.Count == 0)
        {
            return true;
        }

        var request = new PushRequest { Atomic = true };
        request.Operations.AddRange(rows.Select(Outbox.ToMessage));
        var response = await calls.SessionAsync(to => vaults.PushAsync(request, to), cancellationToken);
        var applied = response.Results.Count == rows.Count && response.Results.All(result => result.ResultCase == OperationResult.ResultOneofCase.Applied);
        store.Write(connection =>
        {
            foreach (var row in rows)
            {
                if (applied)
                {
                    Outbox.SetState(connection, row.OpSeq, OutboxState.Applied);
                }
                else
                {
                    Outbox.Remove(connection, row.OpSeq);
                }
            }

            return 0;
        });
        return applied;
    }

    /// <summary>The entries of the directory that are not revoked.</summary>
    public static List<DirectoryEntry> Entries(SqliteConnection connection) =>
        [.. LogStore.Devices(connection).Where(row => !row.Revoked).Select(row => DirectoryEntry.Parse(LogStore.SubjectRow(connection, row.Id)!.Envelope))];

    /// <summary>The first device's set-up has a way of its own.</summary>
    private static List<OutboxRow> Queued(SqliteConnection connection)
    {
        var rows = Outbox.All(connection).FindAll(row => row.Standing == OutboxState.Setup);
        return rows.Exists(row => row.Kind == (long)OperationKind.DeviceKey) ? [] : rows;
    }
}
