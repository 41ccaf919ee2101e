using Dapper;
using Kpm.Server.Accounts;
using Kpm.Server.Accounts.Events;
using Kpm.Server.Federation;
using Kpm.Server.Secrets;
using Kpm.V1;
using Microsoft.Data.Sqlite;

namespace Kpm.Server.Storage.Sqlite;

internal sealed class SqliteIdentityStore(SqliteDatabase database) : IIdentityStore
{
    private const string Columns = """
        SELECT identity_id AS IdentityId, account_id AS AccountId, provider_id AS ProviderId, issuer AS Issuer, subject AS Subject, email AS Email, active AS Active,
               linked_at AS LinkedAt, last_used_at AS LastUsedAt
          FROM identity
        """;

    private const string FindSql = Columns + " WHERE identity_id = @identityId";

    private const string FindActiveSql = Columns + " WHERE issuer = @issuer AND subject = @subject AND active = 1";

    private const string ListSql = Columns + """
         WHERE account_id = @accountId AND (linked_at, identity_id) > (@linkedAt, @identityId) ORDER BY linked_at, identity_id LIMIT @most
        """;

    private const string OfAccountSql = Columns + " WHERE account_id = @accountId ORDER BY linked_at, identity_id";

    private const string InsertSql = """
        INSERT INTO identity (identity_id, account_id, provider_id, issuer, subject, email, active, linked_at, last_used_at)
        VALUES (@identityId, @accountId, @providerId, @issuer, @subject, @email, @active, @linkedAt, @lastUsedAt)
        """;

    private const string TouchSql = "UPDATE identity SET last_used_at = @now, email = @email WHERE identity_id = @identityId";

    private const string DeleteSql = "DELETE FROM identity WHERE identity_id = @identityId";

    private const string ActivateSql = "UPDATE identity SET active = 1 WHERE identity_id = @identityId";

    public ValueTask<IdentityRow?> FindActiveAsync(string issuer, string subject, CancellationToken cancellationToken) =>
        ValueTask.FromResult(database.Read(c => FindActive(c, issuer, subject)));

    public ValueTask<IReadOnlyList<IdentityRow>> ListAsync(Guid accountId, IdentityPosition? after, int most, CancellationToken cancellationToken) =>
        ValueTask.FromResult<IReadOnlyList<IdentityRow>>(database.Read(c => c.Query<Stored>(ListSql, new
        {
            accountId = accountId.ToBytes(),
            linkedAt = after is null ? long.MinValue : after.LinkedAt.ToStored(),
            identityId = (after?.IdentityId ?? Guid.Empty).ToBytes(),
            most,
        }).Select(ToRow).ToList()));

    public Task TouchAsync(Guid identityId, string email, DateTimeOffset now, CancellationToken cancellationToken) =>
        database.WriteAsync(c => c.Execute(TouchSql, new { identityId = identityId.ToBytes(), email, now = now.ToStored() }), cancellationToken);

    public Task<LinkResult> LinkAsync(LinkWrite write, CancellationToken cancellationToken) => database.WriteAsync(c => Link(c, write), cancellationToken);

    public Task<UnlinkResult> UnlinkAsync(UnlinkWrite write, CancellationToken cancellationToken) => database.WriteAsync(c => Unlink(c, write), cancellationToken);

    public Task InsertTicketAsync(TicketRow ticket, CancellationToken cancellationToken) =>
        database.WriteAsync(c => SqliteTickets.Insert(c, ticket), cancellationToken);

    public ValueTask<TicketRow?> FindTicketAsync(byte[] hash, TicketPurpose purpose, DateTimeOffset now, CancellationToken cancellationToken) =>
        ValueTask.FromResult(database.Read(c => SqliteTickets.Find(c, hash, purpose, now)));

    public Task<TicketRow?> TakeTicketAsync(byte[] hash, TicketPurpose purpose, DateTimeOffset now, CancellationToken cancellationToken) =>
        database.WriteAsync(c => SqliteTickets.Take(c, hash, purpose, now), cancellationToken);

    /// <summary>For the units of other stores.</summary>
    public static IdentityRow? FindActive(SqliteConnection connection, string issuer, string subject) =>
        connection.QuerySingleOrDefault<Stored>(FindActiveSql, new { issuer, subject }) is { } stored ? ToRow(stored) : null;

    public static IReadOnlyList<IdentityRow> OfAccount(SqliteConnection connection, Guid accountId) =>
        connection.Query<Stored>(OfAccountSql, new { accountId = accountId.ToBytes() }).Select(ToRow).ToList();

    public static void Insert(SqliteConnection connection, IdentityRow identity) => connection.Execute(InsertSql, new
    {
        identityId = identity.IdentityId.ToBytes(),
        accountId = identity.AccountId.ToBytes(),
        providerId = identity.ProviderId,
        issuer = identity.Issuer,
        subject = identity.Subject,
        email = identity.Email,
        active = identity.Active,
        linkedAt = identity.LinkedAt.ToStored(),
        lastUsedAt = identity.LastUsedAt.ToStored(),
    });

