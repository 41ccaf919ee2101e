using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace Kpm.Server.Storage.Sqlite;

/// <summary>
/// A prepared statement, bound and stepped without ADO.NET. For the writer's hot path only: binding by name and a reader
/// object per execution cost a third of a push (measured); everything else uses Dapper. Not thread-safe.
/// Parameters are bound in the order in which their names first appear in the SQL.
/// </summary>
internal sealed class Statement : IDisposable
{
    private readonly sqlite3 _db;
    private readonly sqlite3_stmt _statement;
    private int _next = 1;

    public Statement(SqliteConnection connection, string sql)
    {
        _db = connection.Handle ?? throw new InvalidOperationException("The connection is closed.");
        Check(raw.sqlite3_prepare_v3(_db, sql, raw.SQLITE_PREPARE_PERSISTENT, out _statement));
    }

    public Statement Bind(long value)
    {
        Check(raw.sqlite3_bind_int64(_statement, _next++, value));
        return this;
    }

    public Statement Bind(ulong value) => Bind(checked((long)value));

    public Statement Bind(ReadOnlySpan<byte> value)
    {
        // sqlite3_bind_blob of an empty span binds NULL.
        Check(value.IsEmpty
            ? raw.sqlite3_bind_zeroblob(_statement, _next++, 0)
            : raw.sqlite3_bind_blob(_statement, _next++, value));
        return this;
    }

    public Statement Bind(Guid id)
    {
        Span<byte> bytes = stackalloc byte[16];
        id.TryWriteBytes(bytes, bigEndian: true, out _);
        return Bind(bytes);
    }

    public Statement BindNull()
    {
        Check(raw.sqlite3_bind_null(_statement, _next++));
        return this;
    }

    /// <summary>True when a row is there to be read. Call <see cref="Reset"/> after the last one wanted.</summary>
    public bool Step()
    {
        var code = raw.sqlite3_step(_statement);
        if (code is raw.SQLITE_ROW)
        {
            return true;
        }

        if (code is raw.SQLITE_DONE)
        {
            return false;
        }

        var failure = Failure(code);
        Reset();
        throw failure;
    }

    /// <summary>Runs a statement that returns nothing and makes it ready for the next use.</summary>
    public void Run()
    {
        Step();
        Reset();
    }

    public long Int64(int column) => raw.sqlite3_column_int64(_statement, column);

    public ulong UInt64(int column) => (ulong)raw.sqlite3_column_int64(_statement, column);

    public bool IsNull(int column) => raw.sqlite3_column_type(_statement, column) == raw.SQLITE_NULL;

    /// <summary>Valid until the next step or reset.</summary>
    public ReadOnlySpan<byte> Blob(int column) => raw.sqlite3_column_blob(_statement, column);

    public void Reset()
    {
        // The code it returns is the one that Step has thrown already.
        raw.sqlite3_reset(_statement);
        _next = 1;
    }

    public void Dispose() => _statement.Dispose();

    private void Check(int code)
    {
        if (code != raw.SQLITE_OK)
        {
            throw Failure(code);
        }
    }

    private SqliteException Failure(int code) =>
        new(raw.sqlite3_errmsg(_db).utf8_to_string(), code & 0xff, raw.sqlite3_extended_errcode(_db));
}
