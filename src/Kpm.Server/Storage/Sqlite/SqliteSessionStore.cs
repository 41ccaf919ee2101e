using Dapper;
using Kpm.Server.Accounts;
using Kpm.Server.Accounts.Events;
using Kpm.Server.Accounts.Sessions;
using Kpm.Server.Rpc;
using Kpm.Server.Verification.TwoStep;
using Kpm.V1;
using Microsoft.Data.Sqlite;

namespace Kpm.Server.Storage.Sqlite;

internal sealed class SqliteSessionStore(SqliteDatabase database) : ISessionStore
{
    private const string FindByAccessSql = """
        SELECT s.session_id AS SessionId, s.account_id AS AccountId, s.device_id AS DeviceId, s.ended_at AS EndedAt, s.keys_held_until AS KeysHeldUntil,
               d.signing_key AS SigningKey, a.state AS State,
               CASE WHEN s.access_hash = @hash THEN s.access_expires_at ELSE s.former_access_expires_at END AS AccessExpiresAt
          FROM session s JOIN device d ON d.device_id = s.device_id JOIN account a ON a.account_id = s.account_id
         WHERE s.access_hash = @hash OR s.former_access_hash = @hash
        """;

    private const string FindSql = """
        SELECT s.session_id AS SessionId, s.account_id AS AccountId, s.device_id AS DeviceId, d.signing_key AS SigningKey, s.ends_at AS EndsAt,
               s.access_expires_at AS AccessExpiresAt, s.refresh_generation AS RefreshGeneration, s.refresh_hash AS RefreshHash, s.refresh_expires_at AS RefreshExpiresAt,
               s.former_refresh_hash AS FormerRefreshHash, s.refreshed_at AS RefreshedAt, s.keys_held_until AS KeysHeldUntil, s.ended_at AS EndedAt
          FROM session s JOIN device d ON d.device_id = s.device_id
         WHERE s.session_id = @sessionId
        """;

    private const string InsertSql = """
        INSERT INTO session (session_id, account_id, device_id, created_at, ends_at, access_hash, access_expires_at, refresh_generation, refresh_hash, refresh_expires_at, refreshed_at,
                             keys_held_until)
        VALUES (@sessionId, @accountId, @deviceId, @createdAt, @endsAt, @accessHash, @accessExpiresAt, 0, @refreshHash, @refreshExpiresAt, @createdAt, @keysHeldUntil)
        """;

    private const string RotateSql = """
        UPDATE session
           SET former_access_hash = access_hash, former_access_expires_at = access_expires_at, access_hash = @accessHash, access_expires_at = @accessExpiresAt,
               former_refresh_hash = refresh_hash, refresh_hash = @refreshHash, refresh_expires_at = @refreshExpiresAt, refresh_generation = refresh_generation + 1,
               refreshed_at = @now
         WHERE session_id = @sessionId
        """;

    private const string EndSql = "UPDATE session SET ended_at = @now WHERE session_id = @sessionId AND ended_at IS NULL";

    private const string EndOfDeviceSql = """
        UPDATE session SET ended_at = @now WHERE device_id = @deviceId AND ended_at IS NULL RETURNING account_id AS AccountId, session_id AS SessionId
        """;

    private const string EndAllSql = """
        UPDATE session SET ended_at = @now WHERE account_id = @accountId AND ended_at IS NULL AND session_id <> @exceptSessionId
        RETURNING account_id AS AccountId, session_id AS SessionId
        """;

    private const string EndHoldSql = "UPDATE session SET keys_held_until = NULL WHERE session_id = @sessionId AND keys_held_until IS NOT NULL";

    private const string LiveOfSql = "SELECT session_id FROM session WHERE account_id = @accountId AND ended_at IS NULL";

    private const string SweepEndedSql = """
        DELETE FROM session WHERE session_id IN (SELECT session_id FROM session WHERE ended_at < @endedBefore LIMIT @most)
        """;

    private const string EndExpiredSql = """
        UPDATE session SET ended_at = @now WHERE session_id IN (SELECT session_id FROM session WHERE ended_at IS NULL AND refresh_expires_at < @now LIMIT @most)
        """;

    private const string SweepRequestsSql = """
        DELETE FROM request WHERE (session_id, rpc, request_id) IN (SELECT session_id, rpc, request_id FROM request WHERE made_at < @requestsBefore LIMIT @most)
        """;

