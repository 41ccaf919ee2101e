using Grpc.Core;
using Grpc.Wire;

namespace GrpcRuntime.Tests.Core;

public sealed class MetadataWireTests
{
    [Theory]
    [InlineData("", "")]
    [InlineData("AA", "00")]
    [InlineData("AA==", "00")]
    [InlineData("AAE", "0001")]
    [InlineData("AAE=", "0001")]
    [InlineData("AAEC", "000102")]
    [InlineData("+/8", "FBFF")]
    [InlineData(" AAE ", "0001")]
    public void A_binary_value_is_read_with_and_without_padding(string value, string hex)
    {
        Assert.True(MetadataWire.TryDecodeBinary(value, out var bytes));
        Assert.Equal(hex, Convert.ToHexString(bytes));
    }

    [Theory]
    [InlineData("A")]
    [InlineData("AAAAA")]
    [InlineData("A-A_")]
    [InlineData("AA A")]
    [InlineData("AA=A")]
    [InlineData("é")]
    public void What_is_no_base64_is_refused(string value)
    {
        var metadata = new Metadata();

        Assert.False(MetadataWire.TryDecodeBinary(value, out _));
        Assert.False(MetadataWire.TryAdd(metadata, "x-bin", "AA," + value));
        Assert.Empty(metadata);
    }

    [Fact]
    public void Values_of_every_length_survive_and_are_sent_unpadded()
    {
        for (var length = 0; length < 600; length++)
        {
            var value = new byte[length];
            new Random(length).NextBytes(value);
            var encoded = MetadataWire.EncodeBinary(value);
            Assert.DoesNotContain('=', encoded);
            Assert.True(MetadataWire.TryDecodeBinary(encoded, out var decoded));
            Assert.Equal(value, decoded);
        }
    }

    [Fact]
    public void Joined_binary_values_are_split_before_they_are_decoded()
    {
        var metadata = new Metadata();

        Assert.True(MetadataWire.TryAdd(metadata, "Trace-Bin", "AAE=,AAI, AAM=,"));

        Assert.Equal(["0001", "0002", "0003", ""], metadata.GetAll("trace-bin").Select(e => Convert.ToHexString(e.ValueBytes)));
    }

    [Fact]
    public void A_text_value_keeps_its_commas()
    {
        var metadata = new Metadata();

        Assert.True(MetadataWire.TryAdd(metadata, "X-Text", "a, b"));

        Assert.Equal(("x-text", "a, b"), (metadata.Single().Key, metadata.Single().Value));
    }

    [Theory]
    [InlineData(":path", true)]
    [InlineData("grpc-timeout", true)]
    [InlineData("grpc-status", true)]
    [InlineData("grpc-anything", true)]
    [InlineData("grpc-status-details-bin", false)]
    [InlineData("te", true)]
    [InlineData("Content-Type", true)]
    [InlineData("host", true)]
    [InlineData("user-agent", false)]
    [InlineData("authorization", false)]
    [InlineData("x-grpc-status", false)]
    public void The_protocols_own_headers_are_no_metadata(string key, bool reserved) => Assert.Equal(reserved, MetadataWire.IsReserved(key));
}
