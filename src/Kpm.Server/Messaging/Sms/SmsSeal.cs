using System.Text.Json;
using Kpm.Server.Secrets;

namespace Kpm.Server.Messaging.Sms;

/// <summary>Seals the content of waiting SMS, bound to the message's id.</summary>
internal sealed class SmsSeal(Sealer sealer)
{
    public const string Use = "sms";

    public byte[] Seal(Guid smsId, SmsContent content) =>
        sealer.Seal(Use, smsId.ToBytes(), JsonSerializer.SerializeToUtf8Bytes(content, SmsJson.Default.SmsContent));

    public SmsContent Open(Guid smsId, ReadOnlySpan<byte> box) =>
        JsonSerializer.Deserialize(sealer.Open(Use, smsId.ToBytes(), box), SmsJson.Default.SmsContent) ?? throw new JsonException("A sealed SMS is empty.");
}
