using Dapper;
using Kpm.Server.Accounts.Events;
using Kpm.Server.Messaging;
using Kpm.Server.Rpc;
using Kpm.Server.Secrets;
using Kpm.Server.Verification.TwoStep;
using Microsoft.Data.Sqlite;

namespace Kpm.Server.Storage.Sqlite;

internal sealed class SqliteTwoStepStore(SqliteDatabase database) : ITwoStepStore
{
    private const string TrustedSql = """
        SELECT 1 FROM trusted_device WHERE account_id = @accountId AND device_id = @deviceId AND token_hash = @tokenHash AND expires_at > @now
        """;

    private const string ListTrustedSql = """
        SELECT t.device_id AS DeviceId, d.name AS Name, t.trusted_at AS TrustedAt, t.expires_at AS ExpiresAt
          FROM trusted_device t JOIN device d ON d.device_id = t.device_id
         WHERE t.account_id = @accountId AND (t.trusted_at, t.device_id) < (@trustedAt, @afterDeviceId) AND t.expires_at > @now
         ORDER BY t.trusted_at DESC, t.device_id DESC LIMIT @most
        """;

    private const string NumberSql = """
        SELECT day_started_at AS DayStartedAt, sent_in_day AS SentInDay, last_sent_at AS LastSentAt FROM sms_number WHERE number_hash = @numberHash
        """;

    private const string SetNumberSql = """
        INSERT INTO sms_number (number_hash, day_started_at, sent_in_day, last_sent_at) VALUES (@numberHash, @dayStartedAt, @sentInDay, @lastSentAt)
        ON CONFLICT (number_hash) DO UPDATE SET day_started_at = excluded.day_started_at, sent_in_day = excluded.sent_in_day, last_sent_at = excluded.last_sent_at
        """;

    private const string SweepTrustSql = """
        DELETE FROM trusted_device WHERE (account_id, device_id) IN (SELECT account_id, device_id FROM trusted_device WHERE expires_at <= @now LIMIT @most)
        """;

    private const string SweepSmsCodeSql = "DELETE FROM sms_code WHERE account_id IN (SELECT account_id FROM sms_code WHERE expires_at <= @now LIMIT @most)";

    private const string SweepNumberSql = "DELETE FROM sms_number WHERE number_hash IN (SELECT number_hash FROM sms_number WHERE day_started_at <= @dayBefore LIMIT @most)";

    public ValueTask<FactorRows> FindAsync(Guid accountId, CancellationToken cancellationToken) =>
        ValueTask.FromResult(database.Read(c => SqliteFactors.Find(c, accountId)));

    public ValueTask<bool> IsTrustedAsync(Guid accountId, Guid deviceId, byte[] tokenHash, DateTimeOffset now, CancellationToken cancellationToken) =>
        ValueTask.FromResult(database.Read(c => c.QuerySingleOrDefault<int?>(
            TrustedSql, new { accountId = accountId.ToBytes(), deviceId = deviceId.ToBytes(), tokenHash, now = now.ToStored() })) is not null);

    public ValueTask<IReadOnlyList<TrustedDeviceRow>> ListTrustedAsync(Guid accountId, TrustedDevicePosition? after, DateTimeOffset now, int most, CancellationToken cancellationToken) =>
        ValueTask.FromResult<IReadOnlyList<TrustedDeviceRow>>(database.Read(c => c.Query<StoredTrust>(ListTrustedSql, new
        {
            accountId = accountId.ToBytes(),
            trustedAt = after is null ? long.MaxValue : after.TrustedAt.ToStored(),
            afterDeviceId = (after?.DeviceId ?? Guid.Empty).ToBytes(),
            now = now.ToStored(),
            most,
        }).Select(t => new TrustedDeviceRow { DeviceId = Ids.FromBytes(t.DeviceId), Name = t.Name, TrustedAt = t.TrustedAt.ToTime(), ExpiresAt = t.ExpiresAt.ToTime() }).ToList()));

    public ValueTask<TicketRow?> FindTicketAsync(byte[] hash, TicketPurpose purpose, DateTimeOffset now, CancellationToken cancellationToken) =>
        ValueTask.FromResult(database.Read(c => SqliteTickets.Find(c, hash, purpose, now)));

