using Kpm.Server.Accounts.Events;
using Kpm.Server.Rpc;

namespace Kpm.Server.Accounts;

/// <summary>Devices. Each writing method is one transaction.</summary>
internal interface IDeviceStore
{
    /// <summary>The device of any account, revoked or not.</summary>
    ValueTask<DeviceRow?> FindAsync(Guid deviceId, CancellationToken cancellationToken);

    /// <summary>A page of an account's devices, newest first, behind a position.</summary>
    ValueTask<IReadOnlyList<DeviceRow>> ListAsync(Guid accountId, DevicePosition? after, int most, CancellationToken cancellationToken);

    /// <summary>Revokes the device, ends its sessions and remembers the response. Null where the account has no such device.</summary>
    Task<RevokeResult?> RevokeAsync(DeviceRevocation revocation, Func<DeviceRow, byte[]> respond, CancellationToken cancellationToken);

    /// <summary>Renames the device and remembers the response. Null where the account has no such device.</summary>
    Task<byte[]?> RenameAsync(DeviceRename rename, Func<DeviceRow, byte[]> respond, CancellationToken cancellationToken);

    Task TouchAsync(IReadOnlyList<DeviceSeen> seen, CancellationToken cancellationToken);
}

/// <summary>A place in the list of devices.</summary>
internal sealed record DevicePosition(DateTimeOffset LinkedAt, Guid DeviceId);

/// <summary>A device that is to be revoked.</summary>
internal sealed record DeviceRevocation
{
    public required Guid AccountId { get; init; }
    public required Guid DeviceId { get; init; }
    public required DateTimeOffset Now { get; init; }
    public required SecurityEntry Entry { get; init; }
    public required RequestKey Request { get; init; }
}

/// <summary>A device that is to get another name.</summary>
internal sealed record DeviceRename
{
    public required Guid AccountId { get; init; }
    public required Guid DeviceId { get; init; }
    public required string Name { get; init; }
    public required DateTimeOffset Now { get; init; }
    public required SecurityEntry Entry { get; init; }
    public required RequestKey Request { get; init; }
}

internal sealed record RevokeResult(byte[] Response, IReadOnlyList<EndedSession> Ended);

internal sealed record DeviceSeen(Guid DeviceId, DateTimeOffset At);
