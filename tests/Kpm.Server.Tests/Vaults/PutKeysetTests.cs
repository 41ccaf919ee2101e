using Kpm.Server.Tests.Hosting;
using Kpm.V1;

namespace Kpm.Server.Tests.Vaults;

public sealed class PutKeysetTests
{
    [Fact]
    public async Task It_compares_and_sets()
    {
        await using var server = await TestServer.StartAsync();
        var device = await server.EnrolAsync();
        var first = new PutKeysetRequest { Operation = device.Author.Keyset(0) };

        Assert.Equal(1UL, (await server.Vault.PutKeysetAsync(first, device.Call)).Result.Applied.Rev);
        Assert.Equal(1UL, (await server.Vault.PutKeysetAsync(first, device.Call)).Result.Applied.Rev);
        Assert.Equal(1UL, (await server.Vault.PutKeysetAsync(new PutKeysetRequest { Operation = device.Author.Keyset(0) }, device.Call)).Result.Conflict.Rev);
        Assert.Equal(2UL, (await server.Vault.PutKeysetAsync(new PutKeysetRequest { Operation = device.Author.Keyset(1) }, device.Call)).Result.Applied.Rev);
        Assert.Equal(3, server.Log(device).Count);
    }

    [Fact]
    public async Task Sixty_four_at_once_and_one_wins()
    {
        await using var server = await TestServer.StartAsync();
        var device = await server.EnrolAsync();
        var other = await server.EnrolAsync(device.Email);
        var results = await Task.WhenAll(Enumerable.Range(0, 64).Select(async i =>
        {
            // One number a device in flight: only the first of each is new, the others repeat it.
            var author = i % 2 == 0 ? device : other;
            Operation operation;
            lock (author)
            {
                operation = author.Author.Keyset(0);
            }

            return (await server.Vault.PutKeysetAsync(new PutKeysetRequest { Operation = operation }, author.Call)).Result;
        }));

        Assert.Single(results, r => r.Applied is not null);
        Assert.Equal(1UL, (await server.Vault.GetVaultAsync(new GetVaultRequest(), device.Call)).Keyset.Rev);
    }

    [Fact]
    public async Task It_needs_an_enrolled_device_and_the_right_kind()
    {
        await using var server = await TestServer.StartAsync();
        var device = await server.EnrolAsync();
        var guest = await server.LinkAsync(device.Email);

        Assert.Equal(RejectionReason.DeviceNotEnrolled, (await server.Vault.PutKeysetAsync(new PutKeysetRequest { Operation = guest.Author.Keyset(0) }, guest.Call)).Result.Rejected.Reason);
        var refused = await Refused.WithAsync(ErrorReason.InvalidRequest, server.Vault.PutKeysetAsync(new PutKeysetRequest { Operation = device.Author.Put(Guid.CreateVersion7(), 0) }, device.Call));
        Assert.Equal(["operation.kind"], refused.FieldNames);
        Assert.Single(server.Log(device));
    }
}
