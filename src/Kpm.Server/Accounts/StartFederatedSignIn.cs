using System.Buffers.Text;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Kpm.Server.Catalogue;
using Kpm.Server.Federation;
using Kpm.Server.Rpc;
using Kpm.Server.Verification.Checks;
using Kpm.V1;

namespace Kpm.Server.Accounts;

/// <summary>Starts a flow at a provider. The person's region decides whether the provider is open; with a session it is the account's.</summary>
internal sealed class StartFederatedSignIn(FederatedFlows flows, IdentityProviders providers, IAccountStore accounts, RegionCatalogue catalogue, Guard guard, Limits limits)
{
    public async Task<StartFederatedSignInResponse> HandleAsync(StartFederatedSignInRequest request, ServerCallContext context)
    {
        var owner = request.Purpose == FederatedPurpose.SignIn ? null : Owner(context);
        var region = owner is null ? RegionOf(request)
            : (await accounts.FindAsync(owner.AccountId, context.CancellationToken) ?? throw Errors.Of(ErrorReason.SessionInvalid)).Region;
        var provider = providers.OpenIn(region, request.ProviderId);
        CheckRedirect(provider, request);
        if (owner is null)
        {
            await guard.AdmitClientAsync(GuardedAct.FederatedFlow, limits.FederatedFlowsPerClient, context);
        }

        var started = await flows.StartAsync(provider, request, owner, context.CancellationToken);
        return new StartFederatedSignInResponse
        {
            FlowId = started.FlowId,
            AuthorizationUrl = started.AuthorizationUrl,
            Nonce = started.Nonce,
            ExpiresAt = Timestamp.FromDateTimeOffset(started.ExpiresAt),
        };
    }

    /// <summary>Linking and re-authentication are for activated accounts: a pending one serves nothing but its activation.</summary>
    private static Caller Owner(ServerCallContext context)
    {
        var caller = context.CallerOrNull() ?? throw Errors.Of(ErrorReason.SessionInvalid);
        return caller.Activated ? caller : throw Errors.Of(ErrorReason.ActivationRequired);
    }

    private string RegionOf(StartFederatedSignInRequest request)
    {
        if (request.Region.Length == 0)
        {
            throw Errors.Field("region", Faults.Missing.Reason, "must be set to sign in: it decides whether the provider is open");
        }

        return catalogue.Find(request.Region) is not null ? request.Region : throw Errors.Field("region", "NOT_IN_CATALOGUE", "must be a region of the catalogue");
    }

    /// <summary>A browser is sent to the person's own machine or to a configured address and nowhere else: whoever gets the code is nearly signed in.</summary>
    private static void CheckRedirect(OpenIdProvider provider, StartFederatedSignInRequest request)
    {
        if (request.RedirectUri.Length == 0)
        {
            return;
        }

        if (!provider.Options.RedirectUris.Contains(request.RedirectUri, StringComparer.Ordinal)
            && !(provider.LoopbackRedirects && ProviderAddress.IsLoopbackRedirect(request.RedirectUri)))
        {
            throw Errors.Field("redirect_uri", "NOT_ALLOWED", "must be a configured address, or http://127.0.0.1:PORT/… or http://[::1]:PORT/… where the provider takes one");
        }

        if (request.CodeChallenge.Length == 0)
        {
            throw Errors.Field("code_challenge", Faults.Missing.Reason, "must be set with a redirect_uri");
        }

        if (!Base64Url.IsValid(request.CodeChallenge) || request.CodeChallenge.Any(char.IsWhiteSpace))
        {
            throw Errors.Field("code_challenge", "MALFORMED", "must be a SHA-256 in base64url");
        }
    }
}
