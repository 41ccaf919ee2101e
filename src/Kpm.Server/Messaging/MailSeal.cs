using System.Text.Json;
using Kpm.Server.Secrets;

namespace Kpm.Server.Messaging;

/// <summary>Seals the content of waiting mails, bound to the mail's id.</summary>
internal sealed class MailSeal(Sealer sealer)
{
    public const string Use = "outbox";

    public byte[] Seal(Guid mailId, MailContent content) =>
        sealer.Seal(Use, mailId.ToBytes(), JsonSerializer.SerializeToUtf8Bytes(content, MailJson.Default.MailContent));

    public MailContent Open(Guid mailId, ReadOnlySpan<byte> box) =>
        JsonSerializer.Deserialize(sealer.Open(Use, mailId.ToBytes(), box), MailJson.Default.MailContent) ?? throw new JsonException("A sealed mail is empty.");
}
