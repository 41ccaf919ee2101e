using System.Security.Cryptography;
using Dapper;
using Kpm.Server.Secrets;

namespace Kpm.Server.Storage.Sqlite;

/// <summary>Remembers which keys the database was made with, so that a wrong one shows at the start and not as wrong passwords.</summary>
internal static class SqliteRootKeyRecord
{
    private const string FindSql = "SELECT fingerprint FROM root_key WHERE id = 1";

    private const string InsertSql = "INSERT INTO root_key (id, fingerprint) VALUES (1, @fingerprint)";

    public static bool IsInUse(SqliteDatabase database) => database.Read(c => c.QuerySingleOrDefault<byte[]>(FindSql)) is not null;

    /// <exception cref="StartException">The key is another one.</exception>
    public static async Task CheckAsync(SqliteDatabase database, RootKey key, DateTimeOffset now, CancellationToken cancellationToken)
    {
        var known = database.Read(c => c.QuerySingleOrDefault<byte[]>(FindSql));
        if (known is null)
        {
            await database.WriteAsync(c => c.Execute(InsertSql, new { fingerprint = key.Fingerprint }), cancellationToken);
        }
        else if (!CryptographicOperations.FixedTimeEquals(known, key.Fingerprint))
        {
            throw new StartException("The root key is not the one that the database was made with. Put the key and the database of the same backup together.");
        }

        await new SqliteSealingKeyRecord(database).CheckAsync(key.Sealing, now, cancellationToken);
    }
}
