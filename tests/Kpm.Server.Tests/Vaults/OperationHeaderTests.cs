using System.Security.Cryptography;
using Google.Protobuf;
using Kpm.Server.Vaults;
using Kpm.V1;

namespace Kpm.Server.Tests.Vaults;

/// <summary>The header says the same as the message around it, or the operation is refused.</summary>
public sealed class OperationHeaderTests
{
    private readonly TestAuthor _author = new(Guid.CreateVersion7(), Guid.CreateVersion7());

    private static readonly Dictionary<string, Action<TestAuthor.Draft>> Bends = new(StringComparer.Ordinal)
    {
        ["another kind"] = d => d.Kind = OperationKind.Delete,
        ["an unknown kind"] = d => d.Kind = (OperationKind)6,
        ["no kind"] = d => d.Kind = OperationKind.Unspecified,
        ["another account"] = d => d.AccountId = Guid.CreateVersion7(),
        ["another vault"] = d => d.VaultId = Guid.CreateVersion7(),
        ["generation zero"] = d => d.Generation = 0,
        ["a generation beyond 2^63"] = d => d.Generation = 1UL << 63,
        ["another device"] = d => d.DeviceId = Guid.CreateVersion7(),
        ["another op_seq"] = d => d.OpSeq++,
        ["op_seq zero"] = d => d.OpSeq = 0,
        ["another op_id"] = d => d.BendHeader = h => h[72] ^= 1,
        ["another subject"] = d => d.SubjectId = Guid.CreateVersion7(),
        ["another base_rev"] = d => (d.BaseRev, d.Rev) = (8, 9),
        ["a rev that does not follow"] = d => d.Rev++,
        ["key epoch zero"] = d => d.KeyEpoch = 0,
        ["schema zero on an item"] = d => d.Schema = 0,
        ["another envelope's hash"] = d => d.EnvelopeHash = SHA256.HashData([1]),
        ["an observed hash without an observed seq"] = d => d.ObservedHash = SHA256.HashData([1]),
        ["an observed seq beyond 2^63"] = d => d.ObservedSeq = 1UL << 63,
        ["another magic"] = d => d.BendHeader = h => h[0] = (byte)'k',
        ["another structure"] = d => d.BendHeader = h => h[4] = 2,
        ["another suite"] = d => d.BendHeader = h => h[5] = 2,
        ["flags"] = d => d.BendHeader = h => h[7] = 1,
        ["an attachment that is not there"] = d => d.BendHeader = h => h[233] = 1,
        ["attachments out of order"] = d => d.Attachments = [Guid.Parse("00000000-0000-0000-0000-000000000002"), Guid.Parse("00000000-0000-0000-0000-000000000001")],
        ["an attachment twice"] = d => d.Attachments = [Guid.Parse("00000000-0000-0000-0000-000000000002"), Guid.Parse("00000000-0000-0000-0000-000000000002")],
        ["too many attachments"] = d => d.Attachments = Ascending(65),
    };

    public static TheoryData<string> BendNames => [.. Bends.Keys];

    [Fact]
    public void What_a_client_makes_holds()
    {
        Assert.True(Holds(_author.Put(Guid.CreateVersion7(), 0)));
        Assert.True(Holds(_author.Put(Guid.CreateVersion7(), 7, bend: d => (d.ObservedSeq, d.ObservedHash) = (5, SHA256.HashData([1])))));
        Assert.True(Holds(_author.Put(Guid.CreateVersion7(), 0, bend: d => d.Schema = 99)));
        Assert.True(Holds(_author.Put(Guid.CreateVersion7(), 0, bend: d => d.Attachments = Ascending(64))));
        Assert.True(Holds(_author.Delete(Guid.CreateVersion7(), 1)));
        Assert.True(Holds(_author.DeviceKey()));
        Assert.True(Holds(_author.Keyset(0)));
        Assert.True(Holds(_author.Keyset(3)));
        Assert.True(Holds(_author.Revocation()));
    }

    [Theory]
    [MemberData(nameof(BendNames))]
    public void A_header_with_something_else_is_refused(string bend) =>
        Assert.False(Holds(_author.Put(Guid.CreateVersion7(), 0, bend: Bends[bend])));

    [Fact]
    public void Each_kind_has_its_own_rules()
    {
        Assert.False(Holds(_author.Delete(Guid.CreateVersion7(), 0)));
        Assert.False(Holds(_author.Delete(Guid.CreateVersion7(), 1, d => d.Schema = 1)));
        Assert.False(Holds(_author.Delete(Guid.CreateVersion7(), 1, d => d.Commitment = SHA256.HashData([1]))));
        Assert.False(Holds(_author.Delete(Guid.CreateVersion7(), 1, d => d.Attachments = Ascending(1))));
        Assert.False(Holds(_author.Keyset(0, d => d.Commitment = SHA256.HashData([1]))));
        Assert.False(Holds(_author.DeviceKey(d => d.Schema = 1)));
        Assert.False(Holds(_author.Revocation(bend: d => d.Schema = 1)));
        Assert.False(Holds(_author.Revocation(bend: d => d.Commitment = SHA256.HashData([1]))));
        Assert.False(Holds(_author.Revocation(bend: d => d.Attachments = Ascending(1))));
        Assert.False(Holds(_author.Revocation(envelope: new byte[87])));
        Assert.False(Holds(_author.Revocation(envelope: new byte[89])));
        var later = _author.Revocation(bend: d => (d.BaseRev, d.Rev) = (1, 2));
        later.BaseRev = 1;
        Assert.False(Holds(later));
    }

    [Fact]
    public void Only_a_deletion_has_no_envelope()
    {
        Assert.False(Holds(_author.Put(Guid.CreateVersion7(), 0, [])));
        var deletion = _author.Delete(Guid.CreateVersion7(), 1);
        deletion.Envelope = ByteString.CopyFrom(1);
        Assert.False(Holds(deletion));
    }

    [Fact]
    public void Every_truncation_is_refused()
    {
        var operation = _author.Put(Guid.CreateVersion7(), 0, bend: d => d.Attachments = Ascending(2));
        var header = operation.Header.ToByteArray();
        for (var length = 0; length < header.Length; length++)
        {
            operation.Header = ByteString.CopyFrom(header, 0, length);
            Assert.False(Holds(operation));
        }

        operation.Header = ByteString.CopyFrom([.. header, 0]);
        Assert.False(Holds(operation));
    }

    private static Guid[] Ascending(int count) => [.. Enumerable.Range(1, count).Select(i => Guid.Parse($"00000000-0000-0000-0000-{i:x12}"))];

    private bool Holds(Operation operation) => VaultOperation.From(operation, _author.AccountId, _author.DeviceId).HeaderHolds;
}