    public ValueTask<AccessRow?> FindByAccessTokenAsync(byte[] accessHash, CancellationToken cancellationToken) =>
        ValueTask.FromResult(database.Read(c => c.QuerySingleOrDefault<StoredAccess>(FindByAccessSql, new { hash = accessHash })) is not { } stored ? null : new AccessRow
        {
            Ended = stored.EndedAt is not null,
            Caller = new Caller
            {
                AccountId = Ids.FromBytes(stored.AccountId),
                SessionId = Ids.FromBytes(stored.SessionId),
                DeviceId = Ids.FromBytes(stored.DeviceId),
                Activated = stored.State == (long)AccountState.Active,
                AccessExpiresAt = stored.AccessExpiresAt.ToTime(),
                KeysHeldUntil = stored.KeysHeldUntil.ToTime(),
                SigningKey = stored.SigningKey,
                AccessTokenHash = accessHash,
            },
        });

    public ValueTask<SessionRow?> FindAsync(Guid sessionId, CancellationToken cancellationToken) =>
        ValueTask.FromResult(database.Read(c => Find(c, sessionId)));

    public Task<SignInResult> SignInAsync(SignInWrite write, CancellationToken cancellationToken) =>
        database.WriteAsync(c => SignIn(c, write), cancellationToken);

    public Task<Refresh> RefreshAsync(Guid sessionId, Func<SessionRow, Refresh> decide, SecurityEntry reused, CancellationToken cancellationToken) =>
        database.WriteAsync(c => Rotate(c, sessionId, decide, reused), cancellationToken);

    public Task<SignOutResult> SignOutAsync(SignOutWrite write, CancellationToken cancellationToken) => database.WriteAsync(c => SignOut(c, write), cancellationToken);

    public Task<byte[]?> ApproveAsync(SessionApproval approval, CancellationToken cancellationToken) => database.WriteAsync(c => Approve(c, approval), cancellationToken);

    public ValueTask<byte[]?> FindResponseAsync(RequestKey request, CancellationToken cancellationToken) =>
        ValueTask.FromResult(database.Read(c => SqliteRequests.Find(c, request)));

    public Task<bool> SweepAsync(SweepTimes times, int most, CancellationToken cancellationToken) =>
        database.WriteAsync(
            c =>
            {
                var parameters = new
                {
                    now = times.Now.ToStored(),
                    endedBefore = times.EndedBefore.ToStored(),
                    requestsBefore = times.RequestsBefore.ToStored(),
                    most,
                };
                string[] steps = [EndExpiredSql, SweepEndedSql, SweepRequestsSql];
                return steps.Sum(sql => c.Execute(sql, parameters)) + SqliteTickets.Sweep(c, times.Now, most) + SqliteTwoStepStore.Sweep(c, times.Now, most) > 0;
            },
            cancellationToken);

    /// <summary>For the units of other stores.</summary>
    public static void Insert(SqliteConnection connection, NewSession session) => connection.Execute(InsertSql, new
    {
        sessionId = session.SessionId.ToBytes(),
        accountId = session.AccountId.ToBytes(),
        deviceId = session.DeviceId.ToBytes(),
        createdAt = session.CreatedAt.ToStored(),
        endsAt = session.EndsAt.ToStored(),
        accessHash = session.AccessHash,
        accessExpiresAt = session.AccessExpiresAt.ToStored(),
        refreshHash = session.RefreshHash,
        refreshExpiresAt = session.RefreshExpiresAt.ToStored(),
        keysHeldUntil = session.KeysHeldUntil.ToStored(),
    });

    public static List<EndedSession> EndOfDevice(SqliteConnection connection, Guid deviceId, DateTimeOffset now) =>
        connection.Query<(byte[] AccountId, byte[] SessionId)>(EndOfDeviceSql, new { deviceId = deviceId.ToBytes(), now = now.ToStored() })
            .Select(s => new EndedSession(Ids.FromBytes(s.AccountId), Ids.FromBytes(s.SessionId)))
            .ToList();

