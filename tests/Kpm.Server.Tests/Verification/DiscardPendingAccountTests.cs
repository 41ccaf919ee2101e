using Kpm.Server.Tests.Hosting;
using Kpm.V1;

namespace Kpm.Server.Tests.Verification;

public sealed class DiscardPendingAccountTests
{
    [Fact]
    public async Task The_mailboxs_owner_removes_an_account_that_is_not_theirs()
    {
        await using var server = await TestServer.StartAsync();
        using var stranger = await server.CreatePendingAsync();
        var mail = await server.Mails.WaitAsync(stranger.Account!.Email);

        await server.Verification.DiscardPendingAccountAsync(new DiscardPendingAccountRequest { Token = mail.DiscardToken });

        Assert.Equal(0, Snapshot.Rows(server.Database, "account"));
        await Refused.WithAsync(ErrorReason.SessionInvalid, server.Accounts.GetAccountAsync(new GetAccountRequest(), stranger.Call));
        await Refused.WithAsync(ErrorReason.ActivationInvalid, server.Verification.DiscardPendingAccountAsync(new DiscardPendingAccountRequest { Token = mail.DiscardToken }));
    }

    [Fact]
    public async Task The_activation_token_does_not_discard_and_an_activated_account_stays()
    {
        await using var server = await TestServer.StartAsync();
        using var device = await server.CreatePendingAsync();
        var mail = await server.Mails.WaitAsync(device.Account!.Email);
        await Refused.WithAsync(ErrorReason.ActivationInvalid, server.Verification.DiscardPendingAccountAsync(new DiscardPendingAccountRequest { Token = mail.Token }));
        await Refused.WithAsync(ErrorReason.ActivationInvalid, server.Verification.ActivateAccountAsync(new ActivateAccountRequest { Token = mail.DiscardToken }, device.Call));
        await server.Verification.ActivateAccountAsync(new ActivateAccountRequest { Token = mail.Token }, device.Call);

        await Refused.WithAsync(ErrorReason.ActivationInvalid, server.Verification.DiscardPendingAccountAsync(new DiscardPendingAccountRequest { Token = mail.DiscardToken }));

        Assert.Equal(1, Snapshot.Rows(server.Database, "account"));
    }
}
