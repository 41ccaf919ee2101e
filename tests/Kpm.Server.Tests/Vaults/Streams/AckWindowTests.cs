using Google.Protobuf;
using Kpm.Server.Vaults.Streams;
using Kpm.V1;

namespace Kpm.Server.Tests.Vaults.Streams;

public sealed class AckWindowTests
{
    [Theory]
    [InlineData(255, false)]
    [InlineData(256, true)]
    public void It_is_full_at_256_unacknowledged_changes(int sent, bool full)
    {
        var window = new AckWindow(10, new Limits());
        for (var i = 0; i < sent; i++)
        {
            window.Sent(Message((ulong)(10 + i), 0), TimeSpan.Zero);
        }

        Assert.Equal(full, window.IsFull);
        Assert.Equal(256 - sent, window.Room);
        Assert.True(window.TryAcknowledge(11));
        Assert.False(window.IsFull);
    }

    [Theory]
    [InlineData((1024 * 1024) - 1, false)]
    [InlineData(1024 * 1024, true)]
    public void It_is_full_at_1_MiB_unacknowledged(int bytes, bool full)
    {
        var window = new AckWindow(0, new Limits());

        // Each entry counts 64 bytes on top of its own.
        window.Sent(Message(0, bytes - 64), TimeSpan.Zero);
        Assert.Equal(full, window.IsFull);
        Assert.True(window.TryAcknowledge(1));
        Assert.False(window.IsFull);
    }

    [Fact]
    public void It_takes_acknowledgements_of_what_was_sent_and_no_others()
    {
        var window = new AckWindow(5, new Limits());
        Assert.False(window.TryAcknowledge(6));
        window.Sent(Message(5, 1), TimeSpan.FromSeconds(1));
        window.Sent(Message(6, 1), TimeSpan.FromSeconds(2));
        Assert.Equal(TimeSpan.FromSeconds(1), window.OldestSentAt);

        Assert.False(window.TryAcknowledge(8));
        Assert.True(window.TryAcknowledge(6));
        Assert.Equal((6UL, TimeSpan.FromSeconds(2)), (window.AcknowledgedSeq, window.OldestSentAt));
        Assert.True(window.TryAcknowledge(3));
        Assert.Equal(6UL, window.AcknowledgedSeq);
        Assert.True(window.TryAcknowledge(7));
        Assert.Null(window.OldestSentAt);
    }

    private static Changes Message(ulong prev, int bytes) => new()
    {
        PrevSeq = prev,
        LastSeq = prev + 1,
        Entries = { new Change { Seq = prev + 1, Envelope = UnsafeByteOperations.UnsafeWrap(new byte[bytes]) } },
    };
}
