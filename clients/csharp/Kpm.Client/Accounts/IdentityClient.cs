using Kpm.Client.Storage;
using Kpm.V1;

namespace Kpm.Client.Accounts;

/// <summary>Identities of other providers. Every call throws ServerException for an error of the server.</summary>
public sealed class IdentityClient
{
    private readonly ServerCalls _calls;
    private readonly AccountService.AccountServiceClient _accounts;

    internal IdentityClient(ServerCalls calls, AccountService.AccountServiceClient accounts)
    {
        _calls = calls;
        _accounts = accounts;
    }

    /// <summary>
    /// Sends the person's browser to the provider and waits until it comes back to this computer. What the provider
    /// answered goes to SignInClient.WithProviderAsync, LinkAsync or ReauthenticateAsync, as the purpose says.
    /// </summary>
    /// <param name="providerId">A provider of the sign-in options.</param>
    /// <param name="purpose">What the answer is for; all but SIGN_IN need a session.</param>
    /// <param name="region">The person's region, for SIGN_IN.</param>
    /// <param name="openBrowser">Opens the address in a browser, and returns at once.</param>
    /// <param name="timeout">How long the person may take.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>The provider's answer; works once.</returns>
    /// <exception cref="ProviderRefusedException">The person or the provider refused, or nobody came back in time.</exception>
    public async Task<FederatedCredential> AskProviderAsync(
        string providerId, FederatedPurpose purpose, string region, Action<Uri> openBrowser, TimeSpan timeout, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(openBrowser);
        using var listener = new LoopbackListener();
        var verifier = Pkce.NewVerifier();
        var request = new StartFederatedSignInRequest
        {
            ProviderId = providerId,
            Purpose = purpose,
            Region = region,
            RedirectUri = listener.RedirectUri.ToString(),
            CodeChallenge = Pkce.ChallengeOf(verifier),
        };
        var started = purpose == FederatedPurpose.SignIn
            ? await _calls.AnonymousAsync(to => _accounts.StartFederatedSignInAsync(request, to), cancellationToken)
            : await _calls.SessionAsync(to => _accounts.StartFederatedSignInAsync(request, to), cancellationToken);
        var authorization = new Uri(started.AuthorizationUrl);
        var state = LoopbackListener.Parameters(authorization.Query).GetValueOrDefault("state")
            ?? throw ServerException.Unexpected(nameof(StartFederatedSignInResponse));
        openBrowser(authorization);
        using var patience = new CancellationTokenSource(timeout, _calls.Time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(patience.Token, cancellationToken);
        try
        {
            var answer = await listener.WaitAsync(state, both.Token);
            return new FederatedCredential
            {
                FlowId = started.FlowId,
                PersonName = answer.PersonName,
                Code = new AuthorizationCode { Code = answer.Code, State = state, CodeVerifier = verifier },
            };
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new ProviderRefusedException("The browser did not come back in time.");
        }
    }

    /// <summary>Proves with the provider's answer that the person is who the session says; the flow's purpose must be REAUTHENTICATE.</summary>
    /// <param name="credential">The provider's answer.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>For one call that asks for it.</returns>
    public async Task<Reauthentication> ReauthenticateAsync(FederatedCredential credential, CancellationToken cancellationToken)
    {
        var request = new CompleteFederatedSignInRequest { Credential = credential };
        var response = await _calls.SessionAsync(to => _accounts.CompleteFederatedSignInAsync(request, to), cancellationToken);
        return response.Reauthenticated is { } proved
            ? new Reauthentication { FederatedTicket = proved.Ticket }
            : throw ServerException.Unexpected(nameof(CompleteFederatedSignInResponse));
    }

    /// <summary>The identities that open the account.</summary>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>All of them, oldest first.</returns>
    public Task<IReadOnlyList<Identity>> ListAsync(CancellationToken cancellationToken) => ServerCalls.PagesAsync(
        token => _calls.SessionAsync(to => _accounts.ListIdentitiesAsync(new ListIdentitiesRequest { PageToken = token }, to), cancellationToken),
        page => page.Identities,
        page => page.NextPageToken);

    /// <summary>Links an identity.</summary>
    /// <param name="reauthentication">Who is calling.</param>
    /// <param name="credential">The provider's answer in a flow with the purpose LINK.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>The identity.</returns>
    public async Task<Identity> LinkAsync(Reauthentication reauthentication, FederatedCredential credential, CancellationToken cancellationToken)
    {
        var request = new LinkIdentityRequest { RequestId = _calls.NewId(), Reauthentication = reauthentication, Credential = credential };
        return (await _calls.SessionAsync(to => _accounts.LinkIdentityAsync(request, to), cancellationToken)).Identity;
    }

    /// <summary>Unlinks an identity, unless it is the last way to sign in.</summary>
    /// <param name="reauthentication">Who is calling.</param>
    /// <param name="identityId">The identity.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>When it is unlinked.</returns>
    public Task UnlinkAsync(Reauthentication reauthentication, Guid identityId, CancellationToken cancellationToken)
    {
        var request = new UnlinkIdentityRequest { RequestId = _calls.NewId(), Reauthentication = reauthentication, IdentityId = identityId.ToText() };
        return _calls.SessionAsync(to => _accounts.UnlinkIdentityAsync(request, to), cancellationToken);
    }
}

/// <summary>The provider of an identity, or the person there, said no; nothing was changed.</summary>
public sealed class ProviderRefusedException : Exception
{
    /// <summary>Says why.</summary>
    /// <param name="message">Why, in English.</param>
    public ProviderRefusedException(string message)
        : base(message)
    {
    }
}
