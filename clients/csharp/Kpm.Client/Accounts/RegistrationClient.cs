using Kpm.V1;

namespace Kpm.Client.Accounts;

/// <summary>What a person enters to create an account.</summary>
public sealed record NewAccount
{
    /// <summary>The e-mail address.</summary>
    public required string Email { get; init; }

    /// <summary>The account password; never the main password. Empty where RegistrationTicket brings the way in.</summary>
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

    /// <summary>The ticket of SignInOutcome.RegisterFirst: links that identity to the account. Empty for none.</summary>
    public string RegistrationTicket { get; init; } = "";
}

/// <summary>From the first start to an active account. Every call throws ServerException for an error of the server.</summary>
public sealed class RegistrationClient
{
    private const string CreateAccount = "/kpm.v1.AccountService/CreateAccount";
    private readonly ServerCalls _calls;
    private readonly DeviceConnector _device;
    private readonly AccountService.AccountServiceClient _accounts;
    private readonly VerificationService.VerificationServiceClient _verification;

    internal RegistrationClient(ServerCalls calls, DeviceConnector device, AccountService.AccountServiceClient accounts, VerificationService.VerificationServiceClient verification)
    {
        _calls = calls;
        _device = device;
        _accounts = accounts;
        _verification = verification;
    }

    /// <summary>What a first start shows.</summary>
    /// <param name="locale">A BCP 47 tag.</param>
    /// <param name="region">The region that was picked; empty for the preselected one.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>Regions, methods, providers, password rules, consent text.</returns>
    public Task<GetSignInOptionsResponse> GetSignInOptionsAsync(string locale, string region, CancellationToken cancellationToken)
    {
        var request = new GetSignInOptionsRequest { Locale = locale, Region = region };
        return _calls.AnonymousAsync(to => _accounts.GetSignInOptionsAsync(request, to), cancellationToken);
    }

    /// <summary>Creates an account and connects this device to it.</summary>
    /// <param name="account">What the person entered.</param>
    /// <param name="check">The answer to a Security Check where one was demanded.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>The account, pending unless a provider vouched for its address.</returns>
    public async Task<Guarded<AccountCreated>> CreateAccountAsync(NewAccount account, SecurityCheckAnswer? check, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(account);
        _device.RequireSignedOut();
        return await _device.WithDeviceAsync(async () =>
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
                Device = _device.Info(CreateAccount),
                SecurityCheck = check,
                RegistrationTicket = account.RegistrationTicket,
            };
            var response = await _calls.AnonymousAsync(to => _accounts.CreateAccountAsync(request, to), cancellationToken);
            if (response.SecurityCheckRequired is { } required)
            {
                return new Guarded<AccountCreated>(required.Check);
            }

            _device.Connect(response.Created.Account, response.Created.Session);
            return new Guarded<AccountCreated>(response.Created);
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

        return (await _calls.OptionalSessionAsync(to => _verification.ActivateAccountAsync(request, to), cancellationToken)).Account;
    }

    /// <summary>Asks for another activation mail; the older ones are void.</summary>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>Where the activation stands.</returns>
    public async Task<Activation> ResendActivationAsync(CancellationToken cancellationToken)
    {
        var request = new ResendActivationRequest { RequestId = _calls.NewId() };
        return (await _calls.SessionAsync(to => _verification.ResendActivationAsync(request, to), cancellationToken)).Activation;
    }

    /// <summary>"This was not me": removes the pending account that somebody registered with the person's address.</summary>
    /// <param name="token">The discard token of the mail.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>When it is gone.</returns>
    public Task DiscardAsync(string token, CancellationToken cancellationToken)
    {
        var request = new DiscardPendingAccountRequest { Token = token };
        return _calls.AnonymousAsync(to => _verification.DiscardPendingAccountAsync(request, to), cancellationToken);
    }

    /// <summary>Another picture, for a person who can't read the one there is.</summary>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>The check.</returns>
    public Task<SecurityCheck> NewPictureAsync(CancellationToken cancellationToken) =>
        NewSecurityCheckAsync(new NewSecurityCheckRequest { Delivery = SecurityCheckDelivery.Picture }, cancellationToken);

    /// <summary>A code mailed to the address in place of a picture, for a person who can't see one.</summary>
    /// <param name="email">The address that the guarded call is about.</param>
    /// <param name="language">A BCP 47 tag for the mail's words.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>The check, without a picture.</returns>
    public Task<SecurityCheck> MailCheckCodeAsync(string email, string language, CancellationToken cancellationToken) =>
        NewSecurityCheckAsync(new NewSecurityCheckRequest { Delivery = SecurityCheckDelivery.Mail, Email = email, Language = language }, cancellationToken);

    private async Task<SecurityCheck> NewSecurityCheckAsync(NewSecurityCheckRequest request, CancellationToken cancellationToken) =>
        (await _calls.AnonymousAsync(to => _verification.NewSecurityCheckAsync(request, to), cancellationToken)).Check;
}
