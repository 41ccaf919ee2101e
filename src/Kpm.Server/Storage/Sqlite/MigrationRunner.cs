using Dapper;
using Microsoft.Data.Sqlite;

namespace Kpm.Server.Storage.Sqlite;

/// <summary>Brings a database to the schema of this program: forward only, each step in one transaction with its record.</summary>
internal sealed class MigrationRunner(IReadOnlyList<Migration> migrations, TimeProvider time, ILogger logger)
{
    /// <summary>"KPM1" in ASCII, in the file's header: tells our databases from those of other programs.</summary>
    private const int ApplicationId = 0x4b504d31;

    /// <param name="connection">The writer's connection, not in a transaction.</param>
    /// <param name="path">For messages.</param>
    /// <exception cref="StartException">The database belongs to another program, or its schema is newer or was changed.</exception>
    public void Run(SqliteConnection connection, string path)
    {
        var applied = Applied(connection, path);
        foreach (var (index, (number, name, hash)) in applied.Index())
        {
            var known = migrations.FirstOrDefault(m => m.Number == number);
            if (known is null)
            {
                throw new StartException($"The database {path} was written by a newer version of kpm-server (its schema is {number}, this program knows {migrations[^1].Number}). Start that version.");
            }

            if (number != migrations[index].Number)
            {
                throw new StartException($"The database {path} lacks the record of a migration. Restore a backup.");
            }

            if (known.Hash != hash)
            {
                throw new StartException($"The schema of the database {path} is not the one of this program (migration {number} {name} differs). Start the version that made it, or restore a backup.");
            }
        }

        foreach (var migration in migrations.Skip(applied.Count))
        {
            Apply(connection, migration);
            Log.Migrated(logger, migration.Number, migration.Name);
        }
    }

    private const string CountTablesSql = "SELECT count(*) FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%'";

    private const string AppliedSql = "SELECT number, name, hash FROM schema_migration ORDER BY number";

    private static List<(int Number, string Name, string Hash)> Applied(SqliteConnection connection, string path)
    {
        if (connection.ExecuteScalar<int>("PRAGMA application_id") != ApplicationId)
        {
            return connection.ExecuteScalar<int>(CountTablesSql) == 0
                ? []
                : throw new StartException($"The file {path} is not a database of kpm-server. Move it away, or use another --data folder.");
        }

        return connection.Query<(int Number, string Name, string Hash)>(AppliedSql).AsList();
    }

    private const string CreateJournalSql = """
        CREATE TABLE IF NOT EXISTS schema_migration (
            number INTEGER NOT NULL PRIMARY KEY,
            name TEXT NOT NULL,
            hash TEXT NOT NULL,
            applied_at INTEGER NOT NULL
        ) STRICT
        """;

    private const string RecordSql = "INSERT INTO schema_migration (number, name, hash, applied_at) VALUES (@Number, @Name, @Hash, @AppliedAt)";

    private void Apply(SqliteConnection connection, Migration migration)
    {
        using var transaction = connection.BeginTransaction();
        connection.Execute(CreateJournalSql, transaction: transaction);
        connection.Execute(migration.Sql, transaction: transaction);
        connection.Execute(RecordSql, new { migration.Number, migration.Name, migration.Hash, AppliedAt = time.GetUtcNow().ToUnixTimeMilliseconds() }, transaction);
        connection.Execute($"PRAGMA application_id = {ApplicationId}", transaction: transaction);
        transaction.Commit();
    }
}
