using System.Globalization;
using System.Reflection;
using System.Text.RegularExpressions;
using Dapper;
using Kpm.Server.Storage.Sqlite;
using Kpm.Server.Tests.Tidy;
using Microsoft.Extensions.Logging.Abstractions;

namespace Kpm.Server.Tests.Storage;

/// <summary>
/// Every SQL statement of the server, asked for its plan on a migrated database: none scans a table, except where that is
/// the point. Statements are found by their name: <c>private const string FindSql</c>, beside the method that uses it.
/// </summary>
public sealed partial class QueryPlanTests : IDisposable
{
    /// <summary>Statements that may scan, each with its reason.</summary>
    private static readonly Dictionary<string, string> MayScan = new(StringComparer.Ordinal)
    {
        ["MigrationRunner.CountTablesSql"] = "at the start, a table of a few dozen rows",
        ["MigrationRunner.AppliedSql"] = "at the start, one row a migration",
        ["SqliteGuardStore.CountCountersSql"] = "once a minute, over the key alone",
        ["SqliteGuardStore.CountChecksSql"] = "once a minute, over the key alone",
        ["SqliteGuardStore.DropLightestSql"] = "takes the first entries of the index",
        ["SqliteGuardStore.DropFirstToEndSql"] = "takes the first entries of the index",
        ["SqliteSealingKeyRecord.AllSql"] = "at start, one row a sealing key",
        ["SqliteSealingKeyRecord.NewestSql"] = "takes the last entry of the key",
        ["SqliteAccountStore.OldestRemovedVaultSql"] = "takes the first entry of the key",
    };

    private readonly TempFolder _folder = new();

    public static TheoryData<string, string> Statements() => [.. Constants().Where(c => c.Name.EndsWith("Sql", StringComparison.Ordinal))];

    public void Dispose() => _folder.Dispose();

    [Theory]
    [MemberData(nameof(Statements))]
    public void A_statement_does_not_scan(string name, string sql)
    {
        using var database = Open();
        var scans = Scans(database, sql);

        Assert.True(scans.Count == 0 || MayScan.ContainsKey(name), $"{name} scans: {string.Join("; ", scans)}");
    }

    [Fact]
    public void Every_statement_has_a_name_that_is_found()
    {
        // A part of a statement is called Columns; whatever else begins like SQL must be called …Sql.
        Assert.DoesNotContain(Constants(), c => Verb().IsMatch(c.Sql) && !c.Name.EndsWith("Sql", StringComparison.Ordinal) && !c.Name.EndsWith(".Columns", StringComparison.Ordinal));
        Assert.All(MayScan.Keys, name => Assert.Contains(Constants(), c => c.Name == name));

        // And no statement hides in a method.
        var hidden = Repository.Sources("src/Kpm.Server")
            .SelectMany(file => Repository.Read(file).Split('\n')
                .Where(line => SqlInText().IsMatch(line) && !line.Contains("const string", StringComparison.Ordinal))
                .Select(line => $"{file}: {line.Trim()}"));
        Assert.Empty(hidden);
    }

    [Fact]
    public void A_scan_is_noticed()
    {
        using var database = Open();

        Assert.NotEmpty(Scans(database, "SELECT seq FROM change WHERE rev = @Rev"));
        Assert.NotEmpty(Scans(database, "DELETE FROM op_result WHERE rev = @Rev"));
        Assert.NotEmpty(Scans(database, "SELECT c.seq FROM vault v CROSS JOIN change c ON c.rev = 1 WHERE v.account_id = @AccountId"));
        Assert.Empty(Scans(database, "SELECT seq FROM change WHERE account_id = @AccountId AND seq > @Seq"));
    }

    private static IEnumerable<(string Name, string Sql)> Constants() => typeof(SqliteDatabase).Assembly.GetTypes()
        .SelectMany(t => t.GetFields(BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic))
        .Where(f => f.IsLiteral && f.FieldType == typeof(string))
        .Select(f => ($"{f.DeclaringType!.Name}.{f.Name}", ((string)f.GetRawConstantValue()!).Trim()));

    private SqliteDatabase Open() => SqliteDatabase.Open(_folder.File("kpm.db"), new RecordedExit(), TimeProvider.System, NullLogger<SqliteDatabase>.Instance);

    /// <summary>The steps of the plan that read a table from end to end.</summary>
    private static List<string> Scans(SqliteDatabase database, string sql)
    {
        var parameters = new DynamicParameters();
        foreach (Match name in Parameter().Matches(sql))
        {
            parameters.Add(name.Value, 1);
        }

        return [.. database.Read(c => c.Query("EXPLAIN QUERY PLAN " + sql, parameters).Select(r => Convert.ToString((object)r.detail, CultureInfo.InvariantCulture)!))
            .Where(d => d.StartsWith("SCAN ", StringComparison.Ordinal) && !d.StartsWith("SCAN CONSTANT", StringComparison.Ordinal) && !d.Contains("(subquery", StringComparison.Ordinal))];
    }

    [GeneratedRegex("^(SELECT|INSERT|UPDATE|DELETE|WITH|REPLACE) ")]
    private static partial Regex Verb();

    [GeneratedRegex("\"\\s*(SELECT \\w|INSERT (OR \\w+ )?INTO |UPDATE \\w+ SET |DELETE FROM )")]
    private static partial Regex SqlInText();

    [GeneratedRegex("@\\w+")]
    private static partial Regex Parameter();
}
