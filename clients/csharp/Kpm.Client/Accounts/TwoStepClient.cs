using Kpm.Client.Storage;
using Kpm.V1;

namespace Kpm.Client.Accounts;

/// <summary>Two-step verification: the second step of a sign-in, and its factors. Every call throws ServerException for an error of the server.</summary>
public sealed class TwoStepClient
{
    private readonly ServerCalls _calls;
    private readonly DeviceConnector _device;
    private readonly LocalStore _store;
    private readonly VerificationService.VerificationServiceClient _verification;

    internal TwoStepClient(ServerCalls calls, DeviceConnector device, LocalStore store, VerificationService.VerificationServiceClient verification)
    {
        _calls = calls;
        _device = device;
        _store = store;
        _verification = verification;
    }

    /// <summary>Sends a code by SMS for a sign-in that stands at its second step.</summary>
    /// <param name="ticket">The ticket of the first step.</param>
    /// <param name="check">The answer to a Security Check where one was demanded.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>Where it was sent, and when another can be asked for.</returns>
    public async Task<Guarded<CodeSent>> SendCodeAsync(string ticket, SecurityCheckAnswer? check, CancellationToken cancellationToken)
    {
        var request = new SendSignInCodeRequest { Ticket = ticket, SecurityCheck = check };
        return ToGuarded(await _calls.AnonymousAsync(to => _verification.SendSignInCodeAsync(request, to), cancellationToken));
    }

    /// <summary>Sends a code by SMS for a re-authentication in this session.</summary>
    /// <param name="check">The answer to a Security Check where one was demanded.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>Where it was sent, and when another can be asked for.</returns>
    public async Task<Guarded<CodeSent>> SendCodeAsync(SecurityCheckAnswer? check, CancellationToken cancellationToken)
    {
        var request = new SendSignInCodeRequest { SecurityCheck = check };
        return ToGuarded(await _calls.SessionAsync(to => _verification.SendSignInCodeAsync(request, to), cancellationToken));
    }

    /// <summary>The second step of a sign-in.</summary>
    /// <param name="ticket">The ticket of the first step.</param>
    /// <param name="factor">The second factor.</param>
    /// <param name="trustDevice">Spares this device the second step for 30 days.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>Connected, or the deletion that is scheduled.</returns>
    public async Task<SignInOutcome> CompleteAsync(string ticket, SecondFactor factor, bool trustDevice, CancellationToken cancellationToken)
    {
        var request = new CompleteTwoStepRequest { Ticket = ticket, SecondFactor = factor, TrustDevice = trustDevice };
        var response = await _calls.AnonymousAsync(to => _verification.CompleteTwoStepAsync(request, to), cancellationToken);
        switch (response.OutcomeCase)
        {
            case CompleteTwoStepResponse.OutcomeOneofCase.SignedIn:
                var connected = _device.Connect(response.SignedIn);
                if (response.TrustedDeviceToken.Length > 0)
                {
                    _store.SetTrustedDeviceToken(response.TrustedDeviceToken);
                }

                return connected;
            case CompleteTwoStepResponse.OutcomeOneofCase.DeletionScheduled:
                return SignInClient.ToOutcome(response.DeletionScheduled);
            default:
                throw ServerException.Unexpected(nameof(CompleteTwoStepResponse));
        }
    }

    /// <summary>Which factors the account has.</summary>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>The settings; codes and secrets can't be read again.</returns>
    public Task<GetTwoStepSettingsResponse> GetSettingsAsync(CancellationToken cancellationToken) =>
        _calls.SessionAsync(to => _verification.GetTwoStepSettingsAsync(new GetTwoStepSettingsRequest(), to), cancellationToken);

    /// <summary>Makes a secret for an authenticator app; nothing changes until ConfirmAuthenticatorAsync.</summary>
    /// <param name="reauthentication">Who is calling.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>The secret, to be shown this once.</returns>
    public Task<StartAuthenticatorResponse> StartAuthenticatorAsync(Reauthentication reauthentication, CancellationToken cancellationToken)
    {
        var request = new StartAuthenticatorRequest { Reauthentication = reauthentication };
        return _calls.SessionAsync(to => _verification.StartAuthenticatorAsync(request, to), cancellationToken);
    }

