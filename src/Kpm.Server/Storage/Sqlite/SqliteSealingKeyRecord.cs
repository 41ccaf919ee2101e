using System.Security.Cryptography;
using Dapper;
using Kpm.Server.Secrets;

namespace Kpm.Server.Storage.Sqlite;

internal sealed class SqliteSealingKeyRecord(SqliteDatabase database) : ISealingKeyRecord
{
    private const string AllSql = "SELECT key_id AS KeyId, fingerprint AS Fingerprint FROM sealing_key";

    private const string NewestSql = "SELECT added_at FROM sealing_key ORDER BY key_id DESC LIMIT 1";

    private const string InsertSql = "INSERT INTO sealing_key (key_id, fingerprint, added_at) VALUES (@keyId, @fingerprint, @now)";

    private const string ForgetSql = "DELETE FROM sealing_key WHERE key_id < @keyId";

    public ValueTask<DateTimeOffset> NewestSinceAsync(CancellationToken cancellationToken) => ValueTask.FromResult(database.Read(c => c.QuerySingle<long>(NewestSql)).ToTime());

    public Task AddAsync(SealingKey key, DateTimeOffset now, CancellationToken cancellationToken) =>
        database.WriteAsync(c => c.Execute(InsertSql, new { keyId = key.Id, fingerprint = key.Fingerprint, now = now.ToStored() }), cancellationToken);

    public Task ForgetBelowAsync(int keyId, CancellationToken cancellationToken) =>
        database.WriteAsync(c => c.Execute(ForgetSql, new { keyId }), cancellationToken);

    /// <summary>Holds the keys of the file against those that the database was sealed with, and records what a crash kept from being recorded.</summary>
    /// <exception cref="StartException">A key is missing or another one.</exception>
    public async Task CheckAsync(SealingKeys keys, DateTimeOffset now, CancellationToken cancellationToken)
    {
        if (keys.All.Count == 0)
        {
            throw new StartException("The root key file holds no sealing key, but the database is in use. Put the key file back from its backup.");
        }

        var known = database.Read(c => c.Query<Stored>(AllSql).ToDictionary(k => (int)k.KeyId, k => k.Fingerprint));
        foreach (var (id, fingerprint) in known)
        {
            if (keys.Find(id) is not { } key || !CryptographicOperations.FixedTimeEquals(fingerprint, key.Fingerprint))
            {
                throw new StartException($"The root key file lacks sealing key {id}, which the database is sealed with: it is a backup from before a rotation. Put the key file and the database of the same time together.");
            }
        }

        foreach (var key in keys.All.Where(k => !known.ContainsKey(k.Id)))
        {
            // Retired ones too: the crash came between the database and the file, and the next retirement takes them out.
            await AddAsync(key, now, cancellationToken);
        }
    }

    private sealed record Stored
    {
        public required long KeyId { get; init; }
        public required byte[] Fingerprint { get; init; }
    }
}
