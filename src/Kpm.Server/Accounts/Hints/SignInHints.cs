using System.Buffers.Binary;
using System.Buffers.Text;
using System.Globalization;
using System.Security.Cryptography;
using Google.Protobuf;
using Kpm.Server.Rpc;
using Kpm.Server.Secrets;
using Kpm.V1;

namespace Kpm.Server.Accounts.Hints;

/// <summary>
/// Names an account to an app that does not know its address yet. A hint is sealed and not stored: it says which account until when, and opens only
/// together with the shared key that it was made for.
/// </summary>
internal sealed class SignInHints(Sealer sealer, IHintStore store, IAccountStore accounts, TimeProvider time)
{
    private const string Use = "sign-in-hint";
    private const string Prefix = "kpm-hint-";
    private const int PlainBytes = 16 + 8;

    /// <summary>The hint of an account.</summary>
    public string Write(Guid accountId, ReadOnlySpan<byte> sharedKey, DateTimeOffset expiresAt)
    {
        Span<byte> plain = stackalloc byte[PlainBytes];
        accountId.ToBytes().CopyTo(plain);
        BinaryPrimitives.WriteInt64BigEndian(plain[16..], expiresAt.ToUnixTimeMilliseconds());
        return Prefix + Base64Url.EncodeToString(sealer.Seal(Use, SHA256.HashData(sharedKey), plain));
    }

    /// <summary>
    /// The account of a hint. Throws TICKET_INVALID where the hint has expired, was made for another key or by nobody, or where no app of the device is signed in
    /// to the account any more.
    /// </summary>
    /// <param name="hint">The hint.</param>
    /// <param name="sharedKey">The key whose proof the caller has brought.</param>
    /// <param name="cancellationToken">The call's.</param>
    public async ValueTask<AccountRow> FindAsync(string hint, ByteString sharedKey, CancellationToken cancellationToken)
    {
        if (sharedKey.IsEmpty)
        {
            throw Errors.Field("device.shared_key", Faults.Missing.Reason, "must be set with a hint");
        }

        var now = time.Now();
        return Read(hint, sharedKey.Span, now) is { } accountId && await store.HasAsync(sharedKey.ToByteArray(), accountId, now, cancellationToken)
            ? await accounts.FindAsync(accountId, cancellationToken) ?? throw Errors.Of(ErrorReason.TicketInvalid)
            : throw Errors.Of(ErrorReason.TicketInvalid);
    }

    /// <summary>
    /// The first character of each side and the last label, such as "a•••@e••••••.org". The number of dots is always the same, so that they tell no length.
    /// </summary>
    public static string Mask(string email)
    {
        var at = email.IndexOf('@', StringComparison.Ordinal);
        var domain = email[(at + 1)..];
        return $"{First(email[..at])}•••@{First(domain)}••••••{domain[domain.LastIndexOf('.')..]}";
    }

    private static string First(string text) => StringInfo.GetNextTextElement(text);

    private Guid? Read(string hint, ReadOnlySpan<byte> sharedKey, DateTimeOffset now)
    {
        if (!hint.StartsWith(Prefix, StringComparison.Ordinal) || !Base64Url.IsValid(hint.AsSpan(Prefix.Length)))
        {
            return null;
        }

        var box = Base64Url.DecodeFromChars(hint.AsSpan(Prefix.Length));
        // One hint has one spelling: neither padding nor stray bits behind the last byte.
        if (Base64Url.EncodeToString(box) != hint[Prefix.Length..])
        {
            return null;
        }

        try
        {
            var plain = sealer.Open(Use, SHA256.HashData(sharedKey), box);
            return now.ToUnixTimeMilliseconds() < BinaryPrimitives.ReadInt64BigEndian(plain.AsSpan(16)) ? Ids.FromBytes(plain.AsSpan(0, 16)) : null;
        }
        catch (CryptographicException)
        {
            return null;
        }
    }
}
