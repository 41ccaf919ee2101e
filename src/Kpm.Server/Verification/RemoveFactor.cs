using Google.Protobuf;
using Grpc.Core;
using Kpm.Server.Accounts;
using Kpm.Server.Accounts.Events;
using Kpm.Server.Messaging;
using Kpm.Server.Rpc;
using Kpm.Server.Verification.TwoStep;
using Kpm.V1;

namespace Kpm.Server.Verification;

/// <summary>Removes a factor. Without the last one two-step verification is off, and the recovery codes end.</summary>
internal sealed class RemoveFactor(
    IAccountStore accounts,
    ISessionStore sessions,
    ITwoStepStore store,
    Reauthenticator reauthenticator,
    FactorNotices notices,
    MailSignal mailSignal,
    SecurityFeed feed,
    TimeProvider time,
    ILogger<RemoveFactor> logger)
{
    public async Task<RemoveFactorResponse> HandleAsync(RemoveFactorRequest request, ServerCallContext context)
    {
        var caller = context.Caller();
        if (request.Method == TwoStepMethod.RecoveryCode)
        {
            throw Errors.Field("method", "OUT_OF_RANGE", "must be AUTHENTICATOR or SMS; recovery codes end with the last factor");
        }

        var key = RequestKey.Of(caller.SessionId, context.Method, request.RequestId, request);
        // The factor that a repetition brings is used up already.
        if (await sessions.FindResponseAsync(key, context.CancellationToken) is { } former)
        {
            return RemoveFactorResponse.Parser.ParseFrom(former);
        }

        var account = await accounts.FindAsync(caller.AccountId, context.CancellationToken) ?? throw Errors.Of(ErrorReason.SessionInvalid);
        if (!Has(await store.FindAsync(caller.AccountId, context.CancellationToken), request.Method))
        {
            throw Errors.Of(ErrorReason.FactorNotSetUp);
        }

        await reauthenticator.VerifyAsync(caller, account, request.Reauthentication, context.CancellationToken);
        var response = await store.RemoveAsync(
            new RemoveFactorWrite
            {
                AccountId = caller.AccountId,
                Method = request.Method,
                Note = new SecurityNote(SecurityEventKind.FactorRemoved, Actor.Session, caller.DeviceId, $"method={FactorNotices.NameOf(request.Method)}"),
                Mail = await notices.RemovedAsync(caller, account, request.Method, context.CancellationToken),
                Request = key,
                Respond = enabled => new RemoveFactorResponse { Enabled = enabled }.ToByteArray(),
                Now = time.Now(),
            },
            context.CancellationToken) ?? throw Errors.Of(ErrorReason.FactorNotSetUp);

        mailSignal.Set();
        feed.Appended(caller.AccountId);
        TwoStep.Log.FactorRemoved(logger, caller.AccountId, request.Method);
        return RemoveFactorResponse.Parser.ParseFrom(response);
    }

    private static bool Has(FactorRows factors, TwoStepMethod method) => method == TwoStepMethod.Authenticator ? factors.Authenticator is not null : factors.Phone is not null;
}
