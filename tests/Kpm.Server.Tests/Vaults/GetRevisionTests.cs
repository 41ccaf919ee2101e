using Kpm.Server.Tests.Hosting;
using Kpm.V1;

namespace Kpm.Server.Tests.Vaults;

public sealed class GetRevisionTests
{
    [Fact]
    public async Task A_revision_comes_as_it_stands_in_the_log()
    {
        await using var server = await TestServer.StartAsync();
        var device = await server.EnrolAsync();
        var item = Guid.CreateVersion7();
        await server.PushAsync(device, [device.Author.Put(item, 0), device.Author.Put(item, 1), device.Author.Delete(item, 2)], atomic: true);

        foreach (var change in server.Log(device).Skip(1))
        {
            Assert.Equal(change, (await server.Vault.GetRevisionAsync(new GetRevisionRequest { ItemId = item.ToWire(), Rev = change.Rev }, device.Call)).Revision);
        }
    }

    [Fact]
    public async Task One_whose_envelope_is_gone_says_so()
    {
        await using var server = await TestServer.StartAsync();
        var device = await server.EnrolAsync();
        var item = Guid.CreateVersion7();
        await server.PushAsync(device, Enumerable.Range(0, 21).Select(rev => device.Author.Put(item, (ulong)rev, new byte[10])), atomic: false);

        Assert.True(await IsSupersededAsync(1));
        Assert.False(await IsSupersededAsync(2));

        async Task<bool> IsSupersededAsync(ulong rev)
        {
            var revision = (await server.Vault.GetRevisionAsync(new GetRevisionRequest { ItemId = item.ToWire(), Rev = rev }, device.Call)).Revision;
            Assert.Equal(revision.Superseded, revision.Envelope.IsEmpty);
            return revision.Superseded;
        }
    }

    [Fact]
    public async Task What_is_no_revision_of_an_item_of_the_account_is_not_found()
    {
        await using var server = await TestServer.StartAsync();
        var device = await server.EnrolAsync();
        var stranger = await server.EnrolAsync();
        var (item, foreign) = (Guid.CreateVersion7(), Guid.CreateVersion7());
        await server.PushAsync(device, [device.Author.Put(item, 0), device.Author.Keyset(0)], atomic: false);
        await server.PushAsync(stranger, stranger.Author.Put(foreign, 0));

        foreach (var (id, rev) in new (Guid, ulong)[] { (item, 2), (item, long.MaxValue), (foreign, 1), (device.Session.AccountId, 1), (device.Session.DeviceId, 1) })
        {
            await Refused.WithAsync(ErrorReason.NotFound, server.Vault.GetRevisionAsync(new GetRevisionRequest { ItemId = id.ToWire(), Rev = rev }, device.Call));
        }
    }
}
