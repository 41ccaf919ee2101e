using Kpm.Tests.Disk;

namespace Kpm.Server.Tests.Faults;

/// <summary>The disk that loses power: what it may show afterwards, and what it must.</summary>
public sealed class DiskImageTests
{
    private static readonly Dictionary<string, byte[]> Nothing = [];

    [Fact]
    public void What_was_synced_is_there_whatever_is_lost()
    {
        DiskStep[] steps = [Create("a"), Write("a", 0, 1, 5000), Sync("a", folder: true), Write("a", 0, 2, 5000), Sync("a"), Write("a", 4096, 3, 4096)];

        foreach (var found in Many(steps, Loss.Torn))
        {
            Assert.All(found["a"][..4096], b => Assert.Equal(2, b));
        }

        Assert.Equal(Enumerable.Repeat((byte)2, 5000), Cut(steps, Loss.Unsynced)["a"]);
        Assert.Equal(Enumerable.Repeat((byte)3, 4096), Cut(steps, Loss.Nothing)["a"][4096..]);
    }

    [Fact]
    public void A_later_write_can_survive_an_earlier_one_and_each_may_be_torn()
    {
        DiskStep[] steps = [Create("a"), Write("a", 0, 0, 8192), Sync("a", folder: true), Write("a", 0, 1, 4096), Write("a", 4096, 2, 4096)];

        var found = Many(steps, Loss.Torn).Select(f => f["a"]).ToList();

        Assert.Contains(found, f => f[0] == 0 && f[4096] == 2);
        Assert.Contains(found, f => f[0] == 1 && f[4096] == 0);
        Assert.Contains(found, f => f[0] == 1 && f[4095] == 0);
        Assert.Contains(found, f => f[0] == 0 && f[4095] == 1);
        Assert.All(found, f => Assert.Equal(8192, f.Length));
    }

    [Fact]
    public void A_name_that_was_not_synced_may_be_missing_and_a_deleted_one_come_back()
    {
        DiskStep[] created = [Create("a"), Write("a", 0, 1, 10), Sync("a")];
        DiskStep[] deleted = [Create("a"), Write("a", 0, 1, 10), Sync("a", folder: true), new(DiskAction.Delete, "a")];

        foreach (var steps in new[] { created, deleted })
        {
            var found = Many(steps, Loss.Torn).ToList();
            Assert.Contains(found, f => f.ContainsKey("a"));
            Assert.Contains(found, f => !f.ContainsKey("a"));
        }

        Assert.All(Many([.. deleted[..3], deleted[3] with { SyncsFolder = true }], Loss.Torn), f => Assert.Empty(f));
    }

    [Fact]
    public void A_length_may_be_old_or_new()
    {
        DiskStep[] steps = [Create("a"), Write("a", 0, 1, 1024), Sync("a", folder: true), new(DiskAction.Truncate, "a") { Offset = 100 }, Write("a", 2000, 2, 48)];

        var lengths = Many(steps, Loss.Torn).Select(f => f["a"].Length).ToHashSet();

        Assert.Equal([100, 1024, 2048], lengths.Order());
        var whole = Cut(steps, Loss.Nothing)["a"];
        Assert.Equal((1, 0, 2, 2048), (whole[99], whole[100], whole[2000], whole.Length));
    }

    private static DiskStep Create(string file) => new(DiskAction.Create, file);

    private static DiskStep Write(string file, long offset, byte value, int count) =>
        new(DiskAction.Write, file) { Offset = offset, Bytes = Enumerable.Repeat(value, count).ToArray() };

    private static DiskStep Sync(string file, bool folder = false) => new(DiskAction.Sync, file) { SyncsFolder = folder };

    private static Dictionary<string, byte[]> Cut(DiskStep[] steps, Loss loss, int seed = 1)
    {
        var image = new DiskImage(Nothing, steps);
        image.Advance(steps.Length);
        return image.Cut(loss, new Random(seed));
    }

    private static IEnumerable<Dictionary<string, byte[]>> Many(DiskStep[] steps, Loss loss) => Enumerable.Range(1, 300).Select(seed => Cut(steps, loss, seed));
}
