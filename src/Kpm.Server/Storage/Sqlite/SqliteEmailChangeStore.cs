using Dapper;
using Kpm.Server.Accounts;
using Kpm.Server.Accounts.Lifecycle;
using Kpm.Server.Rpc;
using Kpm.Server.Secrets;
using Kpm.V1;
using Microsoft.Data.Sqlite;

namespace Kpm.Server.Storage.Sqlite;

internal sealed class SqliteEmailChangeStore(SqliteDatabase database) : IEmailChangeStore
{
    private const string FindSql = """
        SELECT email AS Email, former_confirmed AS FormerConfirmed, new_confirmed AS NewConfirmed, asked_at AS AskedAt, day_started_at AS DayStartedAt, asked_in_day AS AskedInDay
          FROM email_change WHERE account_id = @accountId
        """;

    private const string SetSql = """
        INSERT INTO email_change (account_id, email, former_confirmed, new_confirmed, expires_at, asked_at, day_started_at, asked_in_day)
        VALUES (@accountId, @email, 0, 0, @expiresAt, @askedAt, @dayStartedAt, @askedInDay)
        ON CONFLICT (account_id) DO UPDATE
           SET email = excluded.email, former_confirmed = 0, new_confirmed = 0, expires_at = excluded.expires_at, asked_at = excluded.asked_at,
               day_started_at = excluded.day_started_at, asked_in_day = excluded.asked_in_day
        """;

    private const string ConfirmSql = """
        UPDATE email_change SET former_confirmed = max(former_confirmed, @former), new_confirmed = max(new_confirmed, @new) WHERE account_id = @accountId AND email IS NOT NULL
        """;

    private const string DoneSql = "UPDATE email_change SET email = NULL WHERE account_id = @accountId";

    private const string ChangeSql = "UPDATE account SET email = @email, email_key = @emailKey WHERE account_id = @accountId";

    public Task<EmailChangeStarted> StartAsync(EmailChangeStart start, CancellationToken cancellationToken) => database.WriteAsync(c => Start(c, start), cancellationToken);

    public Task<EmailChangeConfirmed?> ConfirmAsync(byte[] tokenHash, DateTimeOffset now, EmailChangeEntries entries, CancellationToken cancellationToken) =>
        database.WriteAsync(c => Confirm(c, tokenHash, now, entries), cancellationToken);

    private static EmailChangeStarted Start(SqliteConnection connection, EmailChangeStart start)
    {
        if (SqliteRequests.Find(connection, start.Request) is { } former)
        {
            return new EmailChangeStarted(former, null);
        }

        var throttle = start.Throttle(Find(connection, start.AccountId) is { } found
            ? new EmailChangeThrottleRow(found.AskedAt.ToTime(), found.DayStartedAt.ToTime(), (int)found.AskedInDay)
            : null);
        if (throttle.TooSoonUntil is { } until)
        {
            return new EmailChangeStarted(null, until);
        }

        EndTickets(connection, start.AccountId);
        connection.Execute(SetSql, new
        {
            accountId = start.AccountId.ToBytes(),
            email = start.NewAddress.Text,
            expiresAt = start.NewTicket.ExpiresAt.ToStored(),
            askedAt = throttle.Row.AskedAt.ToStored(),
            dayStartedAt = throttle.Row.DayStartedAt.ToStored(),
            askedInDay = throttle.Row.AskedInDay,
        });
        SqliteTickets.Insert(connection, start.FormerTicket);
        SqliteTickets.Insert(connection, start.NewTicket);
        SqliteMailOutbox.Insert(connection, start.FormerMail);
        if (SqliteAccountStore.FindActive(connection, start.NewAddress.Key) is null)
        {
            SqliteMailOutbox.Insert(connection, start.NewMail);
        }

        SqliteSecurityLog.Record(connection, start.AccountId, start.Entry, start.Now);
        SqliteRequests.Remember(connection, start.Request, start.Response, start.Now);
        return new EmailChangeStarted(start.Response, null);
    }

    private static EmailChangeConfirmed? Confirm(SqliteConnection connection, byte[] tokenHash, DateTimeOffset now, EmailChangeEntries entries)
    {
        var byFormer = SqliteTickets.Take(connection, tokenHash, TicketPurpose.EmailChangeFormer, now);
        var ticket = byFormer ?? SqliteTickets.Take(connection, tokenHash, TicketPurpose.EmailChangeNew, now);
        if (ticket is not { AccountId: { } accountId })
        {
            return null;
        }

        connection.Execute(ConfirmSql, new { accountId = accountId.ToBytes(), former = byFormer is not null, @new = byFormer is null });
        var change = Find(connection, accountId) ?? throw new InvalidOperationException("A ticket has no change of address.");
        var confirmed = new EmailChangeConfirmed(accountId, change.FormerConfirmed != 0, change.NewConfirmed != 0, []);
        return confirmed.Changed ? confirmed with { Removed = CarryOut(connection, accountId, EmailAddress.Parse(change.Email!), now, entries) } : confirmed;
    }

    /// <summary>The unit is rolled back by EMAIL_IN_USE: the token that was just used works again, should the address become free.</summary>
    private static IReadOnlyList<Removed> CarryOut(SqliteConnection connection, Guid accountId, EmailAddress address, DateTimeOffset now, EmailChangeEntries entries)
    {
        if (SqliteAccountStore.FindActive(connection, address.Key) is not null)
        {
            throw Errors.Of(ErrorReason.EmailInUse);
        }

        var former = SqliteAccountStore.Find(connection, accountId)!;
        connection.Execute(ChangeSql, new { accountId = accountId.ToBytes(), email = address.Text, emailKey = address.Key });
        connection.Execute(DoneSql, new { accountId = accountId.ToBytes() });
        EndTickets(connection, accountId);
        SqliteTickets.EndAll(connection, accountId, TicketPurpose.PasswordReset);
        SqliteMailOutbox.Insert(connection, entries.MailToFormer(former, address));
        SqliteMailOutbox.Insert(connection, entries.MailToNew(former, address));
        SqliteSecurityLog.Append(connection, accountId, entries.Note(former, address), now);

        // The mailbox's owner has confirmed: what is still pending there is somebody's mistake, as at an activation.
        return SqliteActivationStore.RemoveOthers(connection, SqliteAccountStore.Find(connection, accountId)!, now);
    }

    private static void EndTickets(SqliteConnection connection, Guid accountId)
    {
        SqliteTickets.EndAll(connection, accountId, TicketPurpose.EmailChangeFormer);
        SqliteTickets.EndAll(connection, accountId, TicketPurpose.EmailChangeNew);
    }

    private static Stored? Find(SqliteConnection connection, Guid accountId) => connection.QuerySingleOrDefault<Stored>(FindSql, new { accountId = accountId.ToBytes() });

    private sealed record Stored
    {
        public required string? Email { get; init; }
        public required long FormerConfirmed { get; init; }
        public required long NewConfirmed { get; init; }
        public required long AskedAt { get; init; }
        public required long DayStartedAt { get; init; }
        public required long AskedInDay { get; init; }
    }
}