    /// <summary>Turns the authenticator on.</summary>
    /// <param name="ticket">The ticket of StartAuthenticatorAsync.</param>
    /// <param name="code">The digits that the app shows.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>The recovery codes, to be shown this once; none where the account has some already.</returns>
    public async Task<IReadOnlyList<string>> ConfirmAuthenticatorAsync(string ticket, string code, CancellationToken cancellationToken)
    {
        var request = new ConfirmAuthenticatorRequest { Ticket = ticket, Code = code };
        return (await _calls.SessionAsync(to => _verification.ConfirmAuthenticatorAsync(request, to), cancellationToken)).RecoveryCodes;
    }

    /// <summary>Sends a code to a number that is to become a factor; nothing changes until ConfirmPhoneAsync.</summary>
    /// <param name="reauthentication">Who is calling.</param>
    /// <param name="phone">The number in E.164 form, such as "+436601234567".</param>
    /// <param name="check">The answer to a Security Check where one was demanded.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>The ticket, and where the code was sent.</returns>
    public async Task<Guarded<PhoneStarted>> StartPhoneAsync(Reauthentication reauthentication, string phone, SecurityCheckAnswer? check, CancellationToken cancellationToken)
    {
        var request = new StartPhoneRequest { Reauthentication = reauthentication, Phone = phone, SecurityCheck = check };
        var response = await _calls.SessionAsync(to => _verification.StartPhoneAsync(request, to), cancellationToken);
        return response.SecurityCheckRequired is { } required ? new Guarded<PhoneStarted>(required.Check) : new Guarded<PhoneStarted>(response.Started);
    }

    /// <summary>Turns codes by SMS on.</summary>
    /// <param name="ticket">The ticket of StartPhoneAsync.</param>
    /// <param name="code">The digits of the SMS.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>The recovery codes, to be shown this once; none where the account has some already.</returns>
    public async Task<IReadOnlyList<string>> ConfirmPhoneAsync(string ticket, string code, CancellationToken cancellationToken)
    {
        var request = new ConfirmPhoneRequest { Ticket = ticket, Code = code };
        return (await _calls.SessionAsync(to => _verification.ConfirmPhoneAsync(request, to), cancellationToken)).RecoveryCodes;
    }

    /// <summary>Removes a factor; without the last one two-step verification is off.</summary>
    /// <param name="reauthentication">Who is calling.</param>
    /// <param name="method">The authenticator or SMS.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>True where a second step is still asked for.</returns>
    public async Task<bool> RemoveAsync(Reauthentication reauthentication, TwoStepMethod method, CancellationToken cancellationToken)
    {
        var request = new RemoveFactorRequest { RequestId = _calls.NewId(), Reauthentication = reauthentication, Method = method };
        return (await _calls.SessionAsync(to => _verification.RemoveFactorAsync(request, to), cancellationToken)).Enabled;
    }

    /// <summary>Makes ten new recovery codes; the former ones end.</summary>
    /// <param name="reauthentication">Who is calling.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>The codes, to be shown this once.</returns>
    public async Task<IReadOnlyList<string>> NewRecoveryCodesAsync(Reauthentication reauthentication, CancellationToken cancellationToken)
    {
        var request = new GenerateRecoveryCodesRequest { Reauthentication = reauthentication };
        return (await _calls.SessionAsync(to => _verification.GenerateRecoveryCodesAsync(request, to), cancellationToken)).RecoveryCodes;
    }

    /// <summary>The devices that skip the second step.</summary>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>All of them, newest first.</returns>
    public Task<IReadOnlyList<TrustedDevice>> ListTrustedDevicesAsync(CancellationToken cancellationToken) => ServerCalls.PagesAsync(
        token => _calls.SessionAsync(to => _verification.ListTrustedDevicesAsync(new ListTrustedDevicesRequest { PageToken = token }, to), cancellationToken),
        page => page.TrustedDevices,
        page => page.NextPageToken);

    /// <summary>Ends the trust in a device.</summary>
    /// <param name="deviceId">The device; may be this one.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>When it is asked for the second step again.</returns>
    public async Task ForgetTrustedDeviceAsync(Guid deviceId, CancellationToken cancellationToken)
    {
        var request = new ForgetTrustedDeviceRequest { RequestId = _calls.NewId(), DeviceId = deviceId.ToText() };
        await _calls.SessionAsync(to => _verification.ForgetTrustedDeviceAsync(request, to), cancellationToken);
        if (deviceId == _device.Current.Id)
        {
            _store.SetTrustedDeviceToken(null);
        }
    }

    private static Guarded<CodeSent> ToGuarded(SendSignInCodeResponse response) =>
        response.SecurityCheckRequired is { } required ? new Guarded<CodeSent>(required.Check) : new Guarded<CodeSent>(response.Sent);
}
