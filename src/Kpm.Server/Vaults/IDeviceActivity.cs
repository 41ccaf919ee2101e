using Kpm.Server.Vaults.Streams;

namespace Kpm.Server.Vaults;

/// <summary>What the vault knows of an account's devices, for the list of devices.</summary>
internal interface IDeviceActivity
{
    /// <summary>Devices that have a stream open or ever acknowledged something; others are absent.</summary>
    IReadOnlyDictionary<Guid, DeviceActivity> Of(Guid accountId);

    /// <summary>The last seq of the account's log: what each device should have acknowledged.</summary>
    ulong HeadSeq(Guid accountId);
}

/// <summary>A device as the vault saw it last.</summary>
internal sealed record DeviceActivity
{
    /// <summary>It has a stream open on this server.</summary>
    public required bool Online { get; init; }

    /// <summary>The greatest seq that it has acknowledged on a stream.</summary>
    public required ulong AcknowledgedSeq { get; init; }

    /// <summary>When its receipt of its revocation arrived.</summary>
    public required DateTimeOffset? RevocationAcknowledgedAt { get; init; }
}

/// <summary>Joins what is stored with what the live streams know.</summary>
internal sealed class DeviceActivities(IVaultStore store, VaultFeeds feeds) : IDeviceActivity
{
    public IReadOnlyDictionary<Guid, DeviceActivity> Of(Guid accountId)
    {
        var devices = new Dictionary<Guid, DeviceActivity>(store.Progress(accountId));
        foreach (var stream in feeds.Streams(accountId))
        {
            var stored = devices.GetValueOrDefault(stream.DeviceId);
            devices[stream.DeviceId] = new DeviceActivity
            {
                Online = true,
                AcknowledgedSeq = Math.Max(stream.AcknowledgedSeq, stored?.AcknowledgedSeq ?? 0),
                RevocationAcknowledgedAt = stored?.RevocationAcknowledgedAt,
            };
        }

        return devices;
    }

    public ulong HeadSeq(Guid accountId) => store.State(accountId).HeadSeq;
}
