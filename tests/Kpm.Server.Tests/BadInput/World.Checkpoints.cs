using System.Buffers.Binary;
using System.Security.Cryptography;
using Google.Protobuf;
using Kpm.V1;

namespace Kpm.Server.Tests.BadInput;

public sealed partial class World
{
    private Dictionary<string, Func<CancellationToken, Task<BaseCall>>> CheckpointMakers => new(StringComparer.Ordinal)
    {
        ["kpm.v1.VaultService.PublishCheckpoint"] = async c =>
        {
            var device = await NewActiveAsync(c);
            var entry = device.DeviceKey();
            await new VaultService.VaultServiceClient(Connection).PublishDeviceKeyAsync(new PublishDeviceKeyRequest { Operation = entry }, device.Headers, cancellationToken: c);
            return By(device, new PublishCheckpointRequest { Checkpoint = ByteString.CopyFrom(CheckpointOf(entry)), Signature = entry.Signature });
        },
    };

    /// <summary>docs/crypto.md, structure 6, of a log with one entry: the root is its leaf.</summary>
    private static byte[] CheckpointOf(Operation entry)
    {
        var bytes = new byte[152];
        var header = entry.Header.Span;
        var headerHash = SHA256.HashData(header);
        "KPM1"u8.CopyTo(bytes);
        (bytes[4], bytes[5]) = (6, 1);
        // Account, vault, generation, author.
        header.Slice(8, 56).CopyTo(bytes.AsSpan(8));
        BinaryPrimitives.WriteUInt64BigEndian(bytes.AsSpan(64), 1);
        var one = bytes.AsSpan(64, 8);
        SHA256.HashData([.. new byte[32], .. one, .. headerHash], bytes.AsSpan(72));
        BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(104), 1);
        one.CopyTo(bytes.AsSpan(112));
        // The subject is the device; revision 1, seq 1.
        SHA256.HashData([0, .. header.Slice(48, 16), .. one, .. one, .. headerHash], bytes.AsSpan(120));
        return bytes;
    }
}
