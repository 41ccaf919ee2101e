using Dapper;
using Kpm.Server;
using Kpm.Server.Rpc;
using Kpm.Server.Storage;
using Kpm.Server.Storage.Sqlite;
using Kpm.Server.Vaults;
using Kpm.Server.Vaults.Streams;
using Kpm.Simulation.Disk;
using Kpm.Simulation.Engine;
using Kpm.V1;
using Microsoft.Extensions.Logging.Abstractions;

namespace Kpm.Simulation.Server;

/// <summary>A simulated machine's folder: a mount of its disk, and beside it a real folder for the lock file.</summary>
internal sealed class Machine : IDisposable
{
    private static readonly Lazy<byte[]> EmptyDatabase = new(MakeDatabase);

    public Machine(SimDisk disk, bool empty = false)
    {
        Disk = disk;
        Folder = Directory.CreateTempSubdirectory("kpm-simulation-").FullName;
        MemoryVfs.Mount(Folder, disk);
        disk.Put(Database, empty ? [] : EmptyDatabase.Value);
    }

    public SimDisk Disk { get; }

    public string Folder { get; }

    private string Database => Path.Combine(Folder, "kpm.db");

    /// <summary>Puts accounts with their devices and sessions into the database, the beginning of a log, and what a planted bug needs there.</summary>
    public void Prepare(IEnumerable<Caller> callers, (Caller Founder, List<Operation> Operations)? beginning, string? trigger)
    {
        const string account = """
            INSERT OR IGNORE INTO account (account_id, email, email_key, password_hash, state, region, language, created_at)
            VALUES (@AccountId, @Email, @Email, '', 2, 'AT', 'de', 0)
            """;
        const string device = """
            INSERT INTO device (device_id, account_id, name, platform, application_id, application_version, signing_key, linked_at, last_seen_at)
            VALUES (@DeviceId, @AccountId, 'test', 7, 'test', '1', zeroblob(65), 0, 0)
            """;
        const string session = """
            INSERT INTO session (session_id, account_id, device_id, created_at, ends_at, access_hash, access_expires_at, refresh_generation, refresh_hash, refresh_expires_at, refreshed_at)
            VALUES (@SessionId, @AccountId, @DeviceId, 0, 0, @SessionId, 0, 0, @SessionId, 0, 0)
            """;
        using var database = Open(Database);
        var stored = database.WriteAsync(
            connection =>
            {
                foreach (var caller in callers)
                {
                    var parameters = new
                    {
                        AccountId = caller.AccountId.ToBytes(),
                        DeviceId = caller.DeviceId.ToBytes(),
                        SessionId = caller.SessionId.ToBytes(),
                        Email = $"{caller.AccountId}@example.com",
                    };
                    connection.Execute(account, parameters);
                    connection.Execute(device, parameters);
                    connection.Execute(session, parameters);
                }

                if (trigger is not null)
                {
                    connection.Execute(trigger);
                }
            },
            CancellationToken.None);
        database.Writer.Turn();
        if (!stored.IsCompletedSuccessfully)
        {
            throw stored.Exception!.InnerException!;
        }

        if (beginning is { } first)
        {
            var limits = new Limits();
            var push = new AwaitedPush
            {
                AccountId = first.Founder.AccountId,
                SessionId = first.Founder.SessionId,
                DeviceId = first.Founder.DeviceId,
                Operations = [.. first.Operations.Select(o => VaultOperation.From(o, first.Founder.AccountId, first.Founder.DeviceId))],
                Atomic = true,
            };
            new SqliteVaultStore(database, new VaultFeeds(limits), limits, TimeProvider.System).Push(push);
            database.Writer.Turn();
            if (!push.Outcomes.IsCompletedSuccessfully)
            {
                throw new SimulationException("The log can't be begun.");
            }
        }
    }

    public void Dispose()
    {
        MemoryVfs.Unmount(Folder);
        Directory.Delete(Folder, recursive: true);
        Disk.Dispose();
    }

    private static SqliteDatabase Open(string path) =>
        SqliteDatabase.Open(path, new NoExit(), TimeProvider.System, NullLogger<SqliteDatabase>.Instance, writerThread: false);

    /// <summary>Migrations take longer than a whole run.</summary>
    private static byte[] MakeDatabase()
    {
        using var disk = new SimDisk(new Random(0));
        using var machine = new Machine(disk, empty: true);
        Open(machine.Database).Dispose();
        return disk.Get(machine.Database);
    }

    private sealed class NoExit : IFatalExit
    {
        public void Exit(string line) => throw new InvalidOperationException(line);
    }
}
