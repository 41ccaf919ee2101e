using System.Buffers.Binary;
using System.Security.Cryptography;
using Google.Protobuf;
using Kpm.V1;

namespace Kpm.Server.Tests.Vaults;

/// <summary>A checkpoint as docs/crypto.md lays it out, made from a log in the plainest way; each field can be bent before it is signed.</summary>
internal sealed class TestCheckpoint
{
    public Guid AccountId { get; set; }
    public Guid VaultId { get; set; }
    public ulong Generation { get; set; } = 1;
    public Guid DeviceId { get; set; }
    public ulong Seq { get; set; }
    public byte[] ChainHash { get; set; } = [];
    public uint KeyEpoch { get; set; }
    public ulong Leaves { get; set; }
    public byte[] Root { get; set; } = [];
    public Action<byte[]>? BendBytes { get; set; }

    /// <summary>What a device publishes about the log at a seq.</summary>
    public static PublishCheckpointRequest Of(VaultDevice author, IReadOnlyList<Change> log, ulong seq, Action<TestCheckpoint>? bend = null)
    {
        var draft = Of(author.Session.AccountId, author.Session.DeviceId, log, seq);
        bend?.Invoke(draft);
        var bytes = draft.Bytes();
        return new PublishCheckpointRequest { Checkpoint = ByteString.CopyFrom(bytes), Signature = ByteString.CopyFrom(author.Session.Sign(bytes)) };
    }

    public static TestCheckpoint Of(Guid accountId, Guid deviceId, IReadOnlyList<Change> log, ulong seq)
    {
        var newest = Newest(log, seq);
        return new TestCheckpoint
        {
            AccountId = accountId,
            VaultId = accountId,
            DeviceId = deviceId,
            Seq = seq,
            ChainHash = VaultSteps.ChainHash(log, seq).ToByteArray(),
            KeyEpoch = log.Where(c => c.Seq <= seq).Select(c => BinaryPrimitives.ReadUInt32BigEndian(c.Header.Span[120..])).LastOrDefault(1u),
            Leaves = (ulong)newest.Count,
            Root = RootOf(newest),
        };
    }

    /// <summary>The newest revision of each subject at or below a seq.</summary>
    public static List<Change> Newest(IEnumerable<Change> log, ulong seq) => [.. log.Where(c => c.Seq <= seq).GroupBy(c => c.SubjectId, StringComparer.Ordinal).Select(g => g.MaxBy(c => c.Rev)!)];

    public static byte[] RootOf(IEnumerable<Change> newest)
    {
        // Ids as the contract writes them sort as their bytes do.
        var level = newest.OrderBy(c => c.SubjectId, StringComparer.Ordinal)
            .Select(c => SHA256.HashData([0, .. Guid.Parse(c.SubjectId).ToBytes(), .. Bytes(c.Rev), .. Bytes(c.Seq), .. SHA256.HashData(c.Header.Span)]))
            .ToList();
        while (level.Count > 1)
        {
            level = [.. level.Chunk(2).Select(pair => pair.Length == 1 ? pair[0] : SHA256.HashData([1, .. pair[0], .. pair[1]]))];
        }

        return level.Count == 0 ? new byte[32] : level[0];
    }

    public byte[] Bytes()
    {
        byte[] bytes =
        [
            .. "KPM1"u8, 6, 1, 0, 0,
            .. AccountId.ToBytes(), .. VaultId.ToBytes(), .. Bytes(Generation), .. DeviceId.ToBytes(), .. Bytes(Seq),
            .. ChainHash, .. Bytes(KeyEpoch)[4..], 0, 0, 0, 0, .. Bytes(Leaves), .. Root,
        ];
        BendBytes?.Invoke(bytes);
        return bytes;
    }

    private static byte[] Bytes(ulong value)
    {
        var bytes = new byte[8];
        BinaryPrimitives.WriteUInt64BigEndian(bytes, value);
        return bytes;
    }
}
