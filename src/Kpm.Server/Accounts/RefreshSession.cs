using Grpc.Core;
using Kpm.Server.Accounts.Events;
using Kpm.Server.Accounts.Sessions;
using Kpm.Server.Messaging;
using Kpm.Server.Rpc;
using Kpm.V1;

namespace Kpm.Server.Accounts;

/// <summary>Trades a refresh token for the next pair. A spent token that comes back later than the grace ends the session.</summary>
internal sealed class RefreshSession(
    ISessionStore sessions,
    SessionTokens tokens,
    DeviceProofs proofs,
    SessionDirectory directory,
    NoticeMails mails,
    MailSignal mailSignal,
    SecurityFeed feed,
    TimeProvider time,
    Limits limits,
    ILogger<RefreshSession> logger)
{
    public async Task<RefreshSessionResponse> HandleAsync(RefreshSessionRequest request, ServerCallContext context)
    {
        if (!tokens.TryRead(request.RefreshToken, out var token) || await sessions.FindAsync(token.SessionId, context.CancellationToken) is not { } session)
        {
            throw Errors.Of(ErrorReason.RefreshTokenInvalid);
        }

        var successor = tokens.Successor(token);
        var access = tokens.AccessToken(successor);
        // The signature is checked outside the transaction: the key of a device never changes.
        var genuine = proofs.IsGenuine(context.Method, token.Hash, request.Proof, session.SigningKey);
        var refresh = await sessions.RefreshAsync(
            token.SessionId,
            row => RefreshRules.Decide(row, token, successor, access, genuine, time.Now(), limits),
            new SecurityEntry(new SecurityNote(SecurityEventKind.TokenReused, Actor.Anonymous, session.DeviceId), mails.ByDevice("token-reused", time.Now())),
            context.CancellationToken);
        return refresh switch
        {
            Refresh.Rotated rotated => Answer(session, access, rotated.AccessExpiresAt, successor, rotated.RefreshExpiresAt),
            Refresh.Repeated repeated => Answer(session, access, repeated.AccessExpiresAt, successor, repeated.RefreshExpiresAt),
            Refresh.ProofInvalid => throw Errors.Of(ErrorReason.DeviceProofInvalid),
            Refresh.Reused => throw EndFamily(session),
            _ => throw Errors.Of(ErrorReason.RefreshTokenInvalid),
        };
    }

    private RefreshSessionResponse Answer(SessionRow session, string access, DateTimeOffset accessExpiresAt, RefreshToken refresh, DateTimeOffset refreshExpiresAt) => new()
    {
        Session = SessionIssuer.ToContract(session.SessionId, access, accessExpiresAt, refresh.Text, refreshExpiresAt, session.KeysHeldUntil > time.Now() ? session.KeysHeldUntil : null),
    };

    private KpmException EndFamily(SessionRow session)
    {
        Log.RefreshTokenReused(logger, session.AccountId, session.DeviceId, session.SessionId);
        directory.End([new EndedSession(session.AccountId, session.SessionId)], RevokedReason.TokenReused);
        mailSignal.Set();
        feed.Appended(session.AccountId);
        return Errors.Of(ErrorReason.RefreshTokenReused);
    }
}
