using System.Text.Json.Serialization;

namespace Kpm.Server.Messaging;

/// <summary>A mail before it is written: which template, for whom, with what. Values may be secrets.</summary>
internal sealed record MailContent
{
    /// <summary>The mailbox, its domain in ASCII.</summary>
    public required string To { get; init; }
    public required string Template { get; init; }
    public required string Language { get; init; }
    public required IReadOnlyDictionary<string, string> Values { get; init; }
}

/// <summary>A mail on its way into the outbox: its content is sealed, since it carries tokens and an address.</summary>
internal sealed record OutgoingMail
{
    public required Guid MailId { get; init; }
    public required byte[] Sealed { get; init; }
    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>After this its tokens are worthless, and it is dropped.</summary>
    public required DateTimeOffset ExpiresAt { get; init; }
}

[JsonSerializable(typeof(MailContent))]
internal sealed partial class MailJson : JsonSerializerContext;
