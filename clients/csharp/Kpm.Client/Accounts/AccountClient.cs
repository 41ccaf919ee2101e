using Grpc.Core;
using Kpm.Client.Storage;
using Kpm.V1;

namespace Kpm.Client.Accounts;

/// <summary>What a person enters to create an account.</summary>
public sealed record NewAccount
{
    /// <summary>The e-mail address.</summary>
    public required string Email { get; init; }

    /// <summary>The account password; never the main password.</summary>
    public required string Password { get; init; }

    /// <summary>The account password again.</summary>
    public required string PasswordConfirmation { get; init; }

    /// <summary>A region of the sign-in options.</summary>
    public required string Region { get; init; }

    /// <summary>A language of the region.</summary>
    public required string Language { get; init; }

    /// <summary>Marketing mail is allowed.</summary>
    public required bool MarketingConsent { get; init; }

    /// <summary>The version of the consent text that was shown.</summary>
    public required string ConsentVersion { get; init; }
}

/// <summary>Connects this device to an account. Every call throws ServerException for an error of the server.</summary>
public sealed class AccountClient
{
    private readonly LocalStore _store;
    private readonly KpmOptions _options;
    private readonly AccountService.AccountServiceClient _accounts;
    private readonly VerificationService.VerificationServiceClient _verification;
    private readonly SessionKeeper _sessions;
    private readonly Func<DeviceIdentity> _device;
    private readonly Action _replaceDevice;

    internal AccountClient(LocalStore store, KpmOptions options, CallInvoker invoker, SessionKeeper sessions, Func<DeviceIdentity> device, Action replaceDevice)
    {
        _store = store;
        _options = options;
        _accounts = new AccountService.AccountServiceClient(invoker);
        _verification = new VerificationService.VerificationServiceClient(invoker);
        _sessions = sessions;
        _device = device;
        _replaceDevice = replaceDevice;
    }

    /// <summary>The address that is signed in; null for none.</summary>
    public string? SignedInAs => _store.Session()?.Email;

    /// <summary>What a first start shows.</summary>
    /// <param name="locale">A BCP 47 tag.</param>
    /// <param name="region">The region that was picked; empty for the preselected one.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>Regions, methods, password rules, consent text.</returns>
    public Task<GetSignInOptionsResponse> GetSignInOptionsAsync(string locale, string region, CancellationToken cancellationToken) =>
        CallAsync(options => _accounts.GetSignInOptionsAsync(new GetSignInOptionsRequest { Locale = locale, Region = region }, options), cancellationToken);

    /// <summary>Creates a pending account and connects this device to it.</summary>
    /// <param name="account">What the person entered.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>The account and where its activation stands.</returns>
    public async Task<AccountCreated> CreateAccountAsync(NewAccount account, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(account);
        RequireSignedOut();
        return await WithDeviceAsync(async () =>
        {
            var request = new CreateAccountRequest
            {
                Email = account.Email,
                Password = account.Password,
                PasswordConfirmation = account.PasswordConfirmation,
                Region = account.Region,
                Language = account.Language,
                MarketingConsent = account.MarketingConsent,
                ConsentVersion = account.ConsentVersion,
                Device = Device(),
            };
            var created = (await CallAsync(options => _accounts.CreateAccountAsync(request, options), cancellationToken)).Created;
            Connect(created.Account, created.Session);
            return created;
        });
    }

    /// <summary>Connects this device to an activated account.</summary>
    /// <param name="email">The address.</param>
    /// <param name="password">The account password.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>The account.</returns>
    public async Task<Account> SignInAsync(string email, string password, CancellationToken cancellationToken)
    {
        RequireSignedOut();
        return await WithDeviceAsync(async () =>
        {
            var request = new SignInRequest { Email = email, Password = password, Device = Device() };
            var signedIn = (await CallAsync(options => _accounts.SignInAsync(request, options), cancellationToken)).SignedIn;
            Connect(signedIn.Account, signedIn.Session);
            return signedIn.Account;
        });
    }

    /// <summary>Activates the account with the token or the six digits of the mail.</summary>
    /// <param name="tokenOrCode">Six digits are a code, anything else is a token.</param>
    /// <param name="password">The account password; only needed with a token and without a session.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>The account.</returns>
    public async Task<Account> ActivateAsync(string tokenOrCode, string? password, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(tokenOrCode);
        var request = new ActivateAccountRequest { Password = password ?? "" };
        var isCode = tokenOrCode.Length == 6 && tokenOrCode.All(char.IsAsciiDigit);
        if (isCode)
        {
            request.Code = tokenOrCode;
        }
        else
        {
            request.Token = tokenOrCode;
        }

        var response = _store.Session() is null
            ? await CallAsync(options => _verification.ActivateAccountAsync(request, options), cancellationToken)
            : await SessionCallAsync(options => _verification.ActivateAccountAsync(request, options), cancellationToken);
        return response.Account;
    }

