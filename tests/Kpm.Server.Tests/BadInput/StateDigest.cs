using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Microsoft.Data.Sqlite;

namespace Kpm.Server.Tests.BadInput;

/// <summary>What a database holds: for each table a hash over its rows, whatever their place in the file.</summary>
internal sealed class StateDigest
{
    /// <summary>Columns that may change without a call that succeeds, each with its reason.</summary>
    private static readonly HashSet<(string Table, string Column)> Volatile =
    [
        ("device", "last_seen_at"), // written, at most once a minute, by any call with a valid session
        ("operator", "last_used_at"), // the same, by any call with an operator's credential
        ("mail", "attempts"),       // the delivery goes on meanwhile
        ("mail", "next_attempt_at"),
        ("sms", "attempts"),
        ("sms", "next_attempt_at"),
    ];

    /// <summary>Tables that a refused call changes on purpose: it is counted, and it may be shown a Security Check.</summary>
    private static readonly HashSet<string> Counting = ["guard_counter", "security_check"];

    private readonly SortedDictionary<string, string> _tables = new(StringComparer.Ordinal);

    private StateDigest()
    {
    }

    public IReadOnlyDictionary<string, string> Tables => _tables;

    /// <summary>The tables that differ between two states, for people.</summary>
    public static string Difference(StateDigest before, StateDigest after) =>
        string.Join(", ", after._tables.Where(t => before._tables.GetValueOrDefault(t.Key) != t.Value).Select(t => t.Key));

    public static StateDigest Of(string database)
    {
        var digest = new StateDigest();
        var options = new SqliteConnectionStringBuilder { DataSource = database, Mode = SqliteOpenMode.ReadOnly, Pooling = false };
        using var connection = new SqliteConnection(options.ConnectionString);
        connection.Open();
        // One read transaction, so that all tables are seen at the same instant.
        using var transaction = connection.BeginTransaction(deferred: true);
        foreach (var table in Strings(connection, "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name").Where(t => !Counting.Contains(t)))
        {
            var columns = Strings(connection, $"SELECT name FROM pragma_table_info('{table}') ORDER BY cid").Where(c => !Volatile.Contains((table, c))).ToList();
            digest._tables.Add(table, HashOfRows(connection, table, columns));
        }

        return digest;
    }

    /// <summary>Waits until no mail is under way and nothing else changes any more.</summary>
    public static async Task<StateDigest> OfQuietAsync(string database, CancellationToken cancellationToken)
    {
        var patience = TimeSpan.FromSeconds(30);
        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        timeout.CancelAfter(patience);
        var last = Of(database);
        while (true)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(100), timeout.Token);
            var now = Of(database);
            if (now.Tables["mail"] == last.Tables["mail"] && now.Tables["mail"].StartsWith("0 ", StringComparison.Ordinal) && now.Tables["sms"].StartsWith("0 ", StringComparison.Ordinal) && now.Tables.SequenceEqual(last.Tables))
            {
                return now;
            }

            last = now;
        }
    }

    private static string HashOfRows(SqliteConnection connection, string table, List<string> columns)
    {
        using var command = connection.CreateCommand();
#pragma warning disable CA2100 // the names come from the schema itself
        command.CommandText = $"SELECT {string.Join(", ", columns.Select(c => $"quote(\"{c}\")"))} FROM \"{table}\"";
#pragma warning restore CA2100
        using var reader = command.ExecuteReader();
        var rows = 0;
        var sum = new byte[32];
        while (reader.Read())
        {
            var row = string.Join('|', Enumerable.Range(0, reader.FieldCount).Select(reader.GetString));
            var hash = SHA256.HashData(Encoding.UTF8.GetBytes(row));
            for (var i = 0; i < sum.Length; i++)
            {
                // A sum does not depend on the order, and unlike XOR it sees a row that is there twice.
                sum[i] += hash[i];
            }

            rows++;
        }

        return string.Create(CultureInfo.InvariantCulture, $"{rows} {Convert.ToHexString(sum)}");
    }

    private static List<string> Strings(SqliteConnection connection, string sql)
    {
        using var command = connection.CreateCommand();
#pragma warning disable CA2100 // constants and names of the schema
        command.CommandText = sql;
#pragma warning restore CA2100
        using var reader = command.ExecuteReader();
        var result = new List<string>();
        while (reader.Read())
        {
            result.Add(reader.GetString(0));
        }

        return result;
    }
}
