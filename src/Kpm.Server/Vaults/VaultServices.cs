using System.Security.Cryptography;
using Kpm.Server.Accounts;
using Kpm.Server.Administration;
using Kpm.Server.Storage.Files;
using Kpm.Server.Storage.Sqlite;
using Kpm.Server.Vaults.Attachments;
using Kpm.Server.Vaults.Streams;

namespace Kpm.Server.Vaults;

/// <summary>The vault's parts for the server's container. Needs SqliteDatabase, Limits, TimeProvider and the session classes.</summary>
internal static class VaultServices
{
    public static IServiceCollection AddVaults(this IServiceCollection services) => services
        .AddSingleton<VaultFeeds>()
        .AddSingleton<ISessionEndings, VaultEndings>()
        .AddSingleton<SqliteVaultStore>()
        .AddSingleton<IVaultStore>(p => p.GetRequiredService<SqliteVaultStore>())
        .AddSingleton<IRevisionStore, SqliteRevisionStore>()
        .AddAttachments()
        .AddSingleton<ICheckpointStore, SqliteCheckpointStore>()
        .AddSingleton<ISnapshotStore, SqliteSnapshotStore>()
        .AddSingleton<ICompactionStore, SqliteCompactionStore>()
        .AddSingleton<IRestorationStore, SqliteRestorationStore>()
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
        .AddSingleton<ListRevisions>()
        .AddSingleton<GetRevision>()
        .AddSingleton<ListTrash>()
        .AddSingleton<UploadAttachment>()
        .AddSingleton<PutAttachmentChunk>()
        .AddSingleton<GetAttachmentUpload>()
        .AddSingleton<DownloadAttachment>()
        .AddSingleton<VaultGrpcService>()
        .AddSingleton<Restoration>()
        .AddSingleton<IAdminCommand, VaultsRestored>()
        .AddSingleton<CompactionJob>()
        .AddHostedService<StreamDrain>()
        .AddHostedService<RetentionSweeper>()
        .AddHostedService(p => p.GetRequiredService<Restoration>())
        .AddHostedService(p => p.GetRequiredService<CompactionJob>());

    private static IServiceCollection AddAttachments(this IServiceCollection services) => services
        .AddSingleton<IDiskSync, DiskSync>()
        .AddSingleton(p => new AttachmentFiles(Path.Combine(p.GetRequiredService<ServerOptions>().DataFolder, "attachments"), p.GetRequiredService<IDiskSync>()))
        .AddSingleton<IAttachmentStore, SqliteAttachmentStore>()
        .AddSingleton<UploadTurns>()
        .AddSingleton<ContentGates>()
        .AddSingleton<Transfers>()
        .AddSingleton<Uploads>()
        .AddSingleton<AttachmentCollector>();
}
