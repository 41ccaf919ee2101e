using System.Security.Cryptography;
using Dapper;
using Kpm.Server.Storage.Sqlite;

namespace Kpm.Server.Tests.Hosting;

/// <summary>Everything that is stored, table by table, for asserting that a refused call changed nothing.</summary>
internal static class Snapshot
{
    /// <summary>A refused call is counted and may be shown a Security Check: that is what these two tables are for.</summary>
    private static readonly string[] Bookkeeping = ["schema_migration", "migration", "guard_counter", "security_check"];

    public static SortedDictionary<string, string> Of(SqliteDatabase database)
    {
        // Mails of earlier calls leave the outbox in the background; one that can't be delivered stays, and is part of the picture.
        SpinWait.SpinUntil(() => Rows(database, "mail") == 0, TimeSpan.FromSeconds(2));
        return database.Read(Take);
    }

    public static int Rows(SqliteDatabase database, string table) => database.Read(c => c.QuerySingle<int>($"SELECT count(*) FROM {table}"));

    private static SortedDictionary<string, string> Take(Microsoft.Data.Sqlite.SqliteConnection connection)
    {
        var tables = connection.Query<string>("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'");
        var snapshot = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (var table in tables.Except(Bookkeeping))
        {
            var rows = connection.Query($"SELECT * FROM {table}").Select(row => string.Join('|', ((IDictionary<string, object?>)row).Select(c => c.Key + "=" + Text(c.Value))));
            snapshot.Add(table, string.Join('\n', rows.Order(StringComparer.Ordinal)));
        }

        return snapshot;
    }

    private static string Text(object? value) => value switch
    {
        null => "NULL",
        byte[] { Length: > 64 } bytes => Convert.ToHexString(SHA256.HashData(bytes)),
        byte[] bytes => Convert.ToHexString(bytes),
        _ => Convert.ToString(value, System.Globalization.CultureInfo.InvariantCulture)!,
    };
}
