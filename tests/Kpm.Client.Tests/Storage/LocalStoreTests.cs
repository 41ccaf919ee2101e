using Dapper;
using Kpm.Client.Storage;
using Microsoft.Data.Sqlite;

namespace Kpm.Client.Tests.Storage;

public sealed class LocalStoreTests : IDisposable
{
    private readonly string _parent = Directory.CreateTempSubdirectory("kpm-store-").FullName;

    private string Folder => Path.Combine(_parent, "data");

    public void Dispose() => Directory.Delete(_parent, recursive: true);

    [Fact]
    public void Folder_and_files_are_the_users_alone()
    {
        if (OperatingSystem.IsWindows())
        {
            Assert.Skip("Windows keeps the user's folder private by its own means.");
            return;
        }

        using var store = LocalStore.Open(Folder);
        store.Device(TimeProvider.System);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(Folder));
        foreach (var file in Directory.GetFiles(Folder))
        {
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file));
        }

        Assert.Contains(Directory.GetFiles(Folder), file => file.EndsWith("-wal", StringComparison.Ordinal));
    }

    [Fact]
    public void The_device_stays_the_same_until_it_is_replaced()
    {
        Guid first;
        using (var store = LocalStore.Open(Folder))
        {
            first = store.Device(TimeProvider.System).Id;
        }

        using var again = LocalStore.Open(Folder);
        Assert.Equal(first, again.Device(TimeProvider.System).Id);
        Assert.NotEqual(first, again.ReplaceDevice(TimeProvider.System).Id);
    }

    [Fact]
    public void A_unit_that_throws_leaves_nothing()
    {
        using var store = LocalStore.Open(Folder);
        store.Connect(Session(Guid.NewGuid()));
        Assert.Throws<InvalidOperationException>(() => store.Write<int>(connection =>
        {
            Outbox.NextOpSeq(connection);
            throw new InvalidOperationException();
        }));
        Assert.Equal(0, store.Vault()!.LastOpSeq);
        Assert.Equal(1UL, store.Write(Outbox.NextOpSeq));
    }

    [Fact]
    public void The_vault_of_another_account_is_not_overwritten()
    {
        using var store = LocalStore.Open(Folder);
        var account = Guid.NewGuid();
        store.Connect(Session(account));
        store.EndSession();
        Assert.Throws<LocalStoreException>(() => store.Connect(Session(Guid.NewGuid())));
        Assert.Null(store.Session());
        store.Connect(Session(account));
        Assert.Equal(account, store.Vault()!.Account);
    }

    [Fact]
    public void Another_process_sees_writes_and_its_own_wait_for_them()
    {
        using var one = LocalStore.Open(Folder);
        using var two = LocalStore.Open(Folder);
        var before = two.DataVersion();
        one.Connect(Session(Guid.NewGuid()));
        Assert.NotEqual(before, two.DataVersion());
        var numbers = new List<ulong>();
        Parallel.For(0, 40, i =>
        {
            var number = (i % 2 == 0 ? one : two).Write(Outbox.NextOpSeq);
            lock (numbers)
            {
                numbers.Add(number);
            }
        });
        Assert.Equal(Enumerable.Range(1, 40).Select(i => (ulong)i), numbers.Order());
    }

    [Fact]
    public void A_folder_of_the_first_version_is_taken_over()
    {
        using (var store = LocalStore.Open(Folder))
        {
            store.Device(TimeProvider.System);
            store.Connect(Session(Guid.NewGuid()));
            store.Read(connection => connection.Execute(
                "ALTER TABLE device DROP COLUMN linked; ALTER TABLE device DROP COLUMN trusted_token; ALTER TABLE session DROP COLUMN keys_held_ms;" + ToVersion2 + "PRAGMA user_version = 1;"));
        }

        using var taken = LocalStore.Open(Folder);
        Assert.True(taken.IsDeviceLinked());
        Assert.Null(taken.TrustedDeviceToken());
        Assert.Equal(("ada@example.com", null), (taken.Session()!.Email, taken.Session()!.KeysHeldMs));
    }

    private const string ToVersion2 = """
        ALTER TABLE vault DROP COLUMN snapshot_seq; ALTER TABLE vault DROP COLUMN restoring; ALTER TABLE vault DROP COLUMN keys_behind;
        ALTER TABLE directory DROP COLUMN revoked; DROP TABLE snapshot_row; DROP TABLE old_subject; DROP TABLE old_log;
        """;

    [Fact]
    public void A_folder_of_the_second_version_is_taken_over_with_its_copy_of_the_vault()
    {
        var (account, device) = (Guid.NewGuid(), Guid.NewGuid());
        using (var store = LocalStore.Open(Folder))
        {
            store.Connect(Session(account));
            store.Read(connection => connection.Execute(
                """
                UPDATE vault SET seq = 7, generation = 2, key_epoch = 3, last_op_seq = 9;
                INSERT INTO directory(device_id, enrolment, signing_key, last_op_seq, observed_seq, generation) VALUES (@device, 1, x'04', 5, 6, 2);
                """ + ToVersion2 + "PRAGMA user_version = 2;",
                new { device = device.ToBytes() }));
        }

        using var taken = LocalStore.Open(Folder);
        var vault = taken.Vault()!;
        Assert.Equal((account, 7, 2, 3, 9), (vault.Account, vault.Seq, vault.Generation, vault.KeyEpoch, vault.LastOpSeq));
        Assert.Equal((0L, false, false), (vault.SnapshotSeq, vault.Restoring, vault.KeysBehind));
        var known = Assert.Single(taken.Read(LogStore.Devices));
        Assert.Equal((device, 5, 6, false), (known.Id, known.LastOpSeq, known.ObservedSeq, known.Revoked));
        Assert.Equal(0, taken.Read(connection => connection.ExecuteScalar<long>("SELECT (SELECT count(*) FROM snapshot_row) + (SELECT count(*) FROM old_subject) + (SELECT count(*) FROM old_log)")));
    }

    [Fact]
    public void What_belongs_to_a_device_goes_with_it()
    {
        using var store = LocalStore.Open(Folder);
        store.Device(TimeProvider.System);
        Assert.False(store.IsDeviceLinked());
        store.Connect(Session(Guid.NewGuid()) with { KeysHeldMs = 7 });
        store.SetTrustedDeviceToken("t");
        store.EndHoldOnKeys();
        Assert.Equal((true, "t", null), (store.IsDeviceLinked(), store.TrustedDeviceToken(), store.Session()!.KeysHeldMs));
        store.EndSession();
        Assert.Equal((true, "t"), (store.IsDeviceLinked(), store.TrustedDeviceToken()));
        store.ReplaceDevice(TimeProvider.System);
        Assert.Equal((false, null), (store.IsDeviceLinked(), store.TrustedDeviceToken()));
    }

    [Fact]
    public void A_newer_store_and_a_folder_that_cannot_be_used_are_told()
    {
        using (var store = LocalStore.Open(Folder))
        {
            store.Read(connection => connection.Execute("PRAGMA user_version = 4"));
        }

        Assert.Contains("newer version", Assert.Throws<LocalStoreException>(() => LocalStore.Open(Folder)).Message, StringComparison.Ordinal);
        var file = Path.Combine(_parent, "file");
        File.WriteAllText(file, "");
        Assert.IsType<IOException>(Assert.Throws<LocalStoreException>(() => LocalStore.Open(file)).InnerException);
        Directory.CreateDirectory(Path.Combine(_parent, "damaged"));
        File.WriteAllText(Path.Combine(_parent, "damaged", "client.db"), new string('x', 5000));
        Assert.IsType<SqliteException>(Assert.Throws<LocalStoreException>(() => LocalStore.Open(Path.Combine(_parent, "damaged"))).InnerException);
    }

    private static SessionRow Session(Guid account) => new()
    {
        Server = "http://localhost",
        AccountId = account.ToBytes(),
        Email = "ada@example.com",
        SessionId = "s",
        AccessToken = "a",
        AccessExpiresMs = 1,
        RefreshToken = "r",
        RefreshExpiresMs = 1,
    };
}
