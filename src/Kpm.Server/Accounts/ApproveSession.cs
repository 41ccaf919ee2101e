using Google.Protobuf;
using Grpc.Core;
using Kpm.Server.Accounts.Events;
using Kpm.Server.Accounts.Sessions;
using Kpm.Server.Rpc;
using Kpm.Server.Vaults.Streams;
using Kpm.Server.Verification.TwoStep;
using Kpm.V1;

namespace Kpm.Server.Accounts;

/// <summary>Ends the hold on a session's keys: from a session without a hold, or with a fresh second factor.</summary>
internal sealed class ApproveSession(IAccountStore accounts, ISessionStore sessions, SessionDirectory directory, SecondFactors secondFactors, VaultFeeds streams, SecurityFeed feed, TimeProvider time)
{
    public async Task<ApproveSessionResponse> HandleAsync(ApproveSessionRequest request, ServerCallContext context)
    {
        var caller = context.Caller();
        var key = RequestKey.Of(caller.SessionId, context.Method, request.RequestId, request);
        // First: a repetition brings a factor that is used up by now.
        if (await sessions.FindResponseAsync(key, context.CancellationToken) is { } former)
        {
            return ApproveSessionResponse.Parser.ParseFrom(former);
        }

        if (caller.IsHeld(time.Now()))
        {
            await RequireFactorAsync(caller, request.SecondFactor, context.CancellationToken);
        }

        var sessionId = Guid.ParseExact(request.SessionId, "D");
        var response = await sessions.ApproveAsync(
            new SessionApproval
            {
                AccountId = caller.AccountId,
                SessionId = sessionId,
                Now = time.Now(),
                Note = deviceId => new SecurityNote(SecurityEventKind.SessionApproved, Actor.Session, deviceId, $"by={caller.DeviceId.ToWire()}"),
                Request = key,
                Response = new ApproveSessionResponse().ToByteArray(),
            },
            CancellationToken.None) ?? throw Errors.Of(ErrorReason.NotFound);
        directory.Forget(sessionId);
        streams.HoldEnded(caller.AccountId, sessionId);
        feed.Appended(caller.AccountId);
        return ApproveSessionResponse.Parser.ParseFrom(response);
    }

    private async Task RequireFactorAsync(Caller caller, SecondFactor? factor, CancellationToken cancellationToken)
    {
        var account = await accounts.FindAsync(caller.AccountId, cancellationToken) ?? throw Errors.Of(ErrorReason.SessionInvalid);
        if (!await secondFactors.RequireAsync(caller, account, factor, cancellationToken))
        {
            throw Errors.Of(ErrorReason.KeysHeld);
        }
    }
}
