using Kpm.Server.Tests.Hosting;
using Kpm.Server.Tests.Vaults;
using Kpm.V1;

namespace Kpm.Server.Tests.Support;

public sealed class SuspendAccountTests
{
    [Fact]
    public async Task Every_session_and_stream_ends_at_once_and_nobody_signs_in()
    {
        await using var server = await SupportSteps.StartAsync();
        var maria = await server.OperatorAsync("Maria");
        var enrolled = await server.EnrolAsync();
        var owner = enrolled.Session;
        using var second = await server.SignInAsync(enrolled.Email);
        await using var stream = await SyncClient.LiveAsync(server, owner);

        var seen = await maria.SuspendAsync(owner);

        Assert.NotNull(seen.SuspendedAt);
        Assert.Equal(RevokedReason.AccountSuspended, (await stream.UntilAsync(m => m.Revoked)).Reason);
        foreach (var device in new[] { owner, second })
        {
            await Refused.WithAsync(ErrorReason.SessionInvalid, server.Accounts.GetAccountAsync(new GetAccountRequest(), device.Call));
            await Refused.WithAsync(ErrorReason.RefreshTokenInvalid, () => server.RefreshAsync(device));
        }

        await Refused.WithAsync(ErrorReason.AccountSuspended, () => server.SignInAsync(enrolled.Email));
        await Refused.WithAsync(ErrorReason.AccountSuspended, () => server.SignInAsync(enrolled.Email, second));
    }

    [Fact]
    public async Task Whoever_lacks_the_password_does_not_learn_of_it()
    {
        await using var server = await SupportSteps.StartAsync();
        var maria = await server.OperatorAsync("Maria");
        using var owner = await server.CreateActiveAsync();
        await maria.SuspendAsync(owner);
        using var stranger = new TestDevice(server.Time);

        await server.FailSignInAsync(stranger, owner.Account!.Email);
    }

    [Fact]
    public async Task Its_end_lets_the_owner_in_again_and_each_step_is_told_once()
    {
        await using var server = await SupportSteps.StartAsync();
        var maria = await server.OperatorAsync("Maria");
        using var owner = await server.CreateActiveAsync();

        var first = await maria.SuspendAsync(owner);
        Assert.Equal(first.SuspendedAt, (await maria.SuspendAsync(owner, reason: "again")).SuspendedAt);
        Assert.Null((await maria.SuspendAsync(owner, suspended: false, reason: "cleared")).SuspendedAt);
        Assert.Null((await maria.SuspendAsync(owner, suspended: false)).SuspendedAt);

        using var back = await server.SignInAsync(owner.Account!.Email);
        Assert.Equal(["operator=Maria; reason=fraud, reported by the bank"], await maria.DetailsAsync(owner, SecurityEventKind.AccountSuspended));
        Assert.Equal(["operator=Maria; reason=cleared"], await maria.DetailsAsync(owner, SecurityEventKind.AccountReinstated));
        Assert.Contains("fraud; reported by the bank", (await server.Mails.WaitAsync(owner.Account.Email, 2)).Text, StringComparison.Ordinal);
        await server.Mails.WaitAsync(owner.Account.Email, 4); // reinstated, and the new device
        Assert.Equal(4, server.Mails.To(owner.Account.Email).Count);
    }

    [Fact]
    public async Task It_outlives_a_restart()
    {
        await using var server = await SupportSteps.StartAsync();
        var maria = await server.OperatorAsync("Maria");
        using var owner = await server.CreateActiveAsync();
        await maria.SuspendAsync(owner);

        await server.RestartAsync();

        await Refused.WithAsync(ErrorReason.AccountSuspended, () => server.SignInAsync(owner.Account!.Email));
    }

    [Fact]
    public async Task A_sign_in_beside_it_leaves_no_session()
    {
        await using var server = await SupportSteps.StartAsync();
        var maria = await server.OperatorAsync("Maria");
        using var owner = await server.CreateActiveAsync();
        var devices = Enumerable.Range(0, 32).Select(_ => new TestDevice(server.Time)).ToList();

        var outcomes = await Race.Of<object>(33, async i => i == 16 ? await maria.SuspendAsync(owner) : await server.SignInAsync(owner.Account!.Email, devices[i - (i > 16 ? 1 : 0)]));

        Assert.All(outcomes.Where(o => o.Refusal is not null), o => Assert.Equal("ACCOUNT_SUSPENDED", o.Refusal));
        foreach (var device in devices.Where(d => d.Session is not null))
        {
            await Refused.WithAsync(ErrorReason.SessionInvalid, server.Accounts.GetAccountAsync(new GetAccountRequest(), device.Call));
        }

        devices.ForEach(d => d.Dispose());
    }

    [Fact]
    public async Task An_account_that_is_none_is_not_found()
    {
        await using var server = await SupportSteps.StartAsync();
        var maria = await server.OperatorAsync("Maria");

        await Refused.WithAsync(
            ErrorReason.NotFound, maria.Client.SuspendAccountAsync(new SuspendAccountRequest { AccountId = SupportSteps.NewId(), Suspended = true, Reason = "x" }, maria.Call));
    }
}
