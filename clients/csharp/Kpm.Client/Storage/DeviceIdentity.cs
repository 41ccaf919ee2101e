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

    /// <summary>The ECDH key, made and sealed under AK's local key at the first call.</summary>
    public byte[] EnsureAgreementKey(LocalStore store, Guid account, VaultKeys keys)
    {
        if (AgreementPublic is not null)
        {
            return AgreementPublic;
        }

        using var key = P256.NewAgreementKey();
        var secret = key.ExportPkcs8PrivateKey();
        try
        {
            var nonce = Primitives.Random(Layout.NonceSize);
            byte[] aad = [.. "KPM1 local"u8, .. account.ToBytes(), .. Id.ToBytes()];
            AgreementPublic = P256.PublicKey(key);
            store.SetAgreementKey(AgreementPublic, [.. nonce, .. Primitives.Seal(keys.Account.LocalKey, nonce, secret, aad)]);
            return AgreementPublic;
        }
        finally
        {
            CryptographicOperations.ZeroMemory(secret);
        }
    }
}

/// <summary>Makes this device's operations inside the caller's transaction: number, header, envelope, signature.</summary>
internal sealed class OperationMaker(DeviceIdentity device, VaultKeys keys, TimeProvider time)
{
    public SignedOperation Put(SqliteConnection connection, Guid item, Schema.Item plaintext, ulong baseRev, LogRevision? basedOn)
    {
        var header = NewHeader(connection, OperationKind.Put, item, baseRev) with { Schema = OperationHeader.ItemSchema };
        var made = ItemEnvelope.Seal(plaintext, header, keys);
        return Sign(header with { Commitment = made.Commitment }, made.Bytes, basedOn);
    }

    public SignedOperation Delete(SqliteConnection connection, Guid item, ulong baseRev, LogRevision? basedOn) =>
        Sign(NewHeader(connection, OperationKind.Delete, item, baseRev), [], basedOn);

    public SignedOperation Keyset(SqliteConnection connection, Guid vault, ulong baseRev, byte[] keyset) =>
        Sign(NewHeader(connection, OperationKind.Keyset, vault, baseRev), keyset, null);

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
            KeyEpoch = keys.Epoch,
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
