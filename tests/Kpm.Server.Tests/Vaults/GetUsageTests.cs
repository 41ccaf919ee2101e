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
}