    /// <summary>Ends the account's sessions, all or all but one.</summary>
    public static List<EndedSession> EndAll(SqliteConnection connection, Guid accountId, DateTimeOffset now, Guid? exceptSessionId = null) =>
        connection.Query<(byte[] AccountId, byte[] SessionId)>(EndAllSql, new { accountId = accountId.ToBytes(), now = now.ToStored(), exceptSessionId = (exceptSessionId ?? Guid.Empty).ToBytes() })
            .Select(s => new EndedSession(Ids.FromBytes(s.AccountId), Ids.FromBytes(s.SessionId)))
            .ToList();

    public static List<Guid> LiveOf(SqliteConnection connection, Guid accountId) =>
        connection.Query<byte[]>(LiveOfSql, new { accountId = accountId.ToBytes() }).Select(id => Ids.FromBytes(id)).ToList();

    private static SignInResult SignIn(SqliteConnection connection, SignInWrite write)
    {
        var (device, session) = (write.Device, write.Session);
        if (SqliteAccountStore.Find(connection, device.AccountId) is not { State: AccountState.Active } account)
        {
            return new SignInResult(SignInOutcome.NoAccount, []);
        }

        if (account.SuspendedAt is not null)
        {
            return new SignInResult(SignInOutcome.Suspended, []);
        }

        if (account.PasswordHash != write.Account.PasswordHash || account.PasswordResetAt != write.Account.PasswordResetAt || account.DeletesAt != write.Account.DeletesAt)
        {
            // A session that the former password opened must not outlive its change.
            return new SignInResult(SignInOutcome.AccountChanged, []);
        }

        var linked = SqliteDeviceStore.Find(connection, device.DeviceId);
        if (linked is not null && (linked.AccountId != device.AccountId || linked.RevokedAt is not null || !linked.SigningKey.AsSpan().SequenceEqual(device.SigningKey)))
        {
            return new SignInResult(SignInOutcome.DeviceConflict, []);
        }

        if (write.TwoStep is { } twoStep && PassTwoStep(connection, device, twoStep, session.CreatedAt) is { } refused)
        {
            return new SignInResult(refused, []);
        }

        if (linked is null)
        {
            SqliteDeviceStore.Insert(connection, device);
            SqliteMailOutbox.Insert(connection, write.NewDeviceMail);
        }
        else
        {
            SqliteDeviceStore.Update(connection, device);
        }

        var ended = EndOfDevice(connection, device.DeviceId, session.CreatedAt);
        Insert(connection, session);
        if (write.AddressHash is { } addressHash)
        {
            SqliteGuardStore.Clear(connection, addressHash);
        }

        var kind = linked is null ? SecurityEventKind.DeviceLinked : SecurityEventKind.SignedIn;
        SqliteSecurityLog.Append(connection, device.AccountId, new SecurityNote(kind, Actor.Anonymous, device.DeviceId, $"method={write.Method.ToString().ToLowerInvariant()}"), session.CreatedAt);
        if (write.TwoStep?.Trust is { } trust)
        {
            SqliteFactors.Trust(connection, device.AccountId, device.DeviceId, trust, session.CreatedAt);
            SqliteSecurityLog.Append(connection, device.AccountId, new SecurityNote(SecurityEventKind.DeviceTrusted, Actor.Anonymous, device.DeviceId), session.CreatedAt);
        }

        return new SignInResult(SignInOutcome.SignedIn, ended);
    }

    /// <summary>Null where the second step is passed.</summary>
    private static SignInOutcome? PassTwoStep(SqliteConnection connection, DeviceRow device, TwoStepPass pass, DateTimeOffset now) =>
        SqliteTwoStepStore.Pass(connection, device.AccountId, pass, new FactorUser(Actor.Anonymous, device.DeviceId, pass.Attempt), now) switch
        {
            FactorOutcome.Accepted => null,
            FactorOutcome.Wrong => SignInOutcome.SecondFactorInvalid,
            FactorOutcome.NotSetUp => SignInOutcome.FactorNotSetUp,
            _ => SignInOutcome.TicketInvalid,
        };

    private static SignOutResult SignOut(SqliteConnection connection, SignOutWrite write)
    {
        if (SqliteRequests.Find(connection, write.Request) is { } former)
        {
            return new SignOutResult(former, []);
        }

        List<EndedSession> ended;
        if (write.Everywhere)
        {
            ended = EndAll(connection, write.AccountId, write.Now);
        }
        else
        {
            connection.Execute(EndSql, new { sessionId = write.SessionId.ToBytes(), now = write.Now.ToStored() });
            ended = [new EndedSession(write.AccountId, write.SessionId)];
        }

        SqliteSecurityLog.Record(connection, write.AccountId, write.Entry, write.Now);
        SqliteRequests.Remember(connection, write.Request, write.Response, write.Now);
        return new SignOutResult(write.Response, ended);
    }

