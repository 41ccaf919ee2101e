using Kpm.V1;

namespace Kpm.Server.Accounts;

/// <summary>
/// Told after it is durable that sessions have ended, so that what runs on them ends at once.
/// Implementations return without waiting for the streams.
/// </summary>
internal interface ISessionEndings
{
    void SessionEnded(Guid accountId, Guid sessionId, RevokedReason reason);

    void DeviceEnded(Guid accountId, Guid deviceId, RevokedReason reason);

    void AccountEnded(Guid accountId, RevokedReason reason);
}
