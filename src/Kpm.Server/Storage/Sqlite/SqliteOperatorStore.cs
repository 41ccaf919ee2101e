using Dapper;
using Kpm.Server.Support;
using Microsoft.Data.Sqlite;

namespace Kpm.Server.Storage.Sqlite;

internal sealed class SqliteOperatorStore(SqliteDatabase database) : IOperatorStore
{
    private const string Columns = """
        SELECT operator_id AS OperatorId, name AS Name, created_at AS CreatedAt, last_used_at AS LastUsedAt FROM operator
        """;

    private const string FindSql = Columns + " WHERE credential_hash = @credentialHash";

    private const string ListSql = Columns + " WHERE name_key > '' ORDER BY name_key";

    private const string NameTakenSql = "SELECT 1 FROM operator WHERE name_key = @nameKey";

    private const string InsertSql = """
        INSERT INTO operator (operator_id, name, name_key, credential_hash, created_at, last_used_at) VALUES (@operatorId, @name, @nameKey, @credentialHash, @createdAt, NULL)
        """;

    private const string DeleteSql = "DELETE FROM operator WHERE name_key = @nameKey";

    private const string TouchSql = "UPDATE operator SET last_used_at = @at WHERE operator_id = @operatorId";

    public ValueTask<OperatorRow?> FindAsync(byte[] credentialHash, CancellationToken cancellationToken) =>
        ValueTask.FromResult(database.Read(c => ToRow(c.QuerySingleOrDefault<Stored>(FindSql, new { credentialHash }))));

    public ValueTask<IReadOnlyList<OperatorRow>> ListAsync(CancellationToken cancellationToken) =>
        ValueTask.FromResult<IReadOnlyList<OperatorRow>>(database.Read(c => c.Query<Stored>(ListSql).Select(s => ToRow(s)!).ToList()));

    public Task<bool> AddAsync(OperatorRow row, string nameKey, byte[] credentialHash, CancellationToken cancellationToken) =>
        database.WriteAsync(c => Add(c, row, nameKey, credentialHash), cancellationToken);

    public Task<bool> RemoveAsync(string nameKey, CancellationToken cancellationToken) =>
        database.WriteAsync(c => c.Execute(DeleteSql, new { nameKey }) == 1, cancellationToken);

    public Task TouchAsync(Guid operatorId, DateTimeOffset at, CancellationToken cancellationToken) =>
        database.WriteAsync(c => c.Execute(TouchSql, new { operatorId = operatorId.ToBytes(), at = at.ToStored() }), cancellationToken);

    private static bool Add(SqliteConnection connection, OperatorRow row, string nameKey, byte[] credentialHash)
    {
        if (connection.ExecuteScalar<long?>(NameTakenSql, new { nameKey }) is not null)
        {
            return false;
        }

        connection.Execute(InsertSql, new { operatorId = row.OperatorId.ToBytes(), name = row.Name, nameKey, credentialHash, createdAt = row.CreatedAt.ToStored() });
        return true;
    }

    private static OperatorRow? ToRow(Stored? stored) => stored is null ? null : new OperatorRow
    {
        OperatorId = Ids.FromBytes(stored.OperatorId),
        Name = stored.Name,
        CreatedAt = stored.CreatedAt.ToTime(),
        LastUsedAt = stored.LastUsedAt.ToTime(),
    };

    private sealed record Stored
    {
        public required byte[] OperatorId { get; init; }
        public required string Name { get; init; }
        public required long CreatedAt { get; init; }
        public required long? LastUsedAt { get; init; }
    }
}
