using Kpm.Client.Storage;
using Kpm.V1;

namespace Kpm.Client.Accounts;

/// <summary>The devices of the account. Every call throws ServerException for an error of the server, and SignedOutException where no one is signed in.</summary>
public sealed class DeviceClient
{
    private readonly ServerCalls _calls;
    private readonly AccountService.AccountServiceClient _accounts;

    internal DeviceClient(ServerCalls calls, AccountService.AccountServiceClient accounts)
    {
        _calls = calls;
        _accounts = accounts;
    }

    /// <summary>The devices linked to the account.</summary>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>All devices, newest first.</returns>
    public Task<IReadOnlyList<Device>> ListAsync(CancellationToken cancellationToken) => ServerCalls.PagesAsync(
        token => _calls.SessionAsync(to => _accounts.ListDevicesAsync(new ListDevicesRequest { PageToken = token }, to), cancellationToken),
        page => page.Devices,
        page => page.NextPageToken);

    /// <summary>Gives a device another name.</summary>
    /// <param name="deviceId">The device.</param>
    /// <param name="name">The new name.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>The device as it stands now.</returns>
    public async Task<Device> RenameAsync(Guid deviceId, string name, CancellationToken cancellationToken)
    {
        var request = new RenameDeviceRequest { RequestId = _calls.NewId(), DeviceId = deviceId.ToText(), Name = name };
        return (await _calls.SessionAsync(to => _accounts.RenameDeviceAsync(request, to), cancellationToken)).Device;
    }

    /// <summary>Ends all sessions of a device; its id can't come back.</summary>
    /// <param name="deviceId">The device.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>The device as it stands now.</returns>
    public async Task<Device> RevokeAsync(Guid deviceId, CancellationToken cancellationToken)
    {
        var request = new RevokeDeviceRequest { RequestId = _calls.NewId(), DeviceId = deviceId.ToText() };
        return (await _calls.SessionAsync(to => _accounts.RevokeDeviceAsync(request, to), cancellationToken)).Device;
    }

    /// <summary>Lets a session fetch the vault's keys that signed in after a password reset.</summary>
    /// <param name="sessionId">The session, as its device in the list names it; may be this one, with a second factor.</param>
    /// <param name="secondFactor">Needed where the calling session is under the hold itself.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>When it is approved.</returns>
    public Task ApproveAsync(string sessionId, SecondFactor? secondFactor, CancellationToken cancellationToken)
    {
        var request = new ApproveSessionRequest { RequestId = _calls.NewId(), SessionId = sessionId, SecondFactor = secondFactor };
        return _calls.SessionAsync(to => _accounts.ApproveSessionAsync(request, to), cancellationToken);
    }
}
