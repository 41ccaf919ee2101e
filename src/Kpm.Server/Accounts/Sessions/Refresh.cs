using System.Security.Cryptography;

namespace Kpm.Server.Accounts.Sessions;

/// <summary>What a refresh token brings about.</summary>
internal abstract record Refresh
{
    private Refresh()
    {
    }

    /// <summary>The token is not one of the session, or the session is over.</summary>
    public sealed record Invalid : Refresh;

    /// <summary>The token is good, the device's proof is not.</summary>
    public sealed record ProofInvalid : Refresh;

    /// <summary>The next pair becomes current.</summary>
    public sealed record Rotated(DateTimeOffset At, byte[] AccessHash, DateTimeOffset AccessExpiresAt, byte[] RefreshHash, DateTimeOffset RefreshExpiresAt) : Refresh;

    /// <summary>The answer got lost a moment ago: the same pair again.</summary>
    public sealed record Repeated(DateTimeOffset AccessExpiresAt, DateTimeOffset RefreshExpiresAt) : Refresh;

    /// <summary>Somebody else has a copy of the token: the whole family ends.</summary>
    public sealed record Reused(DateTimeOffset At) : Refresh;
}

/// <summary>The rules of rotation, without input or output.</summary>
internal static class RefreshRules
{
    public static Refresh Decide(SessionRow session, RefreshToken token, RefreshToken successor, string accessToken, bool proofIsGenuine, DateTimeOffset now, Limits limits)
    {
        if (session.EndedAt is not null || now >= session.RefreshExpiresAt || now >= session.EndsAt || token.Generation > session.RefreshGeneration)
        {
            return new Refresh.Invalid();
        }

        if (token.Generation == session.RefreshGeneration)
        {
            return !Same(token.Hash, session.RefreshHash) ? new Refresh.Invalid()
                : !proofIsGenuine ? new Refresh.ProofInvalid()
                : new Refresh.Rotated(
                    now,
                    Secrets.SecretToken.Hash(accessToken),
                    Earlier(now + limits.AccessTokenLifetime, session.EndsAt),
                    successor.Hash,
                    Earlier(now + limits.RefreshTokenIdleLifetime, session.EndsAt));
        }

        var isLast = token.Generation + 1 == session.RefreshGeneration && session.FormerRefreshHash is { } former && Same(token.Hash, former);
        return isLast && proofIsGenuine && now < session.RefreshedAt + limits.RefreshGrace
            ? new Refresh.Repeated(session.AccessExpiresAt, session.RefreshExpiresAt)
            : new Refresh.Reused(now);
    }

    private static bool Same(byte[] left, byte[] right) => CryptographicOperations.FixedTimeEquals(left, right);

    private static DateTimeOffset Earlier(DateTimeOffset left, DateTimeOffset right) => left < right ? left : right;
}
