using System.Globalization;
using System.Reflection;
using System.Security.Cryptography;
using System.Text;

namespace Kpm.Server.Storage.Sqlite;

/// <summary>A numbered step of the schema, as it stands in <c>Migrations/NNNN_name.sql</c>. Never edited once released.</summary>
internal sealed record Migration
{
    public required int Number { get; init; }
    public required string Name { get; init; }
    public required string Sql { get; init; }

    /// <summary>SHA-256 of the SQL in hexadecimal: a database remembers what exactly was run on it.</summary>
    public string Hash => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(Sql)));

    /// <summary>The migrations in this program, in order.</summary>
    public static IReadOnlyList<Migration> Embedded()
    {
        const string folder = "Kpm.Server.Storage.Sqlite.Migrations.";
        var assembly = Assembly.GetExecutingAssembly();
        var migrations = assembly.GetManifestResourceNames()
            .Where(n => n.StartsWith(folder, StringComparison.Ordinal) && n.EndsWith(".sql", StringComparison.Ordinal))
            .Select(n => Parse(n[folder.Length..^".sql".Length], Read(assembly, n)))
            .OrderBy(m => m.Number)
            .ToList();
        if (migrations.DistinctBy(m => m.Number).Count() != migrations.Count)
        {
            throw new InvalidOperationException("Two embedded migrations have the same number.");
        }

        return migrations;
    }

    private static Migration Parse(string file, string sql)
    {
        var split = file.IndexOf('_', StringComparison.Ordinal);
        return new Migration { Number = int.Parse(file.AsSpan(0, split), CultureInfo.InvariantCulture), Name = file[(split + 1)..], Sql = sql };
    }

    private static string Read(Assembly assembly, string resource)
    {
        using var reader = new StreamReader(assembly.GetManifestResourceStream(resource)!);
        return reader.ReadToEnd().ReplaceLineEndings("\n");
    }
}
