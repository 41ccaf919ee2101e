using System.Security.Cryptography;
using System.Text.Json;
using Kpm.Server.Secrets;

namespace Kpm.Server.Messaging;

/// <summary>Seals the content of waiting mails (AES-256-GCM under a key of the root key): nonce || ciphertext || tag, bound to the mail's id.</summary>
internal sealed class MailSeal(RootKey root)
{
    private const int NonceBytes = 12;
    private const int TagBytes = 16;

    private readonly byte[] _key = root.Derive("outbox");

    public byte[] Seal(Guid mailId, MailContent content)
    {
        var plain = JsonSerializer.SerializeToUtf8Bytes(content, MailJson.Default.MailContent);
        var box = new byte[NonceBytes + plain.Length + TagBytes];
        RandomNumberGenerator.Fill(box.AsSpan(0, NonceBytes));
        using var aes = new AesGcm(_key, TagBytes);
        aes.Encrypt(box.AsSpan(0, NonceBytes), plain, box.AsSpan(NonceBytes, plain.Length), box.AsSpan(NonceBytes + plain.Length), mailId.ToBytes());
        return box;
    }

    public MailContent Open(Guid mailId, ReadOnlySpan<byte> box)
    {
        var plain = new byte[box.Length - NonceBytes - TagBytes];
        using var aes = new AesGcm(_key, TagBytes);
        aes.Decrypt(box[..NonceBytes], box[NonceBytes..^TagBytes], box[^TagBytes..], plain, mailId.ToBytes());
        return JsonSerializer.Deserialize(plain, MailJson.Default.MailContent) ?? throw new JsonException("A sealed mail is empty.");
    }
}
