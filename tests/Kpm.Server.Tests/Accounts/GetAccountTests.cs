using Grpc.Core;
using Kpm.Server.Tests.Hosting;
using Kpm.V1;

namespace Kpm.Server.Tests.Accounts;

public sealed class GetAccountTests
{
    [Theory]
    [InlineData("")]
    [InlineData("Bearer")]
    [InlineData("Bearer ")]
    [InlineData("Bearer not-a-token")]
    [InlineData("Basic dXNlcjpwYXNz")]
    public async Task It_takes_a_live_session(string authorization)
    {
        await using var server = await TestServer.StartAsync();
        var headers = new Metadata();
        if (authorization.Length > 0)
        {
            headers.Add("authorization", authorization);
        }

        await Refused.WithAsync(ErrorReason.SessionInvalid, server.Accounts.GetAccountAsync(new GetAccountRequest(), headers));
    }

    [Fact]
    public async Task It_shows_the_account_and_where_a_pending_ones_activation_stands()
    {
        var time = new FakeTime();
        await using var server = await TestServer.StartAsync(time);
        using var device = await server.CreatePendingAsync();

        var pending = await server.Accounts.GetAccountAsync(new GetAccountRequest(), device.Call);
        Assert.Equal(AccountState.Pending, pending.Account.State);
        Assert.Equal(time.GetUtcNow().AddDays(7), pending.Account.LapsesAt.ToDateTimeOffset());
        Assert.Equal(time.GetUtcNow().AddHours(24), pending.Activation.ExpiresAt.ToDateTimeOffset());
        Assert.Equal(time.GetUtcNow().AddMinutes(1), pending.Activation.ResendAt.ToDateTimeOffset());

        var mail = await server.Mails.WaitAsync(device.Account!.Email);
        await server.Verification.ActivateAccountAsync(new ActivateAccountRequest { Code = mail.Code }, device.Call);
        var active = await server.Accounts.GetAccountAsync(new GetAccountRequest(), device.Call);
        Assert.Equal(AccountState.Active, active.Account.State);
        Assert.Null(active.Account.LapsesAt);
        Assert.Null(active.Activation);
    }
}