    /// <summary>For the unit that creates an account: why it can't have the identity, or null.</summary>
    public static CreateOutcome? Refuses(SqliteConnection connection, NewIdentity identity, DateTimeOffset now) =>
        SqliteTickets.Find(connection, identity.TicketHash, TicketPurpose.Registration, now) is null ? CreateOutcome.TicketInvalid
        : FindActive(connection, identity.Row.Issuer, identity.Row.Subject) is not null ? CreateOutcome.IdentityInUse
        : null;

    /// <summary>For the unit that creates an account: links the identity and uses its ticket up.</summary>
    public static void Register(SqliteConnection connection, NewIdentity identity, Guid deviceId)
    {
        var row = identity.Row;
        SqliteTickets.Take(connection, identity.TicketHash, TicketPurpose.Registration, row.LinkedAt);
        Insert(connection, row);
        SqliteSecurityLog.Append(connection, row.AccountId, new SecurityNote(SecurityEventKind.IdentityLinked, Actor.Anonymous, deviceId, $"provider={row.ProviderId}"), row.LinkedAt);
    }

    /// <summary>For the unit that activates the account: an identity that another account has taken meanwhile stays there.</summary>
    public static void Activate(SqliteConnection connection, Guid accountId)
    {
        foreach (var identity in OfAccount(connection, accountId))
        {
            var sql = FindActive(connection, identity.Issuer, identity.Subject) is null ? ActivateSql : DeleteSql;
            connection.Execute(sql, new { identityId = identity.IdentityId.ToBytes() });
        }
    }

    private static LinkResult Link(SqliteConnection connection, LinkWrite write)
    {
        if (SqliteRequests.Find(connection, write.Request) is { } former)
        {
            return new LinkResult(LinkOutcome.Known, former);
        }

        var identity = write.Identity;
        if (SqliteAccountStore.Find(connection, identity.AccountId) is not { State: AccountState.Active })
        {
            return new LinkResult(LinkOutcome.NoAccount);
        }

        var holder = FindActive(connection, identity.Issuer, identity.Subject);
        if (holder is not null && holder.AccountId != identity.AccountId)
        {
            return new LinkResult(LinkOutcome.InUse);
        }

        if (holder is null && OfAccount(connection, identity.AccountId).Count >= write.Most)
        {
            return new LinkResult(LinkOutcome.TooMany);
        }

        if (holder is null)
        {
            Insert(connection, identity);
            SqliteSecurityLog.Append(connection, identity.AccountId, write.Note, identity.LinkedAt);
            SqliteMailOutbox.Insert(connection, write.Mail);
        }

        var response = write.Respond(holder ?? identity);
        SqliteRequests.Remember(connection, write.Request, response, identity.LinkedAt);
        return new LinkResult(holder is null ? LinkOutcome.Linked : LinkOutcome.Known, response);
    }

    private static UnlinkResult Unlink(SqliteConnection connection, UnlinkWrite write)
    {
        if (SqliteRequests.Find(connection, write.Request) is { } former)
        {
            return new UnlinkResult(UnlinkOutcome.Unlinked, former);
        }

        var identities = OfAccount(connection, write.AccountId);
        if (identities.FirstOrDefault(i => i.IdentityId == write.IdentityId) is not { } identity)
        {
            return new UnlinkResult(UnlinkOutcome.NotFound);
        }

        var hasPassword = SqliteAccountStore.Find(connection, write.AccountId)?.PasswordHash is not null;
        if (!hasPassword && !identities.Any(i => i.IdentityId != identity.IdentityId && write.Opens(i.ProviderId)))
        {
            return new UnlinkResult(UnlinkOutcome.LastWayIn);
        }

        connection.Execute(DeleteSql, new { identityId = identity.IdentityId.ToBytes() });
        SqliteSecurityLog.Append(connection, write.AccountId, write.Note(identity), write.Now);
        SqliteMailOutbox.Insert(connection, write.Mail(identity));
        SqliteRequests.Remember(connection, write.Request, write.Response, write.Now);
        return new UnlinkResult(UnlinkOutcome.Unlinked, write.Response, identity.ProviderId);
    }

    private static IdentityRow ToRow(Stored stored) => new()
    {
        IdentityId = Ids.FromBytes(stored.IdentityId),
        AccountId = Ids.FromBytes(stored.AccountId),
        ProviderId = stored.ProviderId,
        Issuer = stored.Issuer,
        Subject = stored.Subject,
        Email = stored.Email,
        Active = stored.Active != 0,
        LinkedAt = stored.LinkedAt.ToTime(),
        LastUsedAt = stored.LastUsedAt.ToTime(),
    };

    private sealed record Stored
    {
        public required byte[] IdentityId { get; init; }
        public required byte[] AccountId { get; init; }
        public required string ProviderId { get; init; }
        public required string Issuer { get; init; }
        public required string Subject { get; init; }
        public required string Email { get; init; }
        public required long Active { get; init; }
        public required long LinkedAt { get; init; }
        public required long? LastUsedAt { get; init; }
    }
}
