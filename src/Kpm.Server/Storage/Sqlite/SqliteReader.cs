using Dapper;
using Microsoft.Data.Sqlite;

namespace Kpm.Server.Storage.Sqlite;

/// <summary>A read-only connection of the pool, with the statements that were prepared on it.</summary>
internal sealed class SqliteReader : IDisposable
{
    private readonly SqliteConnection _connection;
    private readonly Statement _begin;
    private readonly Statement _end;

    public SqliteReader(string path)
    {
        _connection = new SqliteConnection(new SqliteConnectionStringBuilder
        {
            DataSource = path,
            Mode = SqliteOpenMode.ReadOnly,
            Pooling = false,
        }.ToString());
        _connection.Open();
        _connection.Execute("PRAGMA query_only = ON; PRAGMA trusted_schema = OFF; PRAGMA temp_store = MEMORY; PRAGMA busy_timeout = 1000;");
        Statements = new PreparedStatements(_connection);
        _begin = Statements.Get("BEGIN");
        _end = Statements.Get("COMMIT");
    }

    public SqliteConnection Connection => _connection;

    public PreparedStatements Statements { get; }

    /// <summary>All statements of the query see the same snapshot.</summary>
    public T Read<T>(Func<SqliteReader, T> query)
    {
        _begin.Run();
        var result = query(this);
        _end.Run();
        return result;
    }

    public void Dispose()
    {
        Statements.Dispose();
        _connection.Dispose();
    }
}
