using Grpc.Core;
using Kpm.Server.Accounts;
using Kpm.Server.Accounts.Sessions;
using Kpm.Server.Verification.Checks;
using Kpm.Server.Verification.TwoStep;
using Kpm.V1;

namespace Kpm.Server.Verification;

/// <summary>The second step of a sign-in; connects the device.</summary>
internal sealed class CompleteTwoStep(TwoStepSignIns signIns, SecondFactors factors, Guard guard, SignInCompletion completion)
{
    public async Task<CompleteTwoStepResponse> HandleAsync(CompleteTwoStepRequest request, ServerCallContext context)
    {
        var (ticket, account) = await signIns.FindAsync(request.Ticket, context.CancellationToken);
        var proven = signIns.Resume(ticket, account);
        using var attempt = await guard.EnterAsync(GuardedAct.SecondFactor, SubjectOf(proven), context.CancellationToken);
        var (token, trust) = request.TrustDevice ? signIns.NewTrust() : ("", null);
        var pass = new TwoStepPass(ticket.Hash, factors.Prepare(account, request.SecondFactor, ticket.Hash), attempt, trust);
        // Not cancelled with the call: hanging up must not save a guess from being counted.
        var step = await completion.CompleteAsync(proven with { TwoStep = pass }, CancellationToken.None);
        return step switch
        {
            SignInStep.Connected connected => new CompleteTwoStepResponse { SignedIn = connected.SignedIn, TrustedDeviceToken = token },
            SignInStep.Deletion deletion => new CompleteTwoStepResponse { DeletionScheduled = deletion.Scheduled },
            _ => throw new InvalidOperationException($"No response for {step.GetType().Name}."),
        };
    }

    /// <summary>Wrong codes of whoever knows the password delay the account, but not the owner's device, which has proven its key.</summary>
    private static GuardSubject SubjectOf(ProvenSignIn proven) => proven.DeviceKeyProven
        ? GuardSubject.OfProvenDevice(EmailAddress.Parse(proven.Account.Email), Guid.ParseExact(proven.Device.DeviceId, "D"))
        : GuardSubject.OfAccount(proven.Account.AccountId, address: null);
}
