using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Kpm.Server.Accounts.Hints;
using Kpm.Server.Accounts.Sessions;
using Kpm.Server.Catalogue;
using Kpm.Server.Federation;
using Kpm.Server.Rpc;
using Kpm.V1;

namespace Kpm.Server.Accounts;

/// <summary>
/// Completes a flow: the identity (issuer and subject) decides which account is opened, never its address. An identity
/// without an activated account leads to registration.
/// </summary>
internal sealed class CompleteFederatedSignIn(
    FederatedFlows flows,
    FederatedRegistration registration,
    ReauthenticationTickets reauthentications,
    IIdentityStore identities,
    IAccountStore accounts,
    IdentityProviders providers,
    RegionCatalogue catalogue,
    SharedKeys sharedKeys,
    SignInCompletion completion,
    TimeProvider time)
{
    private static readonly FederatedPurpose[] Purposes = [FederatedPurpose.SignIn, FederatedPurpose.Reauthenticate];

    public async Task<CompleteFederatedSignInResponse> HandleAsync(CompleteFederatedSignInRequest request, ServerCallContext context)
    {
        var caller = context.CallerOrNull();
        // Before the flow is used up: a wrong device can be corrected.
        if (request.Device is { } device && !catalogue.HasApplication(device.ApplicationId))
        {
            throw Errors.Field("device.application_id", "NOT_IN_CATALOGUE", "must be an application of the catalogue");
        }

        if (request.Device is not null)
        {
            sharedKeys.Verify(request.Device, context);
        }

        // A flow for signing in needs a device; which purpose a flow has, only its ticket tells.
        var purposes = request.Device is null ? [FederatedPurpose.Reauthenticate] : Purposes;
        if (request.Device is null && caller is null)
        {
            throw Errors.Field("device", Faults.Missing.Reason, "must be set to sign in");
        }

        var completed = await flows.CompleteAsync(request.Credential, purposes, caller, context.CancellationToken);
        var known = await identities.FindActiveAsync(completed.Identity.Issuer, completed.Identity.Subject, context.CancellationToken);
        return completed.Flow.Purpose == FederatedPurpose.Reauthenticate
            ? await ReauthenticateAsync(caller!, completed, known, context.CancellationToken)
            : await SignInAsync(request, completed, known, context.CancellationToken);
    }

    private async Task<CompleteFederatedSignInResponse> SignInAsync(CompleteFederatedSignInRequest request, CompletedFlow completed, IdentityRow? known, CancellationToken cancellationToken)
    {
        var account = known is null ? null : await accounts.FindAsync(known.AccountId, cancellationToken);
        if (account is null)
        {
            return new CompleteFederatedSignInResponse { RegisterFirst = await registration.OfferAsync(completed.Identity, cancellationToken) };
        }

        if (!providers.IsOpen(account.Region, completed.Provider.Id))
        {
            throw Errors.Of(ErrorReason.MethodNotAvailable);
        }

        var step = await completion.CompleteAsync(
            new ProvenSignIn { Account = account, Device = request.Device, Method = completed.Provider.Method, TrustedDeviceToken = request.TrustedDeviceToken },
            cancellationToken);
        await identities.TouchAsync(known!.IdentityId, completed.Identity.Email, time.Now(), cancellationToken);
        return step switch
        {
            SignInStep.Connected connected => new CompleteFederatedSignInResponse { SignedIn = connected.SignedIn },
            SignInStep.TwoStep twoStep => new CompleteFederatedSignInResponse { TwoStepRequired = twoStep.Required },
            SignInStep.Deletion deletion => new CompleteFederatedSignInResponse { DeletionScheduled = deletion.Scheduled },
            _ => throw new InvalidOperationException($"No response for {step.GetType().Name}."),
        };
    }

    private async Task<CompleteFederatedSignInResponse> ReauthenticateAsync(Caller caller, CompletedFlow completed, IdentityRow? known, CancellationToken cancellationToken)
    {
        if (known?.AccountId != caller.AccountId)
        {
            throw Errors.Of(ErrorReason.IdentityRejected);
        }

        var ticket = await reauthentications.IssueAsync(caller, completed.Provider.Id, cancellationToken);
        return new CompleteFederatedSignInResponse
        {
            Reauthenticated = new Reauthenticated { Ticket = ticket.Text, ExpiresAt = Timestamp.FromDateTimeOffset(ticket.Row.ExpiresAt) },
        };
    }
}
