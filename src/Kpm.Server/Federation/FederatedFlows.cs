using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using Kpm.Server.Rpc;
using Kpm.Server.Secrets;
using Kpm.V1;
using Microsoft.IdentityModel.Protocols.OpenIdConnect;

namespace Kpm.Server.Federation;

/// <summary>A flow that was started: what the app gets to know of it.</summary>
internal sealed record StartedFlow(string FlowId, string AuthorizationUrl, string Nonce, DateTimeOffset ExpiresAt);

/// <summary>A flow that was completed, with whom the provider vouched for.</summary>
internal sealed record CompletedFlow(FederatedFlow Flow, OpenIdProvider Provider, VerifiedIdentity Identity);

/// <summary>
/// Starts and completes flows at providers (authorization code with PKCE, or an id_token of the provider's SDK). The app keeps
/// the code verifier and hands it over with the code, so that a code that is caught on its way is worth nothing; the server
/// alone holds the client secret. State, nonce and challenge stand in the flow's ticket, which works once.
/// </summary>
internal sealed class FederatedFlows(
    IIdentityStore store, Tickets tickets, IdentityProviders providers, ProviderMetadata metadata, CodeExchange exchange, IdTokens idTokens, TimeProvider time, Limits limits)
{
    /// <summary>LINK and REAUTHENTICATE flows belong to the session that starts them.</summary>
    public async Task<StartedFlow> StartAsync(OpenIdProvider provider, StartFederatedSignInRequest request, Caller? owner, CancellationToken cancellationToken)
    {
        var byBrowser = request.RedirectUri.Length > 0;
        var flow = new FederatedFlow
        {
            ProviderId = provider.Id,
            Purpose = request.Purpose,
            StartedAt = time.Now(),
            Nonce = NewSecret(),
            RedirectUri = request.RedirectUri,
            State = byBrowser ? NewSecret() : "",
            CodeChallenge = byBrowser ? request.CodeChallenge : "",
        };
        // The provider's document first: a provider that can't be reached leaves no ticket behind.
        var url = byBrowser ? await AuthorizationUrlAsync(provider, flow, cancellationToken) : "";
        var ticket = tickets.New(TicketPurpose.FederatedFlow, limits.FederatedFlowLifetime, flow, FederationJson.Default.FederatedFlow, owner?.AccountId, owner?.SessionId);
        await store.InsertTicketAsync(ticket.Row, cancellationToken);
        return new StartedFlow(ticket.Text, url, byBrowser ? "" : flow.Nonce, ticket.Row.ExpiresAt);
    }

    /// <summary>Whom the provider vouches for. The flow is used up by whatever answer does not hold; by an unreachable provider it is not.</summary>
    public async Task<CompletedFlow> CompleteAsync(FederatedCredential credential, IReadOnlyList<FederatedPurpose> purposes, Caller? caller, CancellationToken cancellationToken)
    {
        var (ticket, flow) = await FindAsync(credential, purposes, caller, cancellationToken);
        var provider = providers.Find(flow.ProviderId) ?? throw Errors.Of(ErrorReason.MethodNotAvailable);
        if (await store.TakeTicketAsync(ticket.Hash, TicketPurpose.FederatedFlow, time.Now(), cancellationToken) is null)
        {
            throw Errors.Of(ErrorReason.TicketInvalid);
        }

        try
        {
            var identity = flow.ByBrowser
                ? await ByCodeAsync(provider, flow, credential.Code, cancellationToken)
                : await idTokens.ReadAsync(provider, credential.IdToken, Demand(flow, accessToken: null), cancellationToken);
            var name = provider.NameFromApp && identity.PersonName.Length == 0 ? credential.PersonName : identity.PersonName;
            return new CompletedFlow(flow, provider, identity with { PersonName = name });
        }
        catch (ProviderUnreachableException e)
        {
            // Nothing was accepted, so that the same answer may come again.
            await store.InsertTicketAsync(ticket, CancellationToken.None);
            throw Errors.RetryAfter(ErrorReason.ProviderUnavailable, limits.ProviderRetry, e);
        }
    }

    /// <summary>A flow that is not the caller's stays as it is.</summary>
    private async Task<(TicketRow Ticket, FederatedFlow Flow)> FindAsync(
        FederatedCredential credential, IReadOnlyList<FederatedPurpose> purposes, Caller? caller, CancellationToken cancellationToken)
    {
        var ticket = await store.FindTicketAsync(SecretToken.Hash(credential.FlowId), TicketPurpose.FederatedFlow, time.Now(), cancellationToken)
            ?? throw Errors.Of(ErrorReason.TicketInvalid);
        var flow = tickets.Open(ticket, FederationJson.Default.FederatedFlow);
        if (!purposes.Contains(flow.Purpose) || (ticket.SessionId is { } session && session != caller?.SessionId))
        {
            throw Errors.Of(ErrorReason.TicketInvalid);
        }

        if (flow.ByBrowser != (credential.CredentialCase == FederatedCredential.CredentialOneofCase.Code))
        {
            throw Errors.Field("credential", "WRONG_KIND", "must be the code of a flow with a redirect_uri, or the id_token of one without");
        }

        return (ticket, flow);
    }

    private async Task<VerifiedIdentity> ByCodeAsync(OpenIdProvider provider, FederatedFlow flow, AuthorizationCode answer, CancellationToken cancellationToken)
    {
        // Held against the challenge here too: not every provider does PKCE.
        if (!SameText(answer.State, flow.State) || !SameText(Base64Url.EncodeToString(SHA256.HashData(Encoding.UTF8.GetBytes(answer.CodeVerifier))), flow.CodeChallenge))
        {
            throw Errors.Of(ErrorReason.IdentityRejected);
        }

        var tokens = await exchange.RedeemAsync(provider, answer.Code, flow.RedirectUri, answer.CodeVerifier, cancellationToken);
        return await idTokens.ReadAsync(provider, tokens.IdToken, Demand(flow, tokens.AccessToken), cancellationToken);
    }

    private static IdTokenDemand Demand(FederatedFlow flow, string? accessToken) => new()
    {
        Nonce = flow.Nonce,
        FlowStartedAt = flow.StartedAt,
        AccessToken = accessToken,
        OwnAudience = flow.ByBrowser,
        AskedAgain = flow.Purpose == FederatedPurpose.Reauthenticate,
    };

    private async Task<string> AuthorizationUrlAsync(OpenIdProvider provider, FederatedFlow flow, CancellationToken cancellationToken)
    {
        try
        {
            var endpoint = provider.AuthorizationEndpoint.Length > 0
                ? provider.AuthorizationEndpoint
                : (await metadata.GetAsync(provider, provider.Issuers[0], cancellationToken)).AuthorizationEndpoint;
            List<KeyValuePair<string, string>> parameters =
            [
                new(OpenIdConnectParameterNames.ResponseType, OpenIdConnectResponseType.Code),
                new(OpenIdConnectParameterNames.ClientId, provider.Options.ClientId),
                new(OpenIdConnectParameterNames.RedirectUri, flow.RedirectUri),
                new(OpenIdConnectParameterNames.Scope, provider.Scope),
                new(OpenIdConnectParameterNames.State, flow.State),
                new(OpenIdConnectParameterNames.Nonce, flow.Nonce),
                new("code_challenge", flow.CodeChallenge),
                new("code_challenge_method", "S256"),
                .. provider.Parameters,
                .. flow.Purpose == FederatedPurpose.Reauthenticate ? provider.AskAgain : [],
            ];
            var query = string.Join('&', parameters.Select(p => $"{p.Key}={Uri.EscapeDataString(p.Value)}"));
            return endpoint + (endpoint.Contains('?', StringComparison.Ordinal) ? "&" : "?") + query;
        }
        catch (ProviderUnreachableException e)
        {
            throw Errors.RetryAfter(ErrorReason.ProviderUnavailable, limits.ProviderRetry, e);
        }
    }

    private static string NewSecret() => SecretToken.New("");

    private static bool SameText(string a, string b) => CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(a), Encoding.UTF8.GetBytes(b));
}
