using System.Security.Cryptography;
using Grpc.Core;
using Kpm.V1;

namespace Kpm.Bench.Product;

/// <summary>A signed-in, enrolled device.</summary>
internal sealed class BenchDevice : IDisposable
{
    private ulong _opSeq;

    public Guid DeviceId { get; } = Guid.CreateVersion7();

    public ECDsa Key { get; } = ECDsa.Create(ECCurve.NamedCurves.nistP256);

    public Guid AccountId { get; set; }

    public string AccessToken { get; set; } = "";

    /// <summary>The account's address.</summary>
    public string Email { get; set; } = "";

    /// <summary>Where the device's log of its account stands; a stream goes on from here.</summary>
    public ulong Cursor { get; set; }

    public Metadata Headers() => new() { { "authorization", "Bearer " + AccessToken } };

    public DeviceInfo Info() => new()
    {
        DeviceId = DeviceId.ToString("D"),
        Name = "bench",
        Platform = Platform.Service,
        ApplicationId = ApplicationId,
        ApplicationVersion = "1",
        SigningKey = Kpm1.PublicKey(Key),
    };

    public string ApplicationId { get; set; } = "";

    /// <summary>The next operation: creates an item.</summary>
    public Operation CreateItem() => Kpm1.Operation(Key, AccountId, DeviceId, ++_opSeq, OperationKind.Put, Guid.CreateVersion7(), 0);

    /// <summary>The next operation: writes the item anew.</summary>
    public Operation UpdateItem(Guid item, ulong baseRev) => Kpm1.Operation(Key, AccountId, DeviceId, ++_opSeq, OperationKind.Put, item, baseRev);

    /// <summary>The operation that enrols the device.</summary>
    public Operation Enrol() => Kpm1.Operation(Key, AccountId, DeviceId, ++_opSeq, OperationKind.DeviceKey, DeviceId, 0);

    public DeviceProof Proof(string method) => Kpm1.Proof(Key, method, AccessToken);

    public void Dispose() => Key.Dispose();
}
