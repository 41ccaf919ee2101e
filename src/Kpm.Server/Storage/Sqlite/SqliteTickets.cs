using Dapper;
using Kpm.Server.Secrets;
using Microsoft.Data.Sqlite;

namespace Kpm.Server.Storage.Sqlite;

/// <summary>Tickets, for the units of the stores that they are about.</summary>
internal static class SqliteTickets
{
    private const string InsertSql = """
        INSERT INTO ticket (ticket_hash, purpose, account_id, session_id, content, tries_left, created_at, expires_at)
        VALUES (@hash, @purpose, @accountId, @sessionId, @content, @triesLeft, @createdAt, @expiresAt)
        """;

    private const string FindSql = """
        SELECT ticket_hash AS Hash, purpose AS Purpose, account_id AS AccountId, session_id AS SessionId, content AS Content, tries_left AS TriesLeft,
               created_at AS CreatedAt, expires_at AS ExpiresAt
          FROM ticket WHERE ticket_hash = @hash AND purpose = @purpose AND expires_at > @now
        """;

    private const string DeleteSql = "DELETE FROM ticket WHERE ticket_hash = @hash";

    private const string SpendTrySql = "UPDATE ticket SET tries_left = tries_left - 1 WHERE ticket_hash = @hash";

    private const string DeleteSpentSql = "DELETE FROM ticket WHERE ticket_hash = @hash AND tries_left <= 0";

    private const string EndAllSql = "DELETE FROM ticket WHERE account_id = @accountId AND purpose = @purpose";

    private const string EndActingSql = "DELETE FROM ticket WHERE account_id = @accountId AND purpose NOT IN (@cancelDeletion, @cancelSupportCase)";

    private const string SweepSql = "DELETE FROM ticket WHERE ticket_hash IN (SELECT ticket_hash FROM ticket WHERE expires_at <= @now LIMIT @most)";

    public static void Insert(SqliteConnection connection, TicketRow ticket) => connection.Execute(InsertSql, new
    {
        hash = ticket.Hash,
        purpose = (int)ticket.Purpose,
        accountId = ticket.AccountId?.ToBytes(),
        sessionId = ticket.SessionId?.ToBytes(),
        content = ticket.Content,
        triesLeft = ticket.TriesLeft,
        createdAt = ticket.CreatedAt.ToStored(),
        expiresAt = ticket.ExpiresAt.ToStored(),
    });

    /// <summary>A ticket that works; null for one that is unknown, used, expired or for something else.</summary>
    public static TicketRow? Find(SqliteConnection connection, byte[] hash, TicketPurpose purpose, DateTimeOffset now) =>
        connection.QuerySingleOrDefault<Stored>(FindSql, new { hash, purpose = (int)purpose, now = now.ToStored() }) is not { } stored ? null : new TicketRow
        {
            Hash = stored.Hash,
            Purpose = (TicketPurpose)stored.Purpose,
            AccountId = stored.AccountId is null ? null : Ids.FromBytes(stored.AccountId),
            SessionId = stored.SessionId is null ? null : Ids.FromBytes(stored.SessionId),
            Content = stored.Content,
            TriesLeft = (int)stored.TriesLeft,
            CreatedAt = stored.CreatedAt.ToTime(),
            ExpiresAt = stored.ExpiresAt.ToTime(),
        };

    /// <summary>Uses the ticket up: whoever comes second finds none.</summary>
    public static TicketRow? Take(SqliteConnection connection, byte[] hash, TicketPurpose purpose, DateTimeOffset now)
    {
        var ticket = Find(connection, hash, purpose, now);
        if (ticket is not null)
        {
            connection.Execute(DeleteSql, new { hash });
        }

        return ticket;
    }

    /// <summary>A wrong answer: the ticket bears one less, and is gone with the last.</summary>
    public static void SpendTry(SqliteConnection connection, byte[] hash)
    {
        connection.Execute(SpendTrySql, new { hash });
        connection.Execute(DeleteSpentSql, new { hash });
    }

    /// <summary>Ends the account's tickets of a purpose.</summary>
    public static void EndAll(SqliteConnection connection, Guid accountId, TicketPurpose purpose) =>
        connection.Execute(EndAllSql, new { accountId = accountId.ToBytes(), purpose = (int)purpose });

    /// <summary>
    /// Ends whatever could still act for the account after its password was changed: all tickets but those that call off a
    /// deletion or a case of support, which protect the owner.
    /// </summary>
    public static void EndActing(SqliteConnection connection, Guid accountId) => connection.Execute(EndActingSql, new
    {
        accountId = accountId.ToBytes(),
        cancelDeletion = (int)TicketPurpose.CancelDeletion,
        cancelSupportCase = (int)TicketPurpose.CancelSupportCase,
    });

    /// <summary>Removes expired tickets, at most so many; how many there were.</summary>
    public static int Sweep(SqliteConnection connection, DateTimeOffset now, int most) => connection.Execute(SweepSql, new { now = now.ToStored(), most });

    private sealed record Stored
    {
        public required byte[] Hash { get; init; }
        public required long Purpose { get; init; }
        public required byte[]? AccountId { get; init; }
        public required byte[]? SessionId { get; init; }
        public required byte[] Content { get; init; }
        public required long TriesLeft { get; init; }
        public required long CreatedAt { get; init; }
        public required long ExpiresAt { get; init; }
    }
}
