using Google.Protobuf;
using Kpm.Server.Vaults.Streams;
using Kpm.V1;

namespace Kpm.Server.Tests.Vaults.Streams;

/// <summary>What live streams share of the newest changes is right or absent, and bounded.</summary>
public sealed class VaultFeedTests
{
    private readonly VaultFeed _feed = new(new Limits { SharedChanges = 4, SharedChangesBytes = 1000 });

    [Fact]
    public void A_second_stream_of_a_device_replaces_the_first()
    {
        var first = new Stream(Guid.CreateVersion7());
        var other = new Stream(Guid.CreateVersion7());
        var second = new Stream(first.DeviceId);
        Assert.True(_feed.TryJoin(first) && _feed.TryJoin(other) && _feed.TryJoin(second));

        Assert.Equal(GoAwayReason.Replaced, first.Ended);
        Assert.Null(other.Ended);
        Assert.Equal([other, second], _feed.Streams);
        Assert.False(_feed.Leave(first));
        Assert.False(_feed.Leave(other));
        Assert.True(_feed.Leave(second));
        Assert.False(_feed.TryJoin(first));
    }

    [Fact]
    public void Changes_are_taken_from_the_cursor_on_or_not_at_all()
    {
        _feed.TryJoin(new Stream(Guid.CreateVersion7()));
        _feed.TryJoin(new Stream(Guid.CreateVersion7()));
        _feed.Publish([Change(8), Change(9)]);
        _feed.Publish([Change(10)]);

        Assert.Equal([9UL, 10], Take(8));
        Assert.Equal([8UL, 9, 10], Take(7));
        Assert.Null(Take(6));
        Assert.Null(Take(10));
    }

    [Fact]
    public void What_every_stream_has_taken_is_dropped()
    {
        _feed.TryJoin(new Stream(Guid.CreateVersion7()));
        _feed.TryJoin(new Stream(Guid.CreateVersion7()));
        _feed.Publish([Change(1)]);

        Assert.Equal([1UL], Take(0));
        Assert.Equal([1UL], Take(0));
        Assert.Null(Take(0));
        Assert.Equal(1UL, _feed.Head);
    }

    [Fact]
    public void Only_the_newest_are_kept()
    {
        _feed.TryJoin(new Stream(Guid.CreateVersion7()));
        _feed.Publish([.. Enumerable.Range(1, 6).Select(i => Change((ulong)i))]);
        Assert.Null(Take(1));
        Assert.Equal([3UL, 4, 5, 6], Take(2));

        _feed.Publish([Change(7, 500), Change(8, 500)]);
        Assert.Null(Take(6));
        Assert.Equal([8UL], Take(7));
    }

    [Fact]
    public void A_message_ends_at_its_bounds()
    {
        _feed.TryJoin(new Stream(Guid.CreateVersion7()));
        _feed.Publish([Change(1, 100), Change(2, 100), Change(3, 100)]);

        Assert.Equal([1UL, 2], Take(0, entries: 2));
        Assert.Equal([1UL, 2], Take(0, bytes: 200));
        Assert.Equal([1UL], Take(0, bytes: 1));
    }

    [Fact]
    public void After_a_gap_only_what_came_behind_it_is_there()
    {
        _feed.TryJoin(new Stream(Guid.CreateVersion7()));
        _feed.Publish([Change(1)]);
        _feed.Publish([Change(5)]);

        Assert.Null(Take(0));
        Assert.Equal([5UL], Take(4));
    }

    [Fact]
    public void Every_stream_is_woken()
    {
        Stream[] streams = [new(Guid.CreateVersion7()), new(Guid.CreateVersion7())];
        Assert.All(streams, s => _feed.TryJoin(s));
        _feed.Publish([Change(1)]);

        Assert.All(streams, s => Assert.Equal(1, s.Wakes));
    }

    private List<ulong>? Take(ulong cursor, int entries = 100, int bytes = 100_000)
    {
        var into = new List<Change>();
        return _feed.TryTake(cursor, entries, bytes, into) ? [.. into.Select(c => c.Seq)] : null;
    }

    private static Change Change(ulong seq, int bytes = 0) => new() { Seq = seq, Envelope = UnsafeByteOperations.UnsafeWrap(new byte[bytes]) };

    private sealed class Stream(Guid deviceId) : ILiveStream
    {
        public Guid DeviceId => deviceId;

        public Guid SessionId { get; } = Guid.CreateVersion7();

        public ulong AcknowledgedSeq => 0;

        public int Wakes { get; private set; }

        public GoAwayReason? Ended { get; private set; }

        public void Wake() => Wakes++;

        public void EndHold()
        {
        }

        public void End(GoAwayReason reason) => Ended = reason;

        public void EndGeneration()
        {
        }

        public void Revoke(RevokedReason reason)
        {
        }
    }
}
