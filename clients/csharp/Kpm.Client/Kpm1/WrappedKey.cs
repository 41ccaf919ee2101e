using System.Security.Cryptography;

namespace Kpm.Client.Kpm1;

/// <summary>What a wrapped key is for; a byte of its AAD.</summary>
internal enum WrapKind : byte
{
    Password = 1,
    Recovery = 2,
    Device = 3,
    Epoch = 4,
}

/// <summary>AAD of a wrapped key, structure 4 of docs/crypto.md: authenticates the KDF's parameters too.</summary>
internal sealed record WrapContext(WrapKind Kind, Guid Account, Guid Vault, uint KeyEpoch)
{
    public const int Size = 96;

    public Guid Device { get; init; }

    public uint Iterations { get; init; }

    public ReadOnlyMemory<byte> Salt { get; init; } = new byte[Layout.SaltSize];

    public byte[] ToBytes()
    {
        var bytes = new byte[Size];
        var writer = new SpanWriter(bytes);
        writer.Prefix(Structure.WrapAad);
        writer.U8((byte)Kind);
        writer.U8(0);
        writer.Id(Account);
        writer.Id(Vault);
        writer.U32(KeyEpoch);
        writer.Id(Device);
        writer.U32(Iterations);
        writer.Bytes(Salt.Span);
        return bytes;
    }
}

/// <summary>AK wrapped by UK, with the parameters that give UK.</summary>
internal sealed record PasswordWrap(uint Iterations, byte[] Salt, byte[] Nonce, byte[] Wrapped)
{
    public const int WrappedSize = Layout.KeySize + Layout.TagSize;
}

/// <summary>AK wrapped to a P-256 key. Device is zero for the recovery key.</summary>
internal sealed record EcdhWrap(Guid Device, byte[] Recipient, byte[] Ephemeral, byte[] Nonce, byte[] Wrapped)
{
    /// <summary>Wraps a key to a recipient, with a key pair made for this one wrap.</summary>
    public static EcdhWrap Seal(ReadOnlySpan<byte> key, byte[] recipient, WrapContext context, ECDiffieHellman ephemeral, byte[] nonce)
    {
        var ephemeralPublic = P256.PublicKey(ephemeral);
        var aad = context.ToBytes();
        var kek = WrapKey(P256.Agree(ephemeral, recipient), ephemeralPublic, recipient, aad);
        return new EcdhWrap(context.Device, recipient, ephemeralPublic, nonce, Primitives.Seal(kek, nonce, key, aad));
    }

    public byte[] Open(ECDiffieHellman recipient, WrapContext context)
    {
        if (!P256.PublicKey(recipient).AsSpan().SequenceEqual(Recipient))
        {
            throw new Kpm1Exception(Kpm1Error.WrapInvalid);
        }

        var aad = context.ToBytes();
        var kek = WrapKey(P256.Agree(recipient, Ephemeral), Ephemeral, Recipient, aad);
        return Primitives.Open(kek, Nonce, Wrapped, aad, Kpm1Error.WrapInvalid);
    }

    private static byte[] WrapKey(byte[] secret, byte[] ephemeral, byte[] recipient, byte[] aad)
    {
        try
        {
            return Primitives.Hkdf(secret, [.. ephemeral, .. recipient], [.. "KPM1 wrap"u8, .. aad]);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(secret);
        }
    }
}

/// <summary>VK and the directory key of one epoch, wrapped by AK's wrap key.</summary>
internal sealed record EpochWrap(uint KeyEpoch, byte[] Nonce, byte[] Wrapped)
{
    public const int WrappedSize = (2 * Layout.KeySize) + Layout.TagSize;
}
