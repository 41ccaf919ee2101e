using System.Security.Cryptography;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Kpm.Server.Rpc;
using Kpm.Server.Tests.Hosting;
using Kpm.V1;

namespace Kpm.Server.Tests.Rpc;

public sealed class FieldJudgesTests
{
    [Theory]
    [InlineData("de")]
    [InlineData("DE-at")]
    [InlineData("zh-Hant-TW")]
    [InlineData("es-419")]
    [InlineData("de-CH-1901")]
    [InlineData("sl-rozaj-biske")]
    [InlineData("en-US-u-co-phonebk")]
    [InlineData("en-x-private")]
    public void Well_formed_language_tags(string tag) => Assert.True(LanguageTag.IsWellFormed(tag));

    [Theory]
    [InlineData("")]
    [InlineData("d")]
    [InlineData("german")]
    [InlineData("de_AT")]
    [InlineData("de-")]
    [InlineData("-de")]
    [InlineData("de--AT")]
    [InlineData("de-A")]
    [InlineData("en-u")]
    [InlineData("en-u-x-a")]
    [InlineData("en-x")]
    [InlineData("de-toolongsub")]
    [InlineData("de-ÄT")]
    public void Malformed_language_tags(string tag) => Assert.False(LanguageTag.IsWellFormed(tag));

    [Fact]
    public void Public_keys_are_points_of_the_curve()
    {
        using var device = new TestDevice(TimeProvider.System);
        var key = device.PublicKey;
        Assert.True(P256.IsPublicKey(key));

        var compressed = (byte[])[2, .. key[1..33]];
        var offCurve = (byte[])key.Clone();
        offCurve[64] ^= 1;
        var wrongForm = (byte[])key.Clone();
        wrongForm[0] = 5;
        // x at or above the prime stands for a coordinate in a second spelling.
        var beyondPrime = (byte[])[4, .. Enumerable.Repeat((byte)0xff, 32), .. key[33..]];
        Assert.All((byte[][])[[], compressed, offCurve, wrongForm, beyondPrime, [.. key, 0], new byte[65]], bad => Assert.False(P256.IsPublicKey(bad)));
    }

    [Fact]
    public void Signatures_verify_only_as_they_were_made()
    {
        using var device = new TestDevice(TimeProvider.System);
        var data = RandomNumberGenerator.GetBytes(100);
        var signature = device.Sign(data);
        Assert.True(P256.Verify(device.PublicKey, data, signature));

        signature[10] ^= 1;
        Assert.False(P256.Verify(device.PublicKey, data, signature));
        Assert.False(P256.Verify(device.PublicKey, data, device.Key.SignData(data, HashAlgorithmName.SHA256, DSASignatureFormat.Rfc3279DerSequence)));
        Assert.False(P256.Verify(device.PublicKey, data, new byte[64]));
    }

    [Fact]
    public void Times_beyond_what_the_type_allows_are_named_by_their_field()
    {
        var request = new RefreshSessionRequest
        {
            RefreshToken = "x",
            Proof = new DeviceProof { Time = new Timestamp { Seconds = long.MaxValue }, Nonce = ByteString.CopyFrom(new byte[16]), Signature = ByteString.CopyFrom(new byte[64]) },
        };

        var refusal = Assert.Throws<KpmException>(() => Constraints.Check(request));

        Assert.Equal(["proof.time"], refusal.Fields.Select(f => f.Field));
        request.Proof.Time = new Timestamp { Seconds = 253_402_300_799, Nanos = 999_999_999 };
        Constraints.Check(request);
    }

    [Fact]
    public void Every_bad_field_is_named_in_one_answer_with_its_path()
    {
        var push = new PushRequest();
        push.Operations.Add(new Operation());
        push.Operations.Add(new Operation { OpSeq = 1, OpId = "not-a-uuid", SubjectId = Guid.CreateVersion7().ToString(), Kind = (OperationKind)99, Header = ByteString.CopyFrom(new byte[3]) });

        var refusal = Assert.Throws<KpmException>(() => Constraints.Check(push));

        Assert.Equal(
            ["operations[0].op_seq", "operations[0].op_id", "operations[0].subject_id", "operations[0].kind", "operations[0].header", "operations[0].signature",
             "operations[1].op_id", "operations[1].kind", "operations[1].header", "operations[1].signature"],
            refusal.Fields.Select(f => f.Field));
        Assert.Equal(["MALFORMED", "UNKNOWN_VALUE", "TOO_SHORT", "REQUIRED"], refusal.Fields.Skip(6).Select(f => f.Reason));
    }

    [Fact]
    public void Lengths_count_code_points()
    {
        var device = new DeviceInfo();
        Assert.DoesNotContain(Faults(device, string.Concat(Enumerable.Repeat("😀", 100))), f => f == "name");
        Assert.Contains(Faults(device, string.Concat(Enumerable.Repeat("😀", 101))), f => f == "name");

        static IEnumerable<string> Faults(DeviceInfo device, string name)
        {
            device.Name = name;
            return Assert.Throws<KpmException>(() => Constraints.Check(device)).Fields.Select(f => f.Field);
        }
    }

    [Fact]
    public void A_valid_message_costs_no_allocation()
    {
        using var device = new TestDevice(TimeProvider.System);
        var push = new PushRequest();
        for (ulong i = 1; i <= 64; i++)
        {
            push.Operations.Add(new Operation
            {
                OpSeq = i,
                OpId = Guid.CreateVersion7().ToString(),
                SubjectId = Guid.CreateVersion7().ToString(),
                Kind = OperationKind.Put,
                Header = ByteString.CopyFrom(new byte[234]),
                Signature = ByteString.CopyFrom(new byte[64]),
                Envelope = ByteString.CopyFrom(new byte[1024]),
            });
        }

        Constraints.Check(push);
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 100; i++)
        {
            Constraints.Check(push);
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }
}
