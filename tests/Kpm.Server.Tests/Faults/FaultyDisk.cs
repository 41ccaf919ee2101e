using Kpm.Tests.Disk;

namespace Kpm.Server.Tests.Faults;

/// <summary>The disk of a server in another process, which fails as a file tells it to, from one request to the next.</summary>
internal sealed class FaultyDisk(string orders) : DiskTap
{
    public const string SyncLog = "sync-log";
    public const string SyncDatabase = "sync-database";
    public const string Write = "write";
    public const string Full = "full";

    private const string FolderVariable = "KPM_TEST_DISK_FOLDER";
    private const string OrdersVariable = "KPM_TEST_DISK_ORDERS";

    private const int ErrorFull = 13;
    private const int ErrorWrite = 10 | (3 << 8);
    private const int ErrorSync = 10 | (4 << 8);

    /// <summary>The environment of a server whose disk can be told to fail.</summary>
    /// <param name="dataFolder">The server's folder; it need not exist yet.</param>
    /// <param name="orders">The file that has the order.</param>
    public static Dictionary<string, string> Environment(string dataFolder, string orders) => new(StringComparer.Ordinal)
    {
        ["DOTNET_STARTUP_HOOKS"] = typeof(FaultyDisk).Assembly.Location,
        [FolderVariable] = dataFolder,
        [OrdersVariable] = orders,
    };

    /// <summary>In the server's process.</summary>
    public static void AttachAsTold() =>
        DiskShim.Attach(System.Environment.GetEnvironmentVariable(FolderVariable)!, new FaultyDisk(System.Environment.GetEnvironmentVariable(OrdersVariable)!));

    public override int Before(DiskStep step) => !File.Exists(orders) ? Proceed : (File.ReadAllText(orders), step.Action) switch
    {
        (SyncLog, DiskAction.Sync) when step.File == "kpm.db-wal" => ErrorSync,
        (SyncDatabase, DiskAction.Sync) when step.File == "kpm.db" => ErrorSync,
        (Write, DiskAction.Write) => ErrorWrite,
        (Full, DiskAction.Write) => ErrorFull,
        _ => Proceed,
    };
}
