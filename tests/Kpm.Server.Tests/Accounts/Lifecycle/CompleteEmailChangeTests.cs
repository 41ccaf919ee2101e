using Kpm.Server.Tests.Hosting;
using Kpm.V1;

namespace Kpm.Server.Tests.Accounts.Lifecycle;

public sealed class CompleteEmailChangeTests
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task The_second_confirmation_changes_the_address_whichever_it_is(bool formerFirst)
    {
        await using var server = await TestServer.StartAsync(new FakeTime());
        using var device = await server.CreateActiveAsync();
        var (former, next) = (device.Account!.Email, AccountSteps.NewEmail());
        var (formerToken, newToken) = await StartAsync(server, device, next);

        var first = await server.Accounts.CompleteEmailChangeAsync(Request(formerFirst ? formerToken : newToken));
        Assert.Equal((formerFirst, !formerFirst, false), (first.FormerConfirmed, first.NewConfirmed, first.Changed));
        Assert.Equal(former, (await server.Accounts.GetAccountAsync(new GetAccountRequest(), device.Call)).Account.Email);
        var second = await server.Accounts.CompleteEmailChangeAsync(Request(formerFirst ? newToken : formerToken));

        Assert.Equal((true, true, true), (second.FormerConfirmed, second.NewConfirmed, second.Changed));
        // The session goes on; the new address signs in, the former one no longer.
        Assert.Equal(next, (await server.Accounts.GetAccountAsync(new GetAccountRequest(), device.Call)).Account.Email);
        using var other = await server.SignInAsync(next);
        Assert.Equal(device.AccountId, other.AccountId);
        await Refused.WithAsync(ErrorReason.WrongCredentials, server.Accounts.SignInAsync(new TestDevice(server.Time).SignInRequest(former)));
        await server.MailedAsync(former, "email-changed");
        await server.MailedAsync(next, "email-changed");
        Assert.Contains(SecurityEventKind.EmailChanged, await server.KindsAsync(device));
        // The former address is free.
        using var stranger = await server.CreateActiveAgainAsync(former);
        Assert.NotEqual(device.AccountId, stranger.AccountId);
    }

    [Fact]
    public async Task Of_64_uses_of_a_token_one_wins()
    {
        await using var server = await TestServer.StartAsync(new FakeTime());
        using var device = await server.CreateActiveAsync();
        var (formerToken, newToken) = await StartAsync(server, device, AccountSteps.NewEmail());

        await LifecycleSteps.OneWinsAsync(ErrorReason.TokenInvalid, async () => await server.Accounts.CompleteEmailChangeAsync(Request(formerToken)));
        await LifecycleSteps.OneWinsAsync(ErrorReason.TokenInvalid, async () => Assert.True((await server.Accounts.CompleteEmailChangeAsync(Request(newToken))).Changed));
    }

    [Fact]
    public async Task One_side_twice_is_not_both()
    {
        await using var server = await TestServer.StartAsync(new FakeTime());
        using var device = await server.CreateActiveAsync();
        var (_, newToken) = await StartAsync(server, device, AccountSteps.NewEmail());
        await server.Accounts.CompleteEmailChangeAsync(Request(newToken));

        await Refused.WithAsync(ErrorReason.TokenInvalid, server.Accounts.CompleteEmailChangeAsync(Request(newToken)));
        Assert.Equal(device.Account!.Email, (await server.Accounts.GetAccountAsync(new GetAccountRequest(), device.Call)).Account.Email);
    }

    [Fact]
    public async Task An_address_that_was_taken_meanwhile_changes_nothing()
    {
        await using var server = await TestServer.StartAsync(new FakeTime());
        using var device = await server.CreateActiveAsync();
        var next = AccountSteps.NewEmail();
        var (formerToken, newToken) = await StartAsync(server, device, next);
        await server.Accounts.CompleteEmailChangeAsync(Request(formerToken));
        using var faster = await server.CreateActiveAgainAsync(next);
        var before = Snapshot.Of(server.Database);

        await Refused.WithAsync(ErrorReason.EmailInUse, server.Accounts.CompleteEmailChangeAsync(Request(newToken)));

        Assert.Equal(before, Snapshot.Of(server.Database));
        Assert.NotEqual(next, (await server.Accounts.GetAccountAsync(new GetAccountRequest(), device.Call)).Account.Email);
    }

    [Fact]
    public async Task Pending_accounts_at_the_new_address_give_way()
    {
        await using var server = await TestServer.StartAsync(new FakeTime());
        using var device = await server.CreateActiveAsync();
        var next = AccountSteps.NewEmail();
        using var pending = await server.CreatePendingAsync(next);
        var formerToken = await StartFormerAsync(server, device, next);
        await server.Accounts.CompleteEmailChangeAsync(Request(formerToken));

        Assert.True((await server.Accounts.CompleteEmailChangeAsync(Request(await server.TokenAsync(next, "kpm-email-")))).Changed);

        await Refused.WithAsync(ErrorReason.SessionInvalid, server.Accounts.GetAccountAsync(new GetAccountRequest(), pending.Call));
    }

    [Fact]
    public async Task A_reset_that_was_mailed_to_the_former_address_ends()
    {
        await using var server = await TestServer.StartAsync(new FakeTime());
        using var device = await server.CreateActiveAsync();
        var (former, next) = (device.Account!.Email, AccountSteps.NewEmail());
        var (formerToken, newToken) = await StartAsync(server, device, next);
        var reset = await server.ResetTokenAsync(former);

        await server.Accounts.CompleteEmailChangeAsync(Request(formerToken));
        await server.Accounts.CompleteEmailChangeAsync(Request(newToken));

        await Refused.WithAsync(ErrorReason.TokenInvalid, server.Accounts.CompletePasswordResetAsync(LifecycleSteps.ResetRequest(reset)));
    }

    [Fact]
    public async Task Tokens_end_after_a_day()
    {
        var time = new FakeTime();
        await using var server = await TestServer.StartAsync(time);
        using var device = await server.CreateActiveAsync();
        var (formerToken, newToken) = await StartAsync(server, device, AccountSteps.NewEmail());
        await server.Accounts.CompleteEmailChangeAsync(Request(formerToken));
        time.Advance(TimeSpan.FromHours(24));

        await Refused.WithAsync(ErrorReason.TokenInvalid, server.Accounts.CompleteEmailChangeAsync(Request(newToken)));
    }

    private static CompleteEmailChangeRequest Request(string token) => new() { Token = token };

    private static async Task<string> StartFormerAsync(TestServer server, TestDevice device, string next)
    {
        await server.Accounts.StartEmailChangeAsync(
            new StartEmailChangeRequest { RequestId = LifecycleSteps.NewId(), Reauthentication = LifecycleSteps.Reauthentication(), NewEmail = next }, device.Call);
        return await server.TokenAsync(device.Account!.Email, "kpm-email-");
    }

    private static async Task<(string Former, string New)> StartAsync(TestServer server, TestDevice device, string next) =>
        (await StartFormerAsync(server, device, next), await server.TokenAsync(next, "kpm-email-"));
}