    private static byte[]? Approve(SqliteConnection connection, SessionApproval approval)
    {
        if (SqliteRequests.Find(connection, approval.Request) is { } former)
        {
            return former;
        }

        if (Find(connection, approval.SessionId) is not { EndedAt: null } session || session.AccountId != approval.AccountId)
        {
            return null;
        }

        if (connection.Execute(EndHoldSql, new { sessionId = approval.SessionId.ToBytes() }) > 0)
        {
            SqliteSecurityLog.Append(connection, approval.AccountId, approval.Note(session.DeviceId), approval.Now);
        }

        SqliteRequests.Remember(connection, approval.Request, approval.Response, approval.Now);
        return approval.Response;
    }

    private static Refresh Rotate(SqliteConnection connection, Guid sessionId, Func<SessionRow, Refresh> decide, SecurityEntry entry)
    {
        if (Find(connection, sessionId) is not { } session)
        {
            return new Refresh.Invalid();
        }

        var refresh = decide(session);
        switch (refresh)
        {
            case Refresh.Rotated rotated:
                connection.Execute(RotateSql, new
                {
                    sessionId = sessionId.ToBytes(),
                    accessHash = rotated.AccessHash,
                    accessExpiresAt = rotated.AccessExpiresAt.ToStored(),
                    refreshHash = rotated.RefreshHash,
                    refreshExpiresAt = rotated.RefreshExpiresAt.ToStored(),
                    now = rotated.At.ToStored(),
                });
                break;
            case Refresh.Reused reused:
                connection.Execute(EndSql, new { sessionId = sessionId.ToBytes(), now = reused.At.ToStored() });
                SqliteSecurityLog.Record(connection, session.AccountId, entry, reused.At);
                break;
        }

        return refresh;
    }

    private static SessionRow? Find(SqliteConnection connection, Guid sessionId) =>
        connection.QuerySingleOrDefault<StoredSession>(FindSql, new { sessionId = sessionId.ToBytes() }) is not { } stored ? null : new SessionRow
        {
            SessionId = Ids.FromBytes(stored.SessionId),
            AccountId = Ids.FromBytes(stored.AccountId),
            DeviceId = Ids.FromBytes(stored.DeviceId),
            SigningKey = stored.SigningKey,
            EndsAt = stored.EndsAt.ToTime(),
            AccessExpiresAt = stored.AccessExpiresAt.ToTime(),
            RefreshGeneration = (uint)stored.RefreshGeneration,
            RefreshHash = stored.RefreshHash,
            RefreshExpiresAt = stored.RefreshExpiresAt.ToTime(),
            FormerRefreshHash = stored.FormerRefreshHash,
            RefreshedAt = stored.RefreshedAt.ToTime(),
            KeysHeldUntil = stored.KeysHeldUntil.ToTime(),
            EndedAt = stored.EndedAt.ToTime(),
        };

    private sealed record StoredAccess
    {
        public required byte[] SessionId { get; init; }
        public required byte[] AccountId { get; init; }
        public required byte[] DeviceId { get; init; }
        public required long? EndedAt { get; init; }
        public required long? KeysHeldUntil { get; init; }
        public required byte[] SigningKey { get; init; }
        public required long State { get; init; }
        public required long AccessExpiresAt { get; init; }
    }

    private sealed record StoredSession
    {
        public required byte[] SessionId { get; init; }
        public required byte[] AccountId { get; init; }
        public required byte[] DeviceId { get; init; }
        public required byte[] SigningKey { get; init; }
        public required long EndsAt { get; init; }
        public required long AccessExpiresAt { get; init; }
        public required long RefreshGeneration { get; init; }
        public required byte[] RefreshHash { get; init; }
        public required long RefreshExpiresAt { get; init; }
        public required byte[]? FormerRefreshHash { get; init; }
        public required long RefreshedAt { get; init; }
        public required long? KeysHeldUntil { get; init; }
        public required long? EndedAt { get; init; }
    }
}
