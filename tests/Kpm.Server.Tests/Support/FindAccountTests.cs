using Kpm.Server.Tests.Hosting;
using Kpm.V1;

namespace Kpm.Server.Tests.Support;

public sealed class FindAccountTests
{
    [Fact]
    public async Task By_address_the_active_account_comes_first_and_then_at_most_ten_pending_ones()
    {
        await using var server = await SupportSteps.StartAsync();
        var maria = await server.OperatorAsync("Maria");
        using var early = await server.CreatePendingAsync("several@example.org");
        using var owner = await server.CreateActiveAsync("Several@Example.org");
        Assert.Empty((await maria.Client.FindAccountAsync(new FindAccountRequest { Email = "nobody@example.org" }, maria.Call)).Accounts);

        var found = Assert.Single((await maria.Client.FindAccountAsync(new FindAccountRequest { Email = "SEVERAL@example.org" }, maria.Call)).Accounts);
        Assert.Equal(owner.Account!.AccountId, found.AccountId);
        Assert.Equal("Several@Example.org", found.Email);
        Assert.Equal((AccountState.Active, "AT", "de"), (found.State, found.Region, found.Language));
        Assert.Equal((1, false), (found.Devices, found.TwoStepEnabled));
        Assert.Null(found.SuspendedAt);
        Assert.Null(found.DeletesAt);

        for (var i = 0; i < 12; i++)
        {
            using var pending = await server.CreatePendingAsync("pending@example.org");
        }

        var pendings = (await maria.Client.FindAccountAsync(new FindAccountRequest { Email = "pending@example.org" }, maria.Call)).Accounts;
        Assert.Equal(10, pendings.Count);
        Assert.All(pendings, p => Assert.Equal(AccountState.Pending, p.State));
        Assert.Equal(pendings.OrderByDescending(p => p.CreatedAt.ToDateTimeOffset()), pendings);
    }

    [Fact]
    public async Task By_id_the_address_is_masked()
    {
        await using var server = await SupportSteps.StartAsync();
        var maria = await server.OperatorAsync("Maria");
        using var owner = await server.CreateActiveAsync("anna@mail.example.org");

        Assert.Equal("a•••@m•••.e••••••.org", (await maria.ViewAsync(owner)).Email);
        Assert.Empty((await maria.Client.FindAccountAsync(new FindAccountRequest { AccountId = SupportSteps.NewId() }, maria.Call)).Accounts);
    }

    [Fact]
    public async Task A_revoked_device_is_not_counted()
    {
        await using var server = await SupportSteps.StartAsync();
        var maria = await server.OperatorAsync("Maria");
        using var owner = await server.CreateActiveAsync();
        using var lost = await server.SignInAsync(owner.Account!.Email);
        Assert.Equal(2, (await maria.ViewAsync(owner)).Devices);

        await server.Accounts.RevokeDeviceAsync(new RevokeDeviceRequest { RequestId = SupportSteps.NewId(), DeviceId = lost.DeviceId.ToString() }, owner.Call);

        Assert.Equal(1, (await maria.ViewAsync(owner)).Devices);
    }

    [Fact]
    public async Task Looking_is_an_event_of_the_account_that_was_looked_at()
    {
        await using var server = await SupportSteps.StartAsync();
        var maria = await server.OperatorAsync("Maria Huber");
        using var owner = await server.CreateActiveAsync();
        using var other = await server.CreateActiveAsync();

        await maria.ViewAsync(owner);
        await maria.Client.FindAccountAsync(new FindAccountRequest { Email = owner.Account!.Email }, maria.Call);

        Assert.Equal(["operator=Maria Huber", "operator=Maria Huber"], await maria.DetailsAsync(owner, SecurityEventKind.AccountViewed));
        Assert.Empty(await maria.DetailsAsync(other, SecurityEventKind.AccountViewed));
    }
}
