using System.Collections.Concurrent;
using System.Security.Cryptography;
using Google.Protobuf;
using Kpm.Client.Kpm1;
using Kpm.Client.Schema;
using Kpm.Client.Tests.Vectors;
using Kpm.V1;

namespace Kpm.Client.Tests;

/// <summary>A device that signs, with keys that depend on its name alone.</summary>
internal sealed class TestDevice(string name) : IDisposable
{
    public string Name { get; } = name;

    public Guid Id { get; } = VectorInputs.Id(name);

    public ECDsa Signing { get; } = VectorInputs.SigningKey(name);

    public ECDiffieHellman Agreement { get; } = VectorInputs.AgreementKey(name);

    public ulong LastOpSeq { get; set; }

    public void Dispose()
    {
        Signing.Dispose();
        Agreement.Dispose();
    }
}

/// <summary>An honest log, entry by entry, and the means to make entries that are not.</summary>
internal sealed class TestLog : IDisposable
{
    // PBKDF2 takes its time, and the result depends on the label alone.
    private static readonly ConcurrentDictionary<string, byte[]> FirstKeysets = new(StringComparer.Ordinal);

    private readonly StickySigner _signer;
    private readonly List<byte[]> _hashes = [LogChain.Start()];
    private int _operations;

    public TestLog(StickySigner? signer = null, string label = "log")
    {
        _signer = signer ?? new StickySigner(null);
        Label = label;
        Keys = VaultKeys.Create(VectorInputs.Bytes(label + " account key", 32), VectorInputs.Bytes(label + " vault key", 32));
    }

    public string Label { get; }

    public Guid Account { get; } = VectorInputs.Id("account");

    public VaultKeys Keys { get; private set; }

    public List<Change> Entries { get; } = [];

    public ulong Head => (ulong)Entries.Count;

    public byte[] ChainHash => _hashes[^1];

    public byte[] ChainHashAt(ulong seq) => _hashes[(int)seq];

    public void Dispose() => Keys.Dispose();

    public DirectoryEntry Entry(TestDevice device, Enrolment enrolment) => new()
    {
        Enrolment = enrolment,
        Account = Account,
        Vault = Account,
        Device = device.Id,
        KeyEpoch = Keys.Epoch,
        SigningKey = P256.PublicKey(device.Signing),
        AgreementKey = P256.PublicKey(device.Agreement),
    };

    public DirectoryEntry Approved(TestDevice device, TestDevice by)
    {
        var entry = Entry(device, Enrolment.Approved) with { Approver = by.Id };
        return entry with { Approval = _signer.Sign(by.Signing, entry.ToApprove()) };
    }

    public byte[] FirstKeyset() => FirstKeysets.GetOrAdd(Label, _ => MakeFirstKeyset());

    private byte[] MakeFirstKeyset()
    {
        var password = KeysetEnvelope.WrapPassword(Account, Account, Keys, "correct horse battery staple", MainPassword.MinIterations, VectorInputs.Bytes(Label + " salt", 32), VectorInputs.Bytes(Label + " nonce", 12));
        return KeysetEnvelope.Of(Account, Account, 1, 1, password, null, [], [KeysetEnvelope.WrapEpoch(Account, Account, Keys, 1, VectorInputs.Bytes(Label + " epoch nonce", 12))]).ToBytes(Keys.Account);
    }

    /// <summary>The header of the device's next operation, as an honest device would make it.</summary>
    public OperationHeader Header(TestDevice device, OperationKind kind, Guid subject, ulong baseRev) => new()
    {
        Kind = kind,
        Account = Account,
        Vault = Account,
        Generation = 1,
        Device = device.Id,
        OpSeq = device.LastOpSeq + 1,
        OpId = VectorInputs.Id($"{Label} operation {++_operations}"),
        Subject = subject,
        BaseRev = baseRev,
        KeyEpoch = Keys.Epoch,
        Schema = kind == OperationKind.Put ? 1u : 0u,
        EnvelopeHash = SHA256.HashData([]),
        Commitment = new byte[32],
        ObservedSeq = Head,
        ObservedHash = ChainHash,
    };

