using Google.Protobuf.WellKnownTypes;
using Kpm.Server.Secrets;
using Kpm.V1;

namespace Kpm.Server.Accounts.Sessions;

/// <summary>A session that is about to be stored, with the tokens that only the device gets.</summary>
internal sealed record IssuedSession(NewSession Row, Session Session);

/// <summary>Makes sessions.</summary>
internal sealed class SessionIssuer(SessionTokens tokens, TimeProvider time, Limits limits)
{
    /// <param name="accountId">Whose session.</param>
    /// <param name="deviceId">Of which device.</param>
    /// <param name="keysHeldUntil">Until then it is no way to the wrapped keys; null for no hold.</param>
    public IssuedSession Issue(Guid accountId, Guid deviceId, DateTimeOffset? keysHeldUntil = null)
    {
        var now = time.Now();
        var sessionId = Ids.New(time);
        var refresh = tokens.NewFamily(sessionId);
        var access = tokens.AccessToken(refresh);
        var row = new NewSession
        {
            SessionId = sessionId,
            AccountId = accountId,
            DeviceId = deviceId,
            CreatedAt = now,
            EndsAt = now + limits.SessionAbsoluteLifetime,
            AccessHash = SecretToken.Hash(access),
            AccessExpiresAt = now + limits.AccessTokenLifetime,
            RefreshHash = refresh.Hash,
            RefreshExpiresAt = now + limits.RefreshTokenIdleLifetime,
            KeysHeldUntil = keysHeldUntil,
        };
        return new IssuedSession(row, ToContract(sessionId, access, row.AccessExpiresAt, refresh.Text, row.RefreshExpiresAt, keysHeldUntil));
    }

    public static Session ToContract(Guid sessionId, string accessToken, DateTimeOffset accessExpiresAt, string refreshToken, DateTimeOffset refreshExpiresAt, DateTimeOffset? keysHeldUntil) => new()
    {
        SessionId = sessionId.ToWire(),
        AccessToken = accessToken,
        AccessExpiresAt = Timestamp.FromDateTimeOffset(accessExpiresAt),
        RefreshToken = refreshToken,
        RefreshExpiresAt = Timestamp.FromDateTimeOffset(refreshExpiresAt),
        KeysHeldUntil = keysHeldUntil is { } until ? Timestamp.FromDateTimeOffset(until) : null,
    };
}