    public Task StartTicketAsync(TicketRow ticket, CancellationToken cancellationToken) => database.WriteAsync(
        c =>
        {
            if (ticket.Purpose is TicketPurpose.AuthenticatorSetUp or TicketPurpose.PhoneSetUp)
            {
                // One set-up of a kind at a time: a forgotten one must not be completed by whoever finds it.
                SqliteTickets.EndAll(c, ticket.AccountId!.Value, ticket.Purpose);
            }

            SqliteTickets.Insert(c, ticket);
        },
        cancellationToken);

    public Task<FactorOutcome> UseAsync(Guid accountId, FactorProof proof, FactorUser user, DateTimeOffset now, CancellationToken cancellationToken) =>
        database.WriteAsync(c => SqliteFactors.Use(c, accountId, proof, user, now), cancellationToken);

    public ValueTask<NumberUse?> FindUseAsync(byte[] numberHash, CancellationToken cancellationToken) => ValueTask.FromResult(database.Read(c => Number(c, numberHash)));

    public Task<SendOutcome> SendAsync(SendCode send, CancellationToken cancellationToken) => database.WriteAsync(
        c =>
        {
            var (code, now) = (send.Code, send.Code.SentAt);
            if (send.SignInTicket is { } ticket && SqliteTickets.Find(c, ticket, TicketPurpose.TwoStepSignIn, now) is null)
            {
                return new SendOutcome(TicketInvalid: true, TryAgainAt: null, now);
            }

            var use = Number(c, code.NumberHash);
            if (send.AgainAt(use) is var againAt && now < againAt)
            {
                return new SendOutcome(TicketInvalid: false, againAt, againAt);
            }

            var next = SmsCodes.Next(use, now);
            c.Execute(SetNumberSql, new { numberHash = code.NumberHash, dayStartedAt = next.DayStartedAt.ToStored(), sentInDay = next.SentInDay, lastSentAt = next.LastSentAt.ToStored() });
            if (send.SetUp is { } setUp)
            {
                SqliteTickets.EndAll(c, send.AccountId, setUp.Purpose);
                SqliteTickets.Insert(c, setUp);
            }
            else
            {
                SqliteFactors.SetSmsCode(c, send.AccountId, code.CodeHash, send.Tries, code.ExpiresAt);
            }

            SqliteSmsOutbox.Insert(c, code.Sms);
            return new SendOutcome(TicketInvalid: false, TryAgainAt: null, send.AgainAt(next));
        },
        cancellationToken);

    public Task<ConfirmOutcome> ConfirmAsync(ConfirmFactor confirm, CancellationToken cancellationToken) => database.WriteAsync(
        c =>
        {
            if (SqliteTickets.Find(c, confirm.Ticket, confirm.Purpose, confirm.Now) is not { } ticket || ticket.AccountId != confirm.AccountId)
            {
                return new ConfirmOutcome(ConfirmResult.TicketInvalid);
            }

            if (!confirm.Right)
            {
                SqliteTickets.SpendTry(c, confirm.Ticket);
                return new ConfirmOutcome(ConfirmResult.Wrong);
            }

            SqliteTickets.Take(c, confirm.Ticket, confirm.Purpose, confirm.Now);
            if (confirm.Authenticator is { } authenticator)
            {
                SqliteFactors.Set(c, authenticator);
            }
            else
            {
                SqliteFactors.Set(c, confirm.Phone ?? throw new InvalidOperationException("A set-up without a factor."));
            }

            SqliteFactors.ForgetAll(c, confirm.AccountId);
            SqliteSecurityLog.Append(c, confirm.AccountId, confirm.Added, confirm.Now);
            SqliteMailOutbox.Insert(c, confirm.Mail);
            var newCodes = SqliteFactors.Find(c, confirm.AccountId).RecoveryCodes.Count == 0;
            if (newCodes)
            {
                SqliteFactors.SetRecoveryCodes(c, confirm.AccountId, confirm.RecoveryHashes);
                SqliteSecurityLog.Append(c, confirm.AccountId, confirm.CodesGenerated, confirm.Now);
            }

            return new ConfirmOutcome(ConfirmResult.Confirmed, newCodes);
        },
        cancellationToken);