    /// <summary>Seals an item into a header and its envelope.</summary>
    public (OperationHeader Header, byte[] Envelope) Seal(OperationHeader header, Item item)
    {
        var made = ItemEnvelope.Seal(item.ToByteArray(), ItemEnvelope.Aad(header), Keys.Of(header.KeyEpoch).VaultKey, VectorInputs.Bytes($"salt {header.OpId}", 32), VectorInputs.Bytes($"nonce {header.OpId}", 12));
        return (header with { EnvelopeHash = SHA256.HashData(made.Bytes), Commitment = made.Commitment }, made.Bytes);
    }

    public Change Enrol(TestDevice device, DirectoryEntry entry)
    {
        var envelope = entry.ToBytes(Keys);
        return Append(device, Header(device, OperationKind.DeviceKey, device.Id, 0) with { EnvelopeHash = SHA256.HashData(envelope) }, envelope);
    }

    public Change PutKeyset(TestDevice device, byte[] keyset, ulong baseRev = 0) =>
        Append(device, Header(device, OperationKind.Keyset, Account, baseRev) with { EnvelopeHash = SHA256.HashData(keyset) }, keyset);

    public Change Put(TestDevice device, Guid item, ulong baseRev, Item plaintext)
    {
        var (header, envelope) = Seal(Header(device, OperationKind.Put, item, baseRev), plaintext);
        return Append(device, header, envelope);
    }

    public Change Delete(TestDevice device, Guid item, ulong baseRev) => Append(device, Header(device, OperationKind.Delete, item, baseRev), []);

    public DeviceRevocation Revocation(TestDevice device) => new() { Account = Account, Vault = Account, Device = device.Id };

    public Change Revoke(TestDevice by, TestDevice revoked)
    {
        var envelope = Revocation(revoked).ToBytes(Keys, Keys.Epoch);
        var change = Append(by, Header(by, OperationKind.DeviceRevocation, VectorInputs.Id($"{Label} revocation of {revoked.Name}"), 0) with { EnvelopeHash = SHA256.HashData(envelope) }, envelope);
        change.MoreInBatch = true;
        return change;
    }

    /// <summary>The keyset of the next epoch, on revision 1, with a wrap for each of the devices.</summary>
    public (VaultKeys Keys, byte[] Keyset) NextKeyset(params TestDevice[] devices)
    {
        var next = Keys.Next(VectorInputs.Bytes(Label + " account key 2", 32), VectorInputs.Bytes(Label + " vault key 2", 32));
        var password = FirstKeysets.GetOrAdd(Label + " of epoch 2", _ => KeysetEnvelope.WrapPassword(Account, Account, next, "correct horse battery staple", MainPassword.MinIterations, VectorInputs.Bytes(Label + " salt 2", 32), VectorInputs.Bytes(Label + " nonce 2", 12)).Wrapped);
        var wraps = devices.OrderBy(device => device.Id, new HeaderVectors.BigEndianOrder()).Select(device =>
        {
            using var ephemeral = VectorInputs.AgreementKey($"{Label} ephemeral of {device.Name}");
            return EcdhWrap.Seal(next.Account.Key, P256.PublicKey(device.Agreement), new WrapContext(WrapKind.Device, Account, Account, 2) { Device = device.Id }, ephemeral, VectorInputs.Bytes($"{Label} wrap of {device.Name}", 12));
        });
        var epochs = new[] { 1u, 2u }.Select(epoch => KeysetEnvelope.WrapEpoch(Account, Account, next, epoch, VectorInputs.Bytes($"{Label} epoch nonce of {epoch}", 12)));
        var wrap = new PasswordWrap(MainPassword.MinIterations, VectorInputs.Bytes(Label + " salt 2", 32), VectorInputs.Bytes(Label + " nonce 2", 12), password);
        return (next, KeysetEnvelope.Of(Account, Account, 2, 2, wrap, null, [.. wraps], [.. epochs]).ToBytes(next.Account));
    }

    /// <summary>Begins the next epoch.</summary>
    public Change Rekey(TestDevice by, params TestDevice[] devices)
    {
        var (next, keyset) = NextKeyset(devices);
        var header = Header(by, OperationKind.Keyset, Account, 1) with { KeyEpoch = 2, EnvelopeHash = SHA256.HashData(keyset) };
        Keys = next;
        return Append(by, header, keyset);
    }

