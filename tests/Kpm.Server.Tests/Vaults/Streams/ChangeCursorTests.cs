using Kpm.Server.Vaults.Streams;

namespace Kpm.Server.Tests.Vaults.Streams;

public sealed class ChangeCursorTests
{
    /// <summary>Between a commit and the word of it a reader may see more of the log than it was told of.</summary>
    [Fact]
    public async Task It_is_not_at_the_head_inside_an_atomic_push_that_nobody_has_told_it_of()
    {
        using var vault = new StoredVault(new Limits { ChangesPerMessage = 2 });
        var device = await vault.EnrolAsync();
        await device.PushAsync(device.Author.Put(Guid.CreateVersion7(), 0));
        var cursor = new ChangeCursor(device.Caller.AccountId, 1, head: 2, new VaultFeed(vault.Limits), vault.Store, vault.Limits);
        await device.PushAsync([.. Enumerable.Range(0, 3).Select(_ => device.Author.Put(Guid.CreateVersion7(), 0))], atomic: true);

        var first = cursor.Next(int.MaxValue, withoutKeys: false);

        Assert.Equal([2, 3], first!.Entries.Select(e => (int)e.Seq));
        Assert.Equal((2UL, false), (cursor.Bookmark, cursor.AtHead));
        var rest = cursor.Next(int.MaxValue, withoutKeys: false);
        Assert.Equal([4, 5], rest!.Entries.Select(e => (int)e.Seq));
        Assert.Equal((5UL, true), (cursor.Bookmark, cursor.AtHead));
    }

    /// <summary>A client takes a bookmark that comes before the successor of a superseded change for a server that withholds.</summary>
    [Fact]
    public async Task It_is_not_at_the_head_before_the_successor_of_a_superseded_change()
    {
        using var vault = new StoredVault(new Limits { ChangesPerMessage = 2, RevisionsPerSubject = 1 });
        var device = await vault.EnrolAsync();
        var item = Guid.CreateVersion7();
        await device.PushAsync(device.Author.Put(item, 0));
        var cursor = new ChangeCursor(device.Caller.AccountId, 0, head: 2, new VaultFeed(vault.Limits), vault.Store, vault.Limits);
        await device.PushAsync(device.Author.Put(item, 1));

        var first = cursor.Next(int.MaxValue, withoutKeys: false);

        Assert.Equal([false, true], first!.Entries.Select(e => e.Superseded));
        Assert.False(cursor.AtHead);
        Assert.Equal([3], cursor.Next(int.MaxValue, withoutKeys: false)!.Entries.Select(e => (int)e.Seq));
        Assert.False(cursor.AtHead);
        Assert.Null(cursor.Next(int.MaxValue, withoutKeys: false));
        Assert.True(cursor.AtHead);
    }
}
