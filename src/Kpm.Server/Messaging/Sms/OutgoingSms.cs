using System.Text.Json.Serialization;

namespace Kpm.Server.Messaging.Sms;

/// <summary>A code's SMS before it is written.</summary>
internal sealed record SmsContent
{
    public required string To { get; init; }
    public required string Language { get; init; }
    public required string Code { get; init; }
    public required int Minutes { get; init; }
}

/// <summary>An SMS on its way into the outbox: its content is sealed, since it carries a code and a number.</summary>
internal sealed record OutgoingSms
{
    public required Guid SmsId { get; init; }
    public required byte[] Sealed { get; init; }
    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>After this the code is worthless, and the message is dropped.</summary>
    public required DateTimeOffset ExpiresAt { get; init; }
}

/// <summary>The outbox of SMS.</summary>
internal interface ISmsOutbox : IOutbox;

/// <summary>Wakes the delivery of SMS.</summary>
internal sealed class SmsSignal : OutboxSignal;

[JsonSerializable(typeof(SmsContent))]
internal sealed partial class SmsJson : JsonSerializerContext;
