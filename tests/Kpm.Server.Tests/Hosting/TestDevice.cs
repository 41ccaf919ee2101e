using System.Security.Cryptography;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Kpm.Server.Accounts.Sessions;
using Kpm.Server.Secrets;
using Kpm.V1;

namespace Kpm.Server.Tests.Hosting;

/// <summary>A device with its key, and its session once it is connected.</summary>
internal sealed class TestDevice : IDisposable
{
    public const string RefreshMethod = "/kpm.v1.AccountService/RefreshSession";
    public const string SyncMethod = "/kpm.v1.VaultService/Sync";

    private readonly TimeProvider _time;

    public TestDevice(TimeProvider time, Guid? deviceId = null)
    {
        _time = time;
        DeviceId = deviceId ?? Guid.CreateVersion7();
    }

    public Guid DeviceId { get; }

    public ECDsa Key { get; } = ECDsa.Create(ECCurve.NamedCurves.nistP256);

    public Account? Account { get; set; }

    public Session? Session { get; set; }

    public Guid AccountId => Guid.Parse(Account!.AccountId);

    /// <summary>The public key as the contract carries it.</summary>
    public byte[] PublicKey => PublicKeyOf(Key);

    /// <summary>Call options with the session's access token.</summary>
    public CallOptions Call => new(headers: Headers);

    public Metadata Headers => new() { { "authorization", "Bearer " + Session!.AccessToken } };

    public DeviceInfo Info => new()
    {
        DeviceId = DeviceId.ToString("D"),
        Name = "Test device",
        Platform = Platform.Linux,
        ApplicationId = "kpm-cli",
        ApplicationVersion = "1.0",
        SigningKey = ByteString.CopyFrom(PublicKey),
    };

    /// <summary>The key that this device's apps share, where it takes part in that.</summary>
    public ECDsa? SharedKey { get; init; }

    /// <summary>Info with the shared key and its proof for the rpc.</summary>
    public DeviceInfo SharedInfo(string method)
    {
        var info = Info;
        info.SharedKey = ByteString.CopyFrom(PublicKeyOf(SharedKey!));
        info.SharedKeyProof = Prove(SharedKey!, method, info.DeviceId);
        return info;
    }

    public DeviceProof Prove(string method, string token, DateTimeOffset? at = null) => Prove(Key, method, token, at);

    public DeviceProof Prove(ECDsa key, string method, string token, DateTimeOffset? at = null)
    {
        var time = DateTimeOffset.FromUnixTimeMilliseconds((at ?? _time.GetUtcNow()).ToUnixTimeMilliseconds());
        var nonce = RandomNumberGenerator.GetBytes(16);
        var signed = DeviceProofs.SignedBytes(method, SecretToken.Hash(token), time, nonce);
        return new DeviceProof
        {
            Time = Timestamp.FromDateTimeOffset(time),
            Nonce = ByteString.CopyFrom(nonce),
            Signature = ByteString.CopyFrom(key.SignData(signed, HashAlgorithmName.SHA256, DSASignatureFormat.IeeeP1363FixedFieldConcatenation)),
        };
    }

    /// <summary>ECDSA P-256 with SHA-256, r || s.</summary>
    public byte[] Sign(byte[] data) => Key.SignData(data, HashAlgorithmName.SHA256, DSASignatureFormat.IeeeP1363FixedFieldConcatenation);

    public static byte[] PublicKeyOf(ECDsa key)
    {
        var q = key.ExportParameters(includePrivateParameters: false).Q;
        return [4, .. q.X!, .. q.Y!];
    }

    public void Dispose() => Key.Dispose();
}