    /// <summary>Asks for another activation mail.</summary>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>Where the activation stands.</returns>
    public async Task<Activation> ResendActivationAsync(CancellationToken cancellationToken)
    {
        var request = new ResendActivationRequest { RequestId = NewId() };
        return (await SessionCallAsync(options => _verification.ResendActivationAsync(request, options), cancellationToken)).Activation;
    }

    /// <summary>The account of the session.</summary>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>The account and, while it is pending, its activation.</returns>
    public Task<GetAccountResponse> GetAccountAsync(CancellationToken cancellationToken) =>
        SessionCallAsync(options => _accounts.GetAccountAsync(new GetAccountRequest(), options), cancellationToken);

    /// <summary>The devices linked to the account.</summary>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>All devices, newest first.</returns>
    public async Task<IReadOnlyList<Device>> ListDevicesAsync(CancellationToken cancellationToken)
    {
        var devices = new List<Device>();
        var token = "";
        do
        {
            var request = new ListDevicesRequest { PageToken = token };
            var page = await SessionCallAsync(options => _accounts.ListDevicesAsync(request, options), cancellationToken);
            devices.AddRange(page.Devices);
            token = page.NextPageToken;
        }
        while (token.Length > 0);
        return devices;
    }

    /// <summary>Ends all sessions of a device; its id can't come back.</summary>
    /// <param name="deviceId">The device.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>The device as it stands now.</returns>
    public async Task<Device> RevokeDeviceAsync(Guid deviceId, CancellationToken cancellationToken)
    {
        var request = new RevokeDeviceRequest { RequestId = NewId(), DeviceId = deviceId.ToText() };
        return (await SessionCallAsync(options => _accounts.RevokeDeviceAsync(request, options), cancellationToken)).Device;
    }

    /// <summary>Ends the session. The encrypted copy of the vault stays, with what was not sent yet.</summary>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>When the server has ended the session, or had ended it before.</returns>
    public async Task SignOutAsync(CancellationToken cancellationToken)
    {
        try
        {
            var request = new SignOutRequest { RequestId = NewId() };
            await SessionCallAsync(options => _accounts.SignOutAsync(request, options), cancellationToken);
        }
        catch (SignedOutException ended) when (ended.InnerException is not null)
        {
            // It had ended already, which is what was asked for.
        }

        _store.EndSession();
    }

    internal async Task<T> SessionCallAsync<T>(Func<CallOptions, AsyncUnaryCall<T>> call, CancellationToken cancellationToken)
    {
        var token = await _sessions.AccessTokenAsync(cancellationToken);
        try
        {
            return await CallAsync(options => call(options.WithHeaders(SessionKeeper.Authorization(token))), cancellationToken);
        }
        catch (ServerException refused) when (refused.Reason == ErrorReason.SessionInvalid)
        {
            // The clocks may differ, or another device ended the session: the refresh tells which.
            token = await _sessions.RenewAsync(token, cancellationToken);
            return await CallAsync(options => call(options.WithHeaders(SessionKeeper.Authorization(token))), cancellationToken);
        }
    }

    private async Task<T> CallAsync<T>(Func<CallOptions, AsyncUnaryCall<T>> call, CancellationToken cancellationToken)
    {
        try
        {
            var deadline = _options.Time.GetUtcNow().Add(_options.CallTimeout).UtcDateTime;
            return await call(new CallOptions(deadline: deadline, cancellationToken: cancellationToken));
        }
        catch (RpcException error)
        {
            cancellationToken.ThrowIfCancellationRequested();
            throw ServerException.From(error);
        }
    }

    /// <summary>A device that the server no longer takes enrols anew, once.</summary>
    private async Task<T> WithDeviceAsync<T>(Func<Task<T>> connect)
    {
        try
        {
            return await connect();
        }
        catch (ServerException refused) when (refused.Reason == ErrorReason.DeviceConflict)
        {
            _replaceDevice();
            return await connect();
        }
    }

    private void RequireSignedOut()
    {
        if (_store.Session() is { } session)
        {
            throw new LocalStoreException($"This data folder is signed in as {session.Email} already. Sign out first, or choose another folder.");
        }
    }

    private void Connect(Account account, Session session) =>
        _store.Connect(SessionKeeper.ToRow(session, _options.Server.ToString(), account.AccountId, account.Email));

    private DeviceInfo Device()
    {
        var device = _device();
        return new DeviceInfo
        {
            DeviceId = device.Id.ToText(),
            Name = _options.DeviceName,
            Platform = _options.Platform,
            ApplicationId = _options.ApplicationId,
            ApplicationVersion = _options.ApplicationVersion,
            SigningKey = Google.Protobuf.ByteString.CopyFrom(device.PublicKey),
        };
    }

    private string NewId() => Guid.CreateVersion7(_options.Time.GetUtcNow()).ToText();
}
