using Dapper;
using Kpm.Server.Storage;
using Kpm.Server.Storage.Sqlite;
using Kpm.Simulation.Disk;
using Kpm.Simulation.Server;
using Microsoft.Extensions.Logging.Abstractions;

namespace Kpm.Simulation;

/// <summary>What a killed process wrote and had not synced is read by the next one; once it was read, it must stay.</summary>
public sealed class RecoveredLogTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void What_was_read_after_a_kill_survives_a_power_loss(bool diskFull)
    {
        var seenAtAll = 0;
        for (var seed = 0; seed < 40; seed++)
        {
            using var machine = new Machine(new SimDisk(new Random(seed)));
            KillInTheMiddleOfACommit(machine, seed);
            machine.Disk.Full = diskFull;
            var seen = Read(machine, StopKind.PowerLoss);
            machine.Disk.Full = false;
            seenAtAll += seen;
            Assert.True(seen <= Read(machine, StopKind.Kill), $"seed {seed}: a commit was there and is gone");
        }

        Assert.InRange(seenAtAll, 1, 39);
    }

    private static void KillInTheMiddleOfACommit(Machine machine, int seed)
    {
        var database = Open(machine);
        machine.Disk.StopAtSite = (machine.Disk.Sites + 1 + (seed % 8), StopKind.Kill);
        var write = database.WriteAsync(connection => connection.Execute("PRAGMA user_version = 7"), CancellationToken.None);
        database.Writer.Turn();
        if (machine.Disk.Boot == 0)
        {
            machine.Disk.Stop(StopKind.Kill);
        }

        database.Dispose();
        Assert.True(write.IsCompleted);
    }

    private static int Read(Machine machine, StopKind then)
    {
        var database = Open(machine);
        var version = database.Read(connection => connection.ExecuteScalar<int>("PRAGMA user_version"));
        machine.Disk.Stop(then);
        database.Dispose();
        return version == 7 ? 1 : 0;
    }

    private static SqliteDatabase Open(Machine machine) => SqliteDatabase.Open(
        Path.Combine(machine.Folder, "kpm.db"), new NoExit(), TimeProvider.System, NullLogger<SqliteDatabase>.Instance, writerThread: false);

    private sealed class NoExit : IFatalExit
    {
        public void Exit(string line)
        {
            // The machine has stopped already.
        }
    }
}
