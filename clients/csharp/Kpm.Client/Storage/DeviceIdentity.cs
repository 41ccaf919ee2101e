using System.Security.Cryptography;
using Kpm.Client.Kpm1;
using Kpm.V1;
using Microsoft.Data.Sqlite;

namespace Kpm.Client.Storage;

/// <summary>This device with its private signing key.</summary>
internal sealed class DeviceIdentity : IDisposable
{
    public DeviceIdentity(DeviceRow row)
    {
        Id = row.Id;
        SigningKey = ECDsa.Create();
        SigningKey.ImportPkcs8PrivateKey(row.SigningKey, out _);
        PublicKey = P256.PublicKey(SigningKey);
        AgreementPublic = row.AgreementPublic;
    }

    public Guid Id { get; }

    public ECDsa SigningKey { get; }

    public byte[] PublicKey { get; }

    /// <summary>The public ECDH key; null until the vault has been opened on this device.</summary>
    public byte[]? AgreementPublic { get; private set; }

    public void Dispose() => SigningKey.Dispose();

    /// <summary>
    /// The public ECDH key for this device's directory entry. The pair is made at the first call, and anew where AK has changed
    /// before the device was entered.
    /// </summary>
    public byte[] EnsureAgreementKey(SqliteConnection connection, Guid account, VaultKeys keys)
    {
        using (var known = AgreementKey(connection, account, keys))
        {
            if (known is not null)
            {
                return AgreementPublic = P256.PublicKey(known);
            }
        }

        using var key = P256.NewAgreementKey();
        SealAgreementKey(connection, account, keys, key);
        return AgreementPublic = P256.PublicKey(key);
    }

    /// <summary>The ECDH key pair; null where there is none, or it was sealed under another AK.</summary>
    public ECDiffieHellman? AgreementKey(SqliteConnection connection, Guid account, VaultKeys keys)
    {
        if (LocalStore.SealedAgreementKey(connection) is not { } bytes)
        {
            return null;
        }

        byte[] secret;
        try
        {
            secret = Primitives.Open(keys.Account.LocalKey, bytes.AsSpan(0, Layout.NonceSize), bytes.AsSpan(Layout.NonceSize), LocalAad(account), Kpm1Error.WrapInvalid);
        }
        catch (Kpm1Exception)
        {
            return null;
        }

        var key = ECDiffieHellman.Create();
        key.ImportPkcs8PrivateKey(secret, out _);
        CryptographicOperations.ZeroMemory(secret);
        return key;
    }

    /// <summary>Stores the ECDH key pair sealed under AK's local key.</summary>
    public void SealAgreementKey(SqliteConnection connection, Guid account, VaultKeys keys, ECDiffieHellman key)
    {
        var secret = key.ExportPkcs8PrivateKey();
        try
        {
            var nonce = Primitives.Random(Layout.NonceSize);
            LocalStore.SetAgreementKey(connection, P256.PublicKey(key), [.. nonce, .. Primitives.Seal(keys.Account.LocalKey, nonce, secret, LocalAad(account))]);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(secret);
        }
    }

    private byte[] LocalAad(Guid account) => [.. "KPM1 local"u8, .. account.ToBytes(), .. Id.ToBytes()];
}

/// <summary>Makes this device's operations inside the caller's transaction: number, header, envelope, signature.</summary>
internal sealed class OperationMaker(DeviceIdentity device, VaultKeys keys, TimeProvider time)
{
    public SignedOperation Put(SqliteConnection connection, Guid item, Schema.Item plaintext, ulong baseRev, LogRevision? basedOn)
    {
        var header = NewHeader(connection, OperationKind.Put, item, baseRev) with { Schema = OperationHeader.ItemSchema, Attachments = Items.ItemFiles.Ids(plaintext) };
        var made = ItemEnvelope.Seal(plaintext, header, keys);
        return Sign(header with { Commitment = made.Commitment }, made.Bytes, basedOn);
    }

    public SignedOperation Delete(SqliteConnection connection, Guid item, ulong baseRev, LogRevision? basedOn) =>
        Sign(NewHeader(connection, OperationKind.Delete, item, baseRev), [], basedOn);

    public SignedOperation Keyset(SqliteConnection connection, Guid vault, ulong baseRev, byte[] keyset) =>
        Sign(NewHeader(connection, OperationKind.Keyset, vault, baseRev) with { KeyEpoch = KeysetEnvelope.Parse(keyset).KeyEpoch }, keyset, null);

    public SignedOperation Revocation(SqliteConnection connection, Guid revoked)
    {
        var header = NewHeader(connection, OperationKind.DeviceRevocation, Guid.CreateVersion7(time.GetUtcNow()), 0);
        var revocation = new DeviceRevocation { Account = header.Account, Vault = header.Vault, Device = revoked };
        return Sign(header, revocation.ToBytes(keys, header.KeyEpoch), null);
    }

    public SignedOperation DeviceKey(SqliteConnection connection, Enrolment enrolment, byte[] agreementPublic)
    {
        var header = NewHeader(connection, OperationKind.DeviceKey, device.Id, 0);
        var entry = new DirectoryEntry
        {
            Enrolment = enrolment,
            Account = header.Account,
            Vault = header.Vault,
            Device = device.Id,
            KeyEpoch = header.KeyEpoch,
            SigningKey = device.PublicKey,
            AgreementKey = agreementPublic,
        };
        return Sign(header, entry.ToBytes(keys), null);
    }

    private OperationHeader NewHeader(SqliteConnection connection, OperationKind kind, Guid subject, ulong baseRev)
    {
        var vault = LocalStore.Vault(connection) ?? throw new InvalidOperationException("An operation needs a vault.");
        return new OperationHeader
        {
            Kind = kind,
            Account = vault.Account,
            Vault = vault.Account,
            Generation = (ulong)vault.Generation,
            Device = device.Id,
            OpSeq = Outbox.NextOpSeq(connection),
            OpId = Guid.CreateVersion7(time.GetUtcNow()),
            Subject = subject,
            BaseRev = baseRev,
            // The log's, which after a restored backup may be one that this device has left behind.
            KeyEpoch = (uint)vault.KeyEpoch,
            Schema = 0,
            EnvelopeHash = new byte[Layout.HashSize],
            Commitment = new byte[Layout.HashSize],
            ObservedSeq = (ulong)vault.Seq,
            ObservedHash = vault.ChainHash,
        };
    }

    private SignedOperation Sign(OperationHeader draft, byte[] envelope, LogRevision? basedOn)
    {
        var header = draft with { EnvelopeHash = SHA256.HashData(envelope) };
        var bytes = header.ToBytes();
        return new SignedOperation(header, bytes, P256.Sign(device.SigningKey, bytes), envelope, basedOn);
    }
}
