using Kpm.Server.Vaults;
using Kpm.Server.Vaults.Streams;

namespace Kpm.Server.Storage.Sqlite;

/// <summary>The run that raises generations, in SQLite: its position is written in the same transaction as what it raised.</summary>
internal sealed class SqliteRestorationStore(SqliteDatabase database, SqliteVaultStore vaults, VaultFeeds feeds) : IRestorationStore
{
    private const string FindSql = "SELECT position, raised FROM restoration WHERE id = 1";

    public bool IsUnderWay() => database.ReadPrepared(reader => Find(reader.Statements) is not null);

    private const string BeginSql = "INSERT OR IGNORE INTO restoration (id, position, raised) VALUES (1, zeroblob(0), 0)";

    public Task BeginAsync(CancellationToken cancellationToken) => database.WriteAsync(_ => database.WriterStatements.Get(BeginSql).Run(), cancellationToken);

    private const string NextSql = "SELECT account_id FROM account WHERE account_id > @Position ORDER BY account_id LIMIT @Most";

    // A vault that nothing was written to counts too: what its devices wrote may be what the backup lacks.
    private const string RaiseSql = """
        INSERT INTO vault (account_id, generation, key_epoch, head_seq, compacted_seq, chain_hash, items, bytes)
        VALUES (@AccountId, 2, 1, 0, 0, zeroblob(32), 0, 0)
        ON CONFLICT (account_id) DO UPDATE SET generation = generation + 1
        """;

    private const string AdvanceSql = "UPDATE restoration SET position = @Position, raised = raised + @Raised WHERE id = 1";

    private const string EndSql = "DELETE FROM restoration WHERE id = 1";

    public Task<long?> RaiseAsync(int most, CancellationToken cancellationToken) => vaults.ChangeAsync(
        statements =>
        {
            var (position, raised) = Find(statements) ?? throw new InvalidOperationException("No run is under way.");
            var accounts = Next(statements, position, most);
            if (accounts.Count == 0)
            {
                statements.Get(EndSql).Run();
                return new VaultChange<long?>([], raised);
            }

            foreach (var accountId in accounts)
            {
                statements.Get(RaiseSql).Bind(accountId).Run();
            }

            statements.Get(AdvanceSql).Bind(accounts[^1]).Bind((long)accounts.Count).Run();
            return new VaultChange<long?>(accounts, null);
        },
        cancellationToken,
        feeds.GenerationRaised);

    private static (byte[] Position, long Raised)? Find(PreparedStatements statements)
    {
        var row = statements.Get(FindSql);
        (byte[], long)? found = row.Step() ? (row.Blob(0).ToArray(), row.Int64(1)) : null;
        row.Reset();
        return found;
    }

    private static List<Guid> Next(PreparedStatements statements, byte[] position, int most)
    {
        var accounts = new List<Guid>();
        var row = statements.Get(NextSql).Bind(position).Bind((long)most);
        while (row.Step())
        {
            accounts.Add(Ids.FromBytes(row.Blob(0)));
        }

        row.Reset();
        return accounts;
    }
}
