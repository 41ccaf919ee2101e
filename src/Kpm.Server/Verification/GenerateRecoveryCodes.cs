using Grpc.Core;
using Kpm.Server.Accounts;
using Kpm.Server.Accounts.Events;
using Kpm.Server.Messaging;
using Kpm.Server.Rpc;
using Kpm.Server.Verification.TwoStep;
using Kpm.V1;

namespace Kpm.Server.Verification;

/// <summary>Ten new recovery codes; the former ones end. Not repeatable by a request_id, since a remembered response would store the codes.</summary>
internal sealed class GenerateRecoveryCodes(
    IAccountStore accounts,
    ITwoStepStore store,
    Reauthenticator reauthenticator,
    RecoveryCodes recoveryCodes,
    FactorNotices notices,
    MailSignal mailSignal,
    SecurityFeed feed,
    TimeProvider time)
{
    public async Task<GenerateRecoveryCodesResponse> HandleAsync(GenerateRecoveryCodesRequest request, ServerCallContext context)
    {
        var caller = context.Caller();
        var account = await accounts.FindAsync(caller.AccountId, context.CancellationToken) ?? throw Errors.Of(ErrorReason.SessionInvalid);
        if (!(await store.FindAsync(caller.AccountId, context.CancellationToken)).Enabled)
        {
            throw Errors.Of(ErrorReason.FactorNotSetUp);
        }

        await reauthenticator.VerifyAsync(caller, account, request.Reauthentication, context.CancellationToken);
        var (codes, hashes) = recoveryCodes.New(caller.AccountId);
        var note = new SecurityNote(SecurityEventKind.RecoveryCodesGenerated, Actor.Session, caller.DeviceId);
        var mail = await notices.CodesGeneratedAsync(caller, account, context.CancellationToken);
        if (!await store.ReplaceRecoveryCodesAsync(caller.AccountId, hashes, note, mail, time.Now(), context.CancellationToken))
        {
            throw Errors.Of(ErrorReason.FactorNotSetUp);
        }

        mailSignal.Set();
        feed.Appended(caller.AccountId);
        var response = new GenerateRecoveryCodesResponse();
        response.RecoveryCodes.Add(codes);
        return response;
    }
}
