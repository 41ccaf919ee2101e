using Kpm.Server.Rpc;
using Kpm.Server.Storage.Sqlite;

namespace Kpm.Server.Verification.Checks;

/// <summary>The guard's parts for the server's container.</summary>
internal static class CheckServices
{
    public static IServiceCollection AddGuard(this IServiceCollection services) => services
        .AddSingleton<IGuardStore, SqliteGuardStore>()
        .AddSingleton<Counters>()
        .AddSingleton<ICheckPictures, CheckPictures>()
        .AddSingleton<SecurityChecks>()
        .AddSingleton<Guard>()
        .AddSingleton<IRefusalObserver, RefusedRegistrations>()
        .AddSingleton<NewSecurityCheck>();
}
