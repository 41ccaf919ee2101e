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
    Task<RevokeResult?> RevokeAsync(Guid accountId, Guid deviceId, DateTimeOffset now, RequestKey request, Func<DeviceRow, byte[]> respond, CancellationToken cancellationToken);

    Task TouchAsync(IReadOnlyList<DeviceSeen> seen, CancellationToken cancellationToken);
}

/// <summary>A place in the list of devices.</summary>
internal sealed record DevicePosition(DateTimeOffset LinkedAt, Guid DeviceId);

internal sealed record RevokeResult(byte[] Response, IReadOnlyList<EndedSession> Ended);

internal sealed record DeviceSeen(Guid DeviceId, DateTimeOffset At);
