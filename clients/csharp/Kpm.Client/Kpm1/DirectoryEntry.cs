using System.Security.Cryptography;

namespace Kpm.Client.Kpm1;

/// <summary>How a device came into the directory.</summary>
public enum Enrolment : byte
{
    /// <summary>The vault's first device.</summary>
    Root = 1,

    /// <summary>Vouched for by a device of the directory.</summary>
    Approved = 2,

    /// <summary>By a device that was given the main password.</summary>
    Keyed = 3,
}

/// <summary>A device's entry in the device directory, structure 5 of docs/crypto.md.</summary>
public sealed record DirectoryEntry
{
    /// <summary>Bytes of an entry.</summary>
    public const int Size = 302;

    private const int ApprovedSize = 206;
    private const int MacedSize = 270;

    /// <summary>How the device came into the directory.</summary>
    public required Enrolment Enrolment { get; init; }

    /// <summary>The account.</summary>
    public required Guid Account { get; init; }

    /// <summary>The vault.</summary>
    public required Guid Vault { get; init; }

    /// <summary>The device.</summary>
    public required Guid Device { get; init; }

    /// <summary>The key epoch whose directory key MACs the entry.</summary>
    public required uint KeyEpoch { get; init; }

    /// <summary>The key that signs the device's operations; 65 bytes.</summary>
    public required ReadOnlyMemory<byte> SigningKey { get; init; }

    /// <summary>The key that AK can be wrapped to; 65 bytes.</summary>
    public required ReadOnlyMemory<byte> AgreementKey { get; init; }

    /// <summary>The device that vouches; empty unless APPROVED.</summary>
    public Guid Approver { get; init; }

    /// <summary>Its signature over the entry's first 206 bytes, 64 bytes; zeros unless APPROVED.</summary>
    public ReadOnlyMemory<byte> Approval { get; init; } = new byte[Layout.SignatureSize];

    /// <summary>The MAC as it came, 32 bytes.</summary>
    internal ReadOnlyMemory<byte> Mac { get; init; }

    /// <summary>Reads an entry; nothing of it is authenticated yet.</summary>
    /// <param name="bytes">302 bytes.</param>
    /// <returns>The entry.</returns>
    /// <exception cref="Kpm1Exception">STRUCTURE_INVALID or SUITE_UNKNOWN.</exception>
    public static DirectoryEntry Parse(ReadOnlySpan<byte> bytes)
    {
        Layout.Require(bytes.Length == Size);
        var reader = new SpanReader(bytes);
        reader.Prefix(Structure.DirectoryEntry);
        var enrolment = (Enrolment)reader.U8();
        Layout.Require(enrolment is >= Enrolment.Root and <= Enrolment.Keyed);
        reader.Zero(1);
        var entry = new DirectoryEntry
        {
            Enrolment = enrolment,
            Account = reader.Id(),
            Vault = reader.Id(),
            Device = reader.Id(),
            KeyEpoch = reader.U32(),
            SigningKey = reader.Copy(Layout.PublicKeySize),
            AgreementKey = reader.Copy(Layout.PublicKeySize),
            Approver = reader.Id(),
            Approval = reader.Copy(Layout.SignatureSize),
            Mac = reader.Copy(Layout.HashSize),
        };
        reader.End();
        P256.RequirePoint(entry.SigningKey.Span);
        P256.RequirePoint(entry.AgreementKey.Span);
        Layout.Require(entry.KeyEpoch >= 1);
        Layout.Require(enrolment == Enrolment.Approved || (entry.Approver == Guid.Empty && !entry.Approval.Span.ContainsAnyExcept((byte)0)));
        return entry;
    }

    /// <summary>Writes the entry with its MAC.</summary>
    /// <param name="keys">The vault's keys.</param>
    /// <returns>302 bytes.</returns>
    public byte[] ToBytes(VaultKeys keys)
    {
        ArgumentNullException.ThrowIfNull(keys);
        var bytes = new byte[Size];
        WriteMaced(bytes);
        HMACSHA256.HashData(keys.Of(KeyEpoch).DirectoryKey, bytes.AsSpan(0, MacedSize), bytes.AsSpan(MacedSize));
        return bytes;
    }

    /// <summary>The bytes that an approver signs.</summary>
    /// <returns>206 bytes.</returns>
    public byte[] ToApprove()
    {
        var bytes = new byte[Size];
        WriteMaced(bytes);
        return bytes[..ApprovedSize];
    }

    internal void RequireApproval(ReadOnlySpan<byte> approverSigningKey)
    {
        using var key = P256.VerificationKey(approverSigningKey);
        if (!P256.Verify(key, ToApprove(), Approval.Span))
        {
            throw new Kpm1Exception(Kpm1Error.ApprovalInvalid);
        }
    }

    internal void RequireMac(VaultKeys keys)
    {
        if (!CryptographicOperations.FixedTimeEquals(ToBytes(keys).AsSpan(MacedSize), Mac.Span))
        {
            throw new Kpm1Exception(Kpm1Error.DirectoryMacInvalid);
        }
    }

    private void WriteMaced(byte[] bytes)
    {
        var writer = new SpanWriter(bytes);
        writer.Prefix(Structure.DirectoryEntry);
        writer.U8((byte)Enrolment);
        writer.U8(0);
        writer.Id(Account);
        writer.Id(Vault);
        writer.Id(Device);
        writer.U32(KeyEpoch);
        writer.Bytes(SigningKey.Span);
        writer.Bytes(AgreementKey.Span);
        writer.Id(Approver);
        writer.Bytes(Approval.Span);
    }
}