    /// <summary>The checkpoint of the log's head, and the rows that it is over, in the order of seq.</summary>
    public (Checkpoint Checkpoint, List<Change> Rows) Snapshot(TestDevice by)
    {
        var rows = Entries.GroupBy(change => change.SubjectId, StringComparer.Ordinal).Select(revisions => revisions.Last()).OrderBy(change => change.Seq).ToList();
        var tree = new SnapshotTree();
        foreach (var row in rows.OrderBy(row => Guid.Parse(row.SubjectId), new HeaderVectors.BigEndianOrder()))
        {
            tree.Add(Guid.Parse(row.SubjectId), row.Rev, row.Seq, SHA256.HashData(row.Header.Span));
        }

        var checkpoint = new Checkpoint
        {
            Account = Account,
            Vault = Account,
            Generation = 1,
            Device = by.Id,
            Seq = Head,
            ChainHash = ChainHash,
            KeyEpoch = Keys.Epoch,
            Leaves = (ulong)rows.Count,
            Root = tree.Root(),
        };
        return (checkpoint, rows);
    }

    /// <summary>The device's signature; the same for the same bytes.</summary>
    public byte[] Sign(TestDevice by, byte[] data) => _signer.Sign(by.Signing, data);

    /// <summary>Signs without adding: for entries that must be refused.</summary>
    public Change Make(TestDevice signer, OperationHeader header, byte[] envelope, ulong? seq = null)
    {
        var bytes = header.ToBytes();
        return new Change
        {
            Seq = seq ?? Head + 1,
            Kind = header.Kind,
            SubjectId = header.Subject.ToString("D"),
            Rev = header.Rev,
            Header = ByteString.CopyFrom(bytes),
            Signature = ByteString.CopyFrom(_signer.Sign(signer.Signing, bytes)),
            Envelope = ByteString.CopyFrom(envelope),
        };
    }

    /// <summary>Continues the log with an entry that another device made.</summary>
    public void Adopt(Change change)
    {
        Entries.Add(change);
        _hashes.Add(LogChain.Next(ChainHash, change.Seq, change.Header.Span));
    }

    public Change Append(TestDevice device, OperationHeader header, byte[] envelope)
    {
        var change = Make(device, header, envelope);
        device.LastOpSeq = header.OpSeq;
        Entries.Add(change);
        _hashes.Add(LogChain.Next(ChainHash, change.Seq, change.Header.Span));
        return change;
    }
}

/// <summary>A client's copy of a log, in memory.</summary>
internal sealed class MemoryLogView(Guid account) : ILogView
{
    private readonly List<byte[]> _hashes = [LogChain.Start()];
    private readonly Dictionary<Guid, KnownSubject> _subjects = [];
    private readonly Dictionary<Guid, KnownDevice> _devices = [];

    public Guid Account { get; } = account;

    public ulong Seq => (ulong)_hashes.Count - 1;

    public ReadOnlyMemory<byte> ChainHash => _hashes[^1];

    public ulong LastGeneration { get; private set; }

    public ulong Generation { get; init; } = 1;

    public uint KeyEpoch { get; private set; } = 1;

    public uint LeastIterations { get; set; }

    /// <summary>This device and the header hashes of what it made; null when it made nothing that could be in the log.</summary>
    public (Guid Device, HashSet<string> Operations)? Own { get; init; }

    public ulong SnapshotSeq => 0;

    public ReadOnlyMemory<byte>? ChainHashAt(ulong seq) => _hashes[(int)seq];

    public KnownSubject? Subject(Guid subject) => _subjects.GetValueOrDefault(subject);

    public KnownDevice? Device(Guid device) => _devices.GetValueOrDefault(device);

    public bool KnowsOperation(OperationHeader header, ReadOnlySpan<byte> headerHash) =>
        Own is not { } own || header.Device != own.Device || own.Operations.Contains(Convert.ToHexString(headerHash));

    public void Add(VerifiedChange verified)
    {
        var header = verified.Header;
        var signingKey = verified.Device?.SigningKey ?? _devices[header.Device].SigningKey;
        _hashes.Add(verified.ChainHash);
        _subjects[header.Subject] = new KnownSubject(header.Kind, header.Rev);
        _devices[header.Device] = new KnownDevice(signingKey, header.OpSeq, header.ObservedSeq, header.Generation);
        if (verified.Revocation is { } revocation)
        {
            _devices[revocation.Device] = _devices[revocation.Device] with { Revoked = true };
        }

        LastGeneration = header.Generation;
        KeyEpoch = header.KeyEpoch;
        LeastIterations = Math.Max(LeastIterations, verified.Keyset?.Iterations ?? 0);
    }
}
