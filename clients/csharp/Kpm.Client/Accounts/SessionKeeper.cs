using Grpc.Core;
using Kpm.Client.Storage;
using Kpm.V1;

namespace Kpm.Client.Accounts;

/// <summary>There is no session in the data folder, or it has ended: the person must sign in.</summary>
public sealed class SignedOutException : Exception
{
    /// <summary>Says so.</summary>
    public SignedOutException()
        : base("No one is signed in.")
    {
    }

    /// <summary>Says so, with the server's error.</summary>
    /// <param name="inner">What the server said.</param>
    public SignedOutException(ServerException inner)
        : base("The session has ended.", inner)
    {
    }
}

/// <summary>
/// Hands out access tokens and renews them. A refresh token may be used once: a second process of the
/// folder must not race this one, hence the lock file.
/// </summary>
internal sealed class SessionKeeper(LocalStore store, KpmOptions options, AccountService.AccountServiceClient accounts, Func<DeviceIdentity> device) : IDisposable
{
    private static readonly TimeSpan Margin = TimeSpan.FromSeconds(60);
    private readonly SemaphoreSlim _gate = new(1, 1);

    public void Dispose() => _gate.Dispose();

    public SessionRow Current() => store.Session() ?? throw new SignedOutException();

    /// <summary>An access token that lives for another minute at least.</summary>
    public async Task<string> AccessTokenAsync(CancellationToken cancellationToken)
    {
        var session = Current();
        return IsFresh(session) ? session.AccessToken : await RenewAsync(session.AccessToken, cancellationToken);
    }

    /// <summary>A newer access token than the one that was refused or ends soon.</summary>
    public async Task<string> RenewAsync(string oldToken, CancellationToken cancellationToken)
    {
        await _gate.WaitAsync(cancellationToken);
        try
        {
            using var fileLock = await FolderLock.AcquireAsync(Path.Combine(store.Folder, "session.lock"), options.Time, cancellationToken);
            var session = Current();
            if (session.AccessToken != oldToken && IsFresh(session))
            {
                return session.AccessToken;
            }

            return await RefreshAsync(session, cancellationToken);
        }
        finally
        {
            _gate.Release();
        }
    }

    public static Metadata Authorization(string accessToken) => new() { { "authorization", "Bearer " + accessToken } };

    public static SessionRow ToRow(Session session, string server, string accountId, string email) => new()
    {
        Server = server,
        AccountId = Guid.ParseExact(accountId, "D").ToBytes(),
        Email = email,
        SessionId = session.SessionId,
        AccessToken = session.AccessToken,
        AccessExpiresMs = session.AccessExpiresAt.ToDateTimeOffset().ToUnixTimeMilliseconds(),
        RefreshToken = session.RefreshToken,
        RefreshExpiresMs = session.RefreshExpiresAt.ToDateTimeOffset().ToUnixTimeMilliseconds(),
        KeysHeldMs = session.KeysHeldUntil?.ToDateTimeOffset().ToUnixTimeMilliseconds(),
    };

    private async Task<string> RefreshAsync(SessionRow session, CancellationToken cancellationToken)
    {
        var request = new RefreshSessionRequest
        {
            RefreshToken = session.RefreshToken,
            Proof = DeviceProofs.Sign(DeviceProofs.RefreshSession, session.RefreshToken, device().SigningKey, options.Time),
        };
        try
        {
            var deadline = DateTime.SpecifyKind(options.Time.GetUtcNow().Add(options.CallTimeout).UtcDateTime, DateTimeKind.Utc);
            var response = await accounts.RefreshSessionAsync(request, deadline: deadline, cancellationToken: cancellationToken);
            var renewed = ToRow(response.Session, session.Server, session.Account.ToText(), session.Email);
            store.SaveSession(renewed);
            return renewed.AccessToken;
        }
        catch (RpcException error)
        {
            var typed = ServerException.From(error);
            if (typed.IsSignedOut)
            {
                store.EndSession();
                throw new SignedOutException(typed);
            }

            throw typed;
        }
    }

    private bool IsFresh(SessionRow session) =>
        session.AccessExpiresMs > options.Time.GetUtcNow().Add(Margin).ToUnixTimeMilliseconds();
}
