using System.Buffers;
using System.Text;
using Grpc.Core;
using Grpc.Wire;

namespace GrpcRuntime.Tests.Core;

public sealed class FramingTests
{
    [Fact]
    public void A_header_is_a_flag_and_the_length_in_network_order()
    {
        var bytes = new byte[5];
        MessageFrame.WriteHeader(bytes, compressed: true, 0x01020304);

        Assert.Equal([1, 1, 2, 3, 4], bytes);
        MessageFrame.ReadHeader([7, 0xff, 0xff, 0xff, 0xff], out var flag, out var length);
        Assert.Equal((7, uint.MaxValue), ((int)flag, length));
    }

    [Fact]
    public void A_header_is_read_across_segments()
    {
        using var buffer = new PooledBuffer();
        buffer.Write(new byte[buffer.GetSpan().Length - 3]);
        var start = buffer.Length;
        buffer.Write((ReadOnlySpan<byte>)[1, 0, 0]);
        buffer.Write((ReadOnlySpan<byte>)[1, 2]);
        var sequence = buffer.Written.Slice(start);
        Assert.False(sequence.IsSingleSegment);

        Assert.True(MessageFrame.TryReadHeader(sequence, out var flag, out var length));
        Assert.Equal((1, 258u), ((int)flag, length));
        Assert.False(MessageFrame.TryReadHeader(sequence.Slice(1), out _, out _));
    }

    [Fact]
    public void A_pooled_buffer_keeps_what_is_written_in_order()
    {
        using var buffer = new PooledBuffer();
        var expected = new List<byte>();
        var random = new Random(5);
        for (var i = 0; i < 200; i++)
        {
            var part = new byte[random.Next(5_000)];
            random.NextBytes(part);
            buffer.Write(part);
            expected.AddRange(part);
        }

        Assert.Equal(expected.Count, buffer.Length);
        Assert.Equal(expected, buffer.Written.ToArray());
        buffer.Clear();
        Assert.True(buffer.Written.IsEmpty);
        Assert.Throws<ArgumentOutOfRangeException>(() => buffer.Advance(1));
    }

    [Theory]
    [InlineData("application/grpc", true)]
    [InlineData("application/grpc+proto", true)]
    [InlineData("Application/GRPC", true)]
    [InlineData("application/grpc;charset=utf-8", true)]
    [InlineData("application/grpc+proto ; x=y", true)]
    [InlineData("application/grpc+json", false)]
    [InlineData("application/grpc-web", false)]
    [InlineData("application/grpc+protobuf", false)]
    [InlineData("application/grpcx", false)]
    [InlineData("application/json", false)]
    [InlineData("", false)]
    public void Content_types_are_told_apart(string contentType, bool isGrpc) => Assert.Equal(isGrpc, GrpcProtocol.IsGrpcContentType(contentType));

    [Theory]
    [InlineData("0", StatusCode.OK)]
    [InlineData("16", StatusCode.Unauthenticated)]
    [InlineData("17", StatusCode.Unknown)]
    [InlineData("-1", StatusCode.Unknown)]
    [InlineData("", StatusCode.Unknown)]
    [InlineData("0, 0", StatusCode.Unknown)]
    [InlineData(" 1", StatusCode.Unknown)]
    [InlineData("99999999999", StatusCode.Unknown)]
    public void A_status_header_is_read(string value, StatusCode expected) => Assert.Equal(expected, StatusMapping.FromHeader(value));

    [Fact]
    public void Marshallers_over_arrays_work_with_contexts_too()
    {
        var marshaller = Marshallers.Create(Encoding.UTF8.GetBytes, Encoding.UTF8.GetString);
        var frame = Grpc.Net.Client.Calls.MessageSerializer.Serialize("héllo", marshaller.ContextualSerializer, 100, null);
        var payload = new ReadOnlySequence<byte>(frame.Memory[MessageFrame.HeaderSize..]);

        Assert.Equal("héllo", Grpc.Net.Client.Calls.MessageDeserializer.Deserialize(payload, marshaller.ContextualDeserializer));
        frame.Return();
    }

    [Fact]
    public void A_serialiser_that_grows_its_buffer_or_breaks_its_word_is_noticed()
    {
        var grown = Grpc.Net.Client.Calls.MessageSerializer.Serialize(
            20_000,
            (length, context) =>
            {
                var writer = context.GetBufferWriter();
                for (var i = 0; i < length; i++)
                {
                    writer.Write((ReadOnlySpan<byte>)[(byte)i]);
                }

                context.Complete();
            },
            null,
            null);
        Assert.Equal(Enumerable.Range(0, 20_000).Select(i => (byte)i), grown.Memory[MessageFrame.HeaderSize..].ToArray());
        grown.Return();

        Assert.Throws<InvalidOperationException>(() => Serialize((_, _) => { }));
        Assert.Throws<InvalidOperationException>(() => Serialize((_, context) =>
        {
            context.SetPayloadLength(2);
            context.GetBufferWriter().Write((ReadOnlySpan<byte>)[1]);
            context.Complete();
        }));
        Assert.Throws<InvalidOperationException>(() => Serialize((_, context) =>
        {
            context.Complete([1]);
            context.Complete();
        }));
        Assert.Equal(StatusCode.ResourceExhausted, Assert.Throws<RpcException>(() => Serialize((_, context) => context.SetPayloadLength(11))).StatusCode);

        static void Serialize(Action<string, SerializationContext> serializer) =>
            Grpc.Net.Client.Calls.MessageSerializer.Serialize("", serializer, 10, null).Return();
    }
}
