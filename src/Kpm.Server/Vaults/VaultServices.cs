using System.Security.Cryptography;
using Kpm.Server.Accounts;
using Kpm.Server.Storage.Sqlite;
using Kpm.Server.Vaults.Streams;

namespace Kpm.Server.Vaults;

/// <summary>The vault's parts for the server's container. Needs SqliteDatabase, Limits, TimeProvider and the session classes.</summary>
internal static class VaultServices
{
    public static IServiceCollection AddVaults(this IServiceCollection services) => services
        .AddSingleton<VaultFeeds>()
        .AddSingleton<ISessionEndings>(p => p.GetRequiredService<VaultFeeds>())
        .AddSingleton<IVaultStore, SqliteVaultStore>()
        .AddSingleton<ICheckpointStore, SqliteCheckpointStore>()
        .AddSingleton<CheckpointVerifier>()
        .AddSingleton<IDeviceActivity, DeviceActivities>()
        .AddSingleton<Jitter>(static () => (RandomNumberGenerator.GetInt32(2001) - 1000) / 1000.0)
        .AddSingleton<StreamContext>()
        .AddSingleton<GetVault>()
        .AddSingleton<PutKeyset>()
        .AddSingleton<PublishDeviceKey>()
        .AddSingleton<ListDeviceKeys>()
        .AddSingleton<Sync>()
        .AddSingleton<Watch>()
        .AddSingleton<Push>()
        .AddSingleton<PublishCheckpoint>()
        .AddSingleton<GetUsage>()
        .AddSingleton<VaultGrpcService>()
        .AddHostedService<StreamDrain>();
}
