using Kpm.Server.Tests.Hosting;
using Kpm.V1;

namespace Kpm.Server.Tests.Vaults;

public sealed class GetUsageTests
{
    [Fact]
    public async Task It_counts_items_and_the_bytes_that_are_kept()
    {
        await using var server = await TestServer.StartAsync();
        var device = await server.EnrolAsync();
        var item = Guid.CreateVersion7();
        await server.PushAsync(device, [device.Author.Put(item, 0, new byte[1000]), device.Author.Put(item, 1, new byte[500]), device.Author.Put(Guid.CreateVersion7(), 0, new byte[50])], atomic: false);

        var usage = await server.Vault.GetUsageAsync(new GetUsageRequest(), device.Call);
        Assert.Equal((2UL, 100_000UL, 1750UL, 1UL << 30), (usage.Items, usage.MaxItems, usage.Bytes, usage.MaxBytes));
        await server.PushAsync(device, device.Author.Delete(item, 2));
        usage = await server.Vault.GetUsageAsync(new GetUsageRequest(), device.Call);
        Assert.Equal((1UL, 1750UL), (usage.Items, usage.Bytes));
    }

    [Fact]
    public async Task Above_ninety_percent_the_vault_says_so_wherever_it_speaks()
    {
        await using var server = await TestServer.StartAsync(options: o => o with { Limits = o.Limits with { VaultItems = 10 } });
        var device = await server.EnrolAsync();
        var items = Enumerable.Range(0, 10).Select(_ => Guid.CreateVersion7()).ToList();
        var operations = items.Select(i => device.Author.Put(i, 0)).ToList();
        var applied = (await server.PushAsync(device, operations, atomic: false)).Results;

        Assert.Equal([.. Enumerable.Repeat(false, 9), true], applied.Select(r => r.Applied.NearlyFull));
        Assert.True((await server.PushAsync(device, operations[0])).Applied.NearlyFull);
        Assert.True((await server.Vault.GetUsageAsync(new GetUsageRequest(), device.Call)).NearlyFull);
        await using (var stream = await SyncClient.OpenAsync(server, device.Session))
        {
            Assert.True(stream.Welcome!.NearlyFull);
        }

        await server.PushAsync(device, device.Author.Delete(items[0], 1));
        Assert.False((await server.Vault.GetUsageAsync(new GetUsageRequest(), device.Call)).NearlyFull);
        await using var after = await SyncClient.OpenAsync(server, device.Session);
        Assert.False(after.Welcome!.NearlyFull);
    }

    [Theory]
    [InlineData(700, false)]
    [InlineData(701, true)]
    public async Task Bytes_count_as_items_do(int size, bool nearlyFull)
    {
        await using var server = await TestServer.StartAsync(options: o => o with { Limits = o.Limits with { VaultBytes = 1000 } });
        // The directory entry has 200 bytes.
        var device = await server.EnrolAsync();

        Assert.Equal(nearlyFull, (await server.PushAsync(device, device.Author.Put(Guid.CreateVersion7(), 0, new byte[size]))).Applied.NearlyFull);
        Assert.Equal(nearlyFull, (await server.Vault.GetUsageAsync(new GetUsageRequest(), device.Call)).NearlyFull);
    }
}