    public Task<byte[]?> RemoveAsync(RemoveFactorWrite remove, CancellationToken cancellationToken) => database.WriteAsync(
        c =>
        {
            if (SqliteRequests.Find(c, remove.Request) is { } former)
            {
                return former;
            }

            if (!SqliteFactors.Remove(c, remove.AccountId, remove.Method))
            {
                return null;
            }

            SqliteFactors.ForgetAll(c, remove.AccountId);
            SqliteSecurityLog.Append(c, remove.AccountId, remove.Note, remove.Now);
            SqliteMailOutbox.Insert(c, remove.Mail);
            var response = remove.Respond(SqliteFactors.Find(c, remove.AccountId).Enabled);
            SqliteRequests.Remember(c, remove.Request, response, remove.Now);
            return response;
        },
        cancellationToken);

    public Task<bool> ReplaceRecoveryCodesAsync(
        Guid accountId, IReadOnlyList<byte[]> hashes, SecurityNote note, OutgoingMail mail, DateTimeOffset now, CancellationToken cancellationToken) => database.WriteAsync(
        c =>
        {
            if (!SqliteFactors.Find(c, accountId).Enabled)
            {
                return false;
            }

            SqliteFactors.SetRecoveryCodes(c, accountId, hashes);
            SqliteSecurityLog.Append(c, accountId, note, now);
            SqliteMailOutbox.Insert(c, mail);
            return true;
        },
        cancellationToken);

    public Task<byte[]?> ForgetAsync(
        Guid accountId, Guid deviceId, SecurityNote note, RequestKey request, byte[] response, DateTimeOffset now, CancellationToken cancellationToken) => database.WriteAsync(
        c =>
        {
            if (SqliteRequests.Find(c, request) is { } former)
            {
                return former;
            }

            if (!SqliteFactors.Forget(c, accountId, deviceId))
            {
                return null;
            }

            SqliteSecurityLog.Append(c, accountId, note, now);
            SqliteRequests.Remember(c, request, response, now);
            return response;
        },
        cancellationToken);

    /// <summary>For the unit of a sign-in: uses ticket and factor up. Of many at once one passes.</summary>
    public static FactorOutcome? Pass(SqliteConnection connection, Guid accountId, TwoStepPass pass, FactorUser user, DateTimeOffset now)
    {
        if (SqliteTickets.Find(connection, pass.Ticket, TicketPurpose.TwoStepSignIn, now) is not { } ticket || ticket.AccountId != accountId)
        {
            return null;
        }

        var outcome = SqliteFactors.Use(connection, accountId, pass.Proof, user, now);
        switch (outcome)
        {
            case FactorOutcome.Accepted:
                SqliteTickets.Take(connection, pass.Ticket, TicketPurpose.TwoStepSignIn, now);
                break;
            case FactorOutcome.Wrong:
                SqliteTickets.SpendTry(connection, pass.Ticket);
                break;
        }

        return outcome;
    }

    /// <summary>Removes what has expired, at most so many rows of each kind; how many there were.</summary>
    public static int Sweep(SqliteConnection connection, DateTimeOffset now, int most)
    {
        var parameters = new { now = now.ToStored(), dayBefore = (now - TimeSpan.FromDays(1)).ToStored(), most };
        string[] steps = [SweepTrustSql, SweepSmsCodeSql, SweepNumberSql];
        return steps.Sum(sql => connection.Execute(sql, parameters));
    }

    private static NumberUse? Number(SqliteConnection connection, byte[] numberHash) =>
        connection.QuerySingleOrDefault<StoredNumber>(NumberSql, new { numberHash }) is { } stored
            ? new NumberUse(stored.DayStartedAt.ToTime(), (int)stored.SentInDay, stored.LastSentAt.ToTime())
            : null;

    private sealed record StoredTrust
    {
        public required byte[] DeviceId { get; init; }
        public required string Name { get; init; }
        public required long TrustedAt { get; init; }
        public required long ExpiresAt { get; init; }
    }

    private sealed record StoredNumber
    {
        public required long DayStartedAt { get; init; }
        public required long SentInDay { get; init; }
        public required long LastSentAt { get; init; }
    }
}
