using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Kpm.Server.Secrets;

/// <summary>What a ticket is for. The numbers are stored.</summary>
internal enum TicketPurpose
{
    TwoStepSignIn = 1,
    FederatedFlow = 2,
    Registration = 3,
    Reauthentication = 4,
    AuthenticatorSetUp = 5,
    PhoneSetUp = 6,
    PasswordReset = 7,
    EmailChangeFormer = 8,
    EmailChangeNew = 9,
    CancelDeletion = 10,
    CancelSupportCase = 11,
}

/// <summary>A ticket as it is stored: its hash, and sealed what it stands for.</summary>
internal sealed record TicketRow
{
    public required byte[] Hash { get; init; }
    public required TicketPurpose Purpose { get; init; }
    public required Guid? AccountId { get; init; }

    /// <summary>The ticket ends with this session.</summary>
    public required Guid? SessionId { get; init; }
    public required byte[] Content { get; init; }

    /// <summary>Wrong answers that the ticket still bears; it is gone after the last one.</summary>
    public required int TriesLeft { get; init; }
    public required DateTimeOffset CreatedAt { get; init; }
    public required DateTimeOffset ExpiresAt { get; init; }
}

/// <summary>A new ticket: the text that only its holder gets, and the row.</summary>
internal sealed record NewTicket(string Text, TicketRow Row);

/// <summary>
/// Opaque secrets that expire and work once: tickets of a flow, mailed tokens. The row is written and taken inside the
/// unit of what it is about (<c>SqliteTickets</c>), so that of many uses at once one wins.
/// </summary>
internal sealed class Tickets(Sealer sealer, TimeProvider time)
{
    public const string Use = "ticket";

    /// <summary>The prefix tells people, programs and secret scanners what a ticket is.</summary>
    public static string PrefixOf(TicketPurpose purpose) => purpose switch
    {
        TicketPurpose.TwoStepSignIn => "kpm-step-",
        TicketPurpose.FederatedFlow => "kpm-flow-",
        TicketPurpose.Registration => "kpm-register-",
        TicketPurpose.Reauthentication => "kpm-reauth-",
        TicketPurpose.AuthenticatorSetUp => "kpm-authenticator-",
        TicketPurpose.PhoneSetUp => "kpm-phone-",
        TicketPurpose.PasswordReset => "kpm-reset-",
        TicketPurpose.EmailChangeFormer or TicketPurpose.EmailChangeNew => "kpm-email-",
        TicketPurpose.CancelDeletion => "kpm-keep-",
        TicketPurpose.CancelSupportCase => "kpm-cancel-",
        _ => throw new ArgumentOutOfRangeException(nameof(purpose), purpose, "No such purpose."),
    };

    /// <summary>A ticket that is to be stored.</summary>
    /// <param name="purpose">What it is for; it serves nothing else.</param>
    /// <param name="lifetime">How long it works.</param>
    /// <param name="content">What it stands for; sealed.</param>
    /// <param name="json">How the content is written.</param>
    /// <param name="accountId">It ends with this account.</param>
    /// <param name="sessionId">It ends with this session.</param>
    /// <param name="tries">Wrong answers that it bears.</param>
    public NewTicket New<T>(TicketPurpose purpose, TimeSpan lifetime, T content, JsonTypeInfo<T> json, Guid? accountId = null, Guid? sessionId = null, int tries = 1)
    {
        var text = SecretToken.New(PrefixOf(purpose));
        var hash = SecretToken.Hash(text);
        var now = time.Now();
        return new NewTicket(text, new TicketRow
        {
            Hash = hash,
            Purpose = purpose,
            AccountId = accountId,
            SessionId = sessionId,
            Content = sealer.Seal(Use, hash, JsonSerializer.SerializeToUtf8Bytes(content, json)),
            TriesLeft = tries,
            CreatedAt = now,
            ExpiresAt = now + lifetime,
        });
    }

    public T Open<T>(TicketRow ticket, JsonTypeInfo<T> json) =>
        JsonSerializer.Deserialize(sealer.Open(Use, ticket.Hash, ticket.Content), json) ?? throw new JsonException("A ticket is empty.");
}
