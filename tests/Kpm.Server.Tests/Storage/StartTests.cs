using Dapper;
using Kpm.Server.Storage.Sqlite;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Logging.Abstractions;

namespace Kpm.Server.Tests.Storage;

/// <summary>A database that can't be used is refused in one line that says what to do, and is left as it was.</summary>
public sealed class StartTests : IDisposable
{
    private static readonly Migration First = new() { Number = 1, Name = "first", Sql = "CREATE TABLE first (id INTEGER PRIMARY KEY) STRICT" };
    private static readonly Migration Second = new() { Number = 2, Name = "second", Sql = "CREATE TABLE second (id INTEGER PRIMARY KEY) STRICT; INSERT INTO first VALUES (7)" };

    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Migrations_run_once_and_in_order()
    {
        Open(First).Dispose();
        using (var database = Open(First, Second))
        {
            Assert.Equal([7], database.Read(c => c.Query<int>("SELECT id FROM first").AsList()));
        }

        using var again = Open(First, Second);
        Assert.Equal([1, 2], again.Read(c => c.Query<int>("SELECT number FROM schema_migration ORDER BY number").AsList()));
        Assert.Equal([7], again.Read(c => c.Query<int>("SELECT id FROM first").AsList()));
    }

    [Fact]
    public void A_migration_that_fails_leaves_nothing_of_itself()
    {
        Open(First).Dispose();
        var broken = Second with { Sql = "INSERT INTO first VALUES (8); INSERT INTO missing VALUES (1)" };

        Refused("can't be opened", First, broken);

        using var database = Open(First, Second);
        Assert.Equal([7], database.Read(c => c.Query<int>("SELECT id FROM first").AsList()));
    }

    [Fact]
    public void A_newer_schema_is_refused()
    {
        Open(First, Second).Dispose();

        Refused("newer version", First);
    }

    [Fact]
    public void A_changed_migration_is_refused()
    {
        Open(First, Second).Dispose();

        Refused("migration 1 first differs", First with { Sql = First.Sql + " " }, Second);
    }

    [Fact]
    public void A_lost_record_is_refused()
    {
        Open(First, Second).Dispose();
        Execute("DELETE FROM schema_migration WHERE number = 1");

        Refused("lacks the record", First, Second);
    }

    [Fact]
    public void A_file_that_is_no_database_is_refused_and_kept()
    {
        var text = string.Concat(Enumerable.Repeat("This is not a database. ", 400));
        File.WriteAllText(_folder.File("kpm.db"), text);

        Refused("is damaged", First);
        Assert.Equal(text, File.ReadAllText(_folder.File("kpm.db")));
    }

    [Fact]
    public void A_damaged_schema_page_is_refused()
    {
        Open(First).Dispose();
        using (var file = File.OpenWrite(_folder.File("kpm.db")))
        {
            file.Position = 100;
            file.Write(Enumerable.Repeat((byte)0xa5, 200).ToArray());
        }

        Refused("is damaged", First);
    }

    [Fact]
    public void The_database_of_another_program_is_refused()
    {
        Execute("CREATE TABLE theirs (id INTEGER PRIMARY KEY)");

        Refused("is not a database of kpm-server", First);
    }

    [Fact]
    public void A_second_server_on_the_same_folder_is_refused_and_the_first_goes_on()
    {
        using var database = Open(First);

        Refused("in use by another kpm-server", First);
        Assert.Empty(database.Read(c => c.Query<int>("SELECT id FROM first").AsList()));
    }

    [Fact]
    public void A_folder_that_can_not_be_written_is_refused()
    {
        File.WriteAllText(_folder.File("occupied"), "");

        var refusal = Assert.Throws<StartException>(() => OpenAt(Path.Combine(_folder.File("occupied"), "kpm.db"), First));
        Assert.Contains("can't be written", refusal.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', refusal.Message);
    }

    [Fact]
    public void The_programs_own_migrations_make_a_sound_database()
    {
        using (SqliteDatabase.Open(_folder.File("kpm.db"), new RecordedExit(), TimeProvider.System, NullLogger<SqliteDatabase>.Instance))
        {
        }

        using var database = SqliteDatabase.Open(_folder.File("kpm.db"), new RecordedExit(), TimeProvider.System, NullLogger<SqliteDatabase>.Instance);
        Assert.Equal("ok", database.Read(c => c.ExecuteScalar<string>("PRAGMA integrity_check")));
        Assert.Equal(Migration.Embedded().Count, database.Read(c => c.ExecuteScalar<int>("SELECT count(*) FROM schema_migration")));
    }

    private void Refused(string because, params Migration[] migrations)
    {
        var refusal = Assert.Throws<StartException>(() => Open(migrations));
        Assert.Contains(because, refusal.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', refusal.Message);
    }

    private SqliteDatabase Open(params Migration[] migrations) => OpenAt(_folder.File("kpm.db"), migrations);

    private static SqliteDatabase OpenAt(string path, params Migration[] migrations) =>
        SqliteDatabase.Open(path, new RecordedExit(), TimeProvider.System, NullLogger<SqliteDatabase>.Instance, migrations);

    private void Execute(string sql)
    {
        using var connection = new SqliteConnection($"Data Source={_folder.File("kpm.db")};Pooling=False");
        connection.Execute(sql);
    }
}
