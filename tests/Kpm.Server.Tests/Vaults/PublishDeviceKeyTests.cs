using Kpm.Server.Tests.Hosting;
using Kpm.V1;

namespace Kpm.Server.Tests.Vaults;

public sealed class PublishDeviceKeyTests
{
    [Fact]
    public async Task A_device_enters_itself_once()
    {
        await using var server = await TestServer.StartAsync();
        var device = await server.EnrolAsync();
        var again = new PublishDeviceKeyRequest { Operation = device.Author.DeviceKey() };

        Assert.Equal(RejectionReason.SubjectInvalid, (await server.Vault.PublishDeviceKeyAsync(again, device.Call)).Result.Rejected.Reason);
        Assert.Equal(RejectionReason.SubjectInvalid, (await server.Vault.PublishDeviceKeyAsync(again, device.Call)).Result.Rejected.Reason);
        Assert.Single(server.Log(device));
    }

    [Fact]
    public async Task Repeating_the_entry_returns_the_first_result()
    {
        await using var server = await TestServer.StartAsync();
        var device = new VaultDevice(await server.CreateActiveAsync());
        var request = new PublishDeviceKeyRequest { Operation = device.Author.DeviceKey() };
        var first = await server.Vault.PublishDeviceKeyAsync(request, device.Call);

        Assert.Equal((1UL, 1UL), (first.Result.Applied.Seq, first.Result.Applied.Rev));
        Assert.Equal(first, await server.Vault.PublishDeviceKeyAsync(request, device.Call));
    }

    [Fact]
    public async Task A_device_enters_nobody_else_and_nothing_else()
    {
        await using var server = await TestServer.StartAsync();
        var device = await server.EnrolAsync();
        var other = await server.LinkAsync(device.Email);
        var forOther = new PublishDeviceKeyRequest { Operation = other.Author.DeviceKey() };

        Assert.Equal(RejectionReason.DeviceFork, (await server.Vault.PublishDeviceKeyAsync(forOther, device.Call)).Result.Rejected.Reason);
        other.Author.OpSeq = 9;
        forOther = new PublishDeviceKeyRequest { Operation = other.Author.DeviceKey() };
        Assert.Equal(RejectionReason.HeaderMismatch, (await server.Vault.PublishDeviceKeyAsync(forOther, device.Call)).Result.Rejected.Reason);
        var refused = await Refused.WithAsync(ErrorReason.InvalidRequest, server.Vault.PublishDeviceKeyAsync(new PublishDeviceKeyRequest { Operation = device.Author.Keyset(0) }, device.Call));
        Assert.Equal(["operation.kind"], refused.FieldNames);
        Assert.Single(server.Log(device));
    }
}
