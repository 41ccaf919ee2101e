using Kpm.Server.Tests.Hosting;
using Kpm.V1;

namespace Kpm.Server.Tests.Accounts;

public sealed class CreateAccountTests
{
    [Fact]
    public async Task Creating_an_account_connects_the_device_and_mails_the_activation()
    {
        await using var server = await TestServer.StartAsync();
        using var device = await server.CreatePendingAsync("Person@Example.org");

        Assert.Equal(AccountState.Pending, device.Account!.State);
        Assert.Equal("Person@Example.org", device.Account.Email);
        var account = await server.Accounts.GetAccountAsync(new GetAccountRequest(), device.Call);
        Assert.Equal(device.Account, account.Account);
        Assert.NotNull(account.Activation);

        var mail = await server.Mails.WaitAsync("Person@example.org");
        Assert.Matches("^[0-9]{6}$", mail.Code);
        Assert.Equal("Aktivieren Sie Ihr Kpm-Konto", mail.Subject);
        Assert.Contains(mail.Token, mail.Html, StringComparison.Ordinal);
    }
}
