using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Kpm.V1;

namespace Kpm.Server.Tests.Faults;

/// <summary>
/// A device as the server sees one: an id, a key, a session, and operations whose headers are right.
/// Its envelopes are noise; the server can't tell.
/// </summary>
internal sealed class TestDevice
{
    public const string Password = "Correct-Horse-7-Battery";

    private readonly ECDsa _key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private long _lastOpSeq;

    public TestDevice(string email) => Email = email;

    public string Email { get; }

    public string Id { get; init; } = NewId();

    public Session Session { get; set; } = new();

    public string AccountId { get; set; } = "";

    public string Token => Session.AccessToken;

    public Metadata Headers => Bearer(Token);

    public static string NewId() => Guid.CreateVersion7().ToString("D");

    public static string NewEmail(string name = "person") => $"{name}.{Guid.NewGuid():N}@example.com";

    public static Metadata Bearer(string token) => new() { { "authorization", "Bearer " + token } };

    public long NextOpSeq() => Interlocked.Increment(ref _lastOpSeq);

    public DeviceInfo Info() => new()
    {
        DeviceId = Id,
        Name = "Test device",
        Platform = Platform.Linux,
        ApplicationId = Contract.ApplicationId,
        ApplicationVersion = "1.0.0",
        SigningKey = ByteString.CopyFrom(PublicKey()),
    };

    public CreateAccountRequest Registration() => new()
    {
        Email = Email,
        Password = Password,
        PasswordConfirmation = Password,
        Region = "DE",
        Language = "de",
        ConsentVersion = Contract.ConsentVersion,
        Device = Info(),
    };

    public SignInRequest Credentials() => new() { Email = Email, Password = Password, Device = Info() };

    public DeviceProof Proof(string method, string token, DateTimeOffset? at = null)
    {
        var time = DateTimeOffset.FromUnixTimeMilliseconds((at ?? DateTimeOffset.UtcNow).ToUnixTimeMilliseconds());
        var nonce = RandomNumberGenerator.GetBytes(16);
        var name = Encoding.ASCII.GetBytes(method);
        using var signed = new MemoryStream();
        signed.Write("KPM1-PROOF"u8);
        Span<byte> number = stackalloc byte[8];
        BinaryPrimitives.WriteUInt16BigEndian(number, (ushort)name.Length);
        signed.Write(number[..2]);
        signed.Write(name);
        signed.Write(SHA256.HashData(Encoding.UTF8.GetBytes(token)));
        BinaryPrimitives.WriteInt64BigEndian(number, time.ToUnixTimeMilliseconds());
        signed.Write(number);
        signed.Write(nonce);
        return new DeviceProof
        {
            Time = Timestamp.FromDateTimeOffset(time),
            Nonce = ByteString.CopyFrom(nonce),
            Signature = ByteString.CopyFrom(_key.SignData(signed.ToArray(), HashAlgorithmName.SHA256, DSASignatureFormat.IeeeP1363FixedFieldConcatenation)),
        };
    }

    public Hello Hello(ulong generation = 0, ulong cursor = 0, byte[]? chainHash = null) => new()
    {
        Versions = { 1 },
        Generation = generation,
        Cursor = cursor,
        ChainHash = ByteString.CopyFrom(chainHash ?? []),
        Proof = Proof(Contract.SyncMethod, Token),
    };

    public Operation Put(string item, ulong baseRev, byte[]? envelope = null, long? opSeq = null) =>
        Operation(OperationKind.Put, item, baseRev, envelope ?? RandomNumberGenerator.GetBytes(322), opSeq);

    public Operation Delete(string item, ulong baseRev) => Operation(OperationKind.Delete, item, baseRev, [], null);

    public Operation DeviceKey() => Operation(OperationKind.DeviceKey, Id, 0, RandomNumberGenerator.GetBytes(300), null);

    public Operation Keyset(ulong baseRev) => Operation(OperationKind.Keyset, AccountId, baseRev, RandomNumberGenerator.GetBytes(400), null);

    /// <summary>docs/crypto.md, structure 1.</summary>
    public Operation Operation(OperationKind kind, string subject, ulong baseRev, byte[] envelope, long? opSeq)
    {
        var number = (ulong)(opSeq ?? NextOpSeq());
        var id = NewId();
        var header = new byte[234];
        "KPM1"u8.CopyTo(header);
        header[4] = 1;
        header[5] = 1;
        header[6] = (byte)kind;
        WriteId(header, 8, AccountId);
        WriteId(header, 24, AccountId);
        BinaryPrimitives.WriteUInt64BigEndian(header.AsSpan(40), 1);
        WriteId(header, 48, Id);
        BinaryPrimitives.WriteUInt64BigEndian(header.AsSpan(64), number);
        WriteId(header, 72, id);
        WriteId(header, 88, subject);
        BinaryPrimitives.WriteUInt64BigEndian(header.AsSpan(104), baseRev);
        BinaryPrimitives.WriteUInt64BigEndian(header.AsSpan(112), baseRev + 1);
        BinaryPrimitives.WriteUInt32BigEndian(header.AsSpan(120), 1);
        BinaryPrimitives.WriteUInt32BigEndian(header.AsSpan(124), kind is OperationKind.Put ? 1u : 0u);
        SHA256.HashData(envelope, header.AsSpan(128));
        if (kind is OperationKind.Put)
        {
            RandomNumberGenerator.Fill(header.AsSpan(160, 32));
        }

        return new Operation
        {
            OpSeq = number,
            OpId = id,
            SubjectId = subject,
            BaseRev = baseRev,
            Kind = kind,
            Header = ByteString.CopyFrom(header),
            Signature = ByteString.CopyFrom(_key.SignData(header, HashAlgorithmName.SHA256, DSASignatureFormat.IeeeP1363FixedFieldConcatenation)),
            Envelope = ByteString.CopyFrom(envelope),
        };
    }

    /// <summary>Creates the account; it is pending.</summary>
    public async Task RegisterAsync(CallInvoker server, CancellationToken cancellationToken)
    {
        var response = await new AccountService.AccountServiceClient(server).CreateAccountAsync(Registration(), cancellationToken: cancellationToken);
        Session = response.Created.Session;
        AccountId = response.Created.Account.AccountId;
    }

    public async Task SignInAsync(CallInvoker server, CancellationToken cancellationToken)
    {
        var response = await new AccountService.AccountServiceClient(server).SignInAsync(Credentials(), cancellationToken: cancellationToken);
        Session = response.SignedIn.Session;
        AccountId = response.SignedIn.Account.AccountId;
    }

    /// <summary>Puts the device into the directory, so that it may write.</summary>
    public async Task EnrolAsync(CallInvoker server, CancellationToken cancellationToken)
    {
        var response = await new VaultService.VaultServiceClient(server).PublishDeviceKeyAsync(
            new PublishDeviceKeyRequest { Operation = DeviceKey() }, Headers, cancellationToken: cancellationToken);
        Assert.Equal(Kpm.V1.OperationResult.ResultOneofCase.Applied, response.Result.ResultCase);
    }

    private static void WriteId(byte[] header, int offset, string id) => Guid.Parse(id).TryWriteBytes(header.AsSpan(offset), bigEndian: true, out _);

    private byte[] PublicKey()
    {
        var point = _key.ExportParameters(includePrivateParameters: false).Q;
        return [4, .. point.X!, .. point.Y!];
    }
}
