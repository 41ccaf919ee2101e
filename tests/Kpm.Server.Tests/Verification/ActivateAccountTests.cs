using Grpc.Core;
using Kpm.Server.Tests.Hosting;
using Kpm.V1;

namespace Kpm.Server.Tests.Verification;

public sealed class ActivateAccountTests
{
    private static ActivateAccountRequest ByToken(string token, string password = "") => new() { Token = token, Password = password };

    private static ActivateAccountRequest ByCode(string code) => new() { Code = code };

    [Fact]
    public async Task The_token_activates_with_the_session_of_the_device_that_registered()
    {
        await using var server = await TestServer.StartAsync();
        using var device = await server.CreatePendingAsync();
        var mail = await server.Mails.WaitAsync(device.Account!.Email);

        var account = (await server.Verification.ActivateAccountAsync(ByToken(mail.Token), device.Call)).Account;

        Assert.Equal(AccountState.Active, account.State);
        await Refused.WithAsync(ErrorReason.AlreadyActivated, server.Verification.ActivateAccountAsync(ByToken(mail.Token), device.Call));
        await Refused.WithAsync(ErrorReason.AlreadyActivated, server.Verification.ActivateAccountAsync(ByCode(mail.Code), device.Call));
    }

    [Fact]
    public async Task The_token_activates_with_the_account_password()
    {
        await using var server = await TestServer.StartAsync();
        using var device = await server.CreatePendingAsync();
        var mail = await server.Mails.WaitAsync(device.Account!.Email);

        await server.Verification.ActivateAccountAsync(ByToken(mail.Token, AccountSteps.Password));

        Assert.Equal(AccountState.Active, (await server.Accounts.GetAccountAsync(new GetAccountRequest(), device.Call)).Account.State);
    }

    [Fact]
    public async Task The_token_alone_or_with_a_strangers_session_or_a_wrong_password_changes_nothing()
    {
        await using var server = await TestServer.StartAsync();
        using var device = await server.CreatePendingAsync();
        using var stranger = await server.CreateActiveAsync();
        var mail = await server.Mails.WaitAsync(device.Account!.Email);

        var missing = await Refused.WithAsync(ErrorReason.InvalidRequest, server.Verification.ActivateAccountAsync(ByToken(mail.Token)));
        Assert.Equal(["password"], missing.FieldNames);
        await Refused.WithAsync(ErrorReason.WrongCredentials, server.Verification.ActivateAccountAsync(ByToken(mail.Token), stranger.Call));
        await Refused.WithAsync(ErrorReason.WrongCredentials, server.Verification.ActivateAccountAsync(ByToken(mail.Token, "Wrong-Password-1")));
        await Refused.WithAsync(ErrorReason.SessionInvalid, server.Verification.ActivateAccountAsync(ByToken(mail.Token), new Metadata { { "authorization", "Bearer nothing" } }));

        Assert.Equal(AccountState.Pending, (await server.Accounts.GetAccountAsync(new GetAccountRequest(), device.Call)).Account.State);
        await server.Verification.ActivateAccountAsync(ByToken(mail.Token), device.Call);
    }

    [Fact]
    public async Task Guessing_the_password_with_a_token_is_delayed_like_signing_in()
    {
        await using var server = await TestServer.StartAsync(new FakeTime());
        using var device = await server.CreatePendingAsync();
        var mail = await server.Mails.WaitAsync(device.Account!.Email);
        for (var i = 0; i < 5; i++)
        {
            await Refused.WithAsync(ErrorReason.WrongCredentials, server.Verification.ActivateAccountAsync(ByToken(mail.Token, "Wrong-Password-1")));
        }

        await Refused.WithAsync(ErrorReason.RateLimited, server.Verification.ActivateAccountAsync(ByToken(mail.Token, AccountSteps.Password)));
    }

    [Fact]
    public async Task The_code_works_only_with_the_session_and_ends_after_five_wrong_ones()
    {
        await using var server = await TestServer.StartAsync();
        using var device = await server.CreatePendingAsync();
        var mail = await server.Mails.WaitAsync(device.Account!.Email);
        var wrong = mail.Code == "000000" ? "000001" : "000000";
        await Refused.WithAsync(ErrorReason.SessionInvalid, server.Verification.ActivateAccountAsync(ByCode(mail.Code)));
        for (var i = 0; i < 5; i++)
        {
            await Refused.WithAsync(ErrorReason.ActivationInvalid, server.Verification.ActivateAccountAsync(ByCode(wrong), device.Call));
        }

        await Refused.WithAsync(ErrorReason.ActivationInvalid, server.Verification.ActivateAccountAsync(ByCode(mail.Code), device.Call));
        await server.Verification.ActivateAccountAsync(ByToken(mail.Token), device.Call);
    }

    [Fact]
    public async Task The_fifth_try_of_a_code_still_counts()
    {
        await using var server = await TestServer.StartAsync();
        using var device = await server.CreatePendingAsync();
        var mail = await server.Mails.WaitAsync(device.Account!.Email);
        var wrong = mail.Code == "000000" ? "000001" : "000000";
        for (var i = 0; i < 4; i++)
        {
            await Refused.WithAsync(ErrorReason.ActivationInvalid, server.Verification.ActivateAccountAsync(ByCode(wrong), device.Call));
        }

        await server.Verification.ActivateAccountAsync(ByCode(mail.Code), device.Call);
    }

    [Fact]
    public async Task Token_and_code_end_after_24_hours()
    {
        var time = new FakeTime();
        await using var server = await TestServer.StartAsync(time);
        using var device = await server.CreatePendingAsync();
        var mail = await server.Mails.WaitAsync(device.Account!.Email);
        time.Advance(TimeSpan.FromHours(24));
        await server.RefreshAsync(device);

        await Refused.WithAsync(ErrorReason.ActivationInvalid, server.Verification.ActivateAccountAsync(ByToken(mail.Token), device.Call));
        await Refused.WithAsync(ErrorReason.ActivationInvalid, server.Verification.ActivateAccountAsync(ByCode(mail.Code), device.Call));
    }

    [Fact]
    public async Task The_activated_account_wins_the_address_and_the_others_are_removed_with_their_sessions()
    {
        await using var server = await TestServer.StartAsync();
        var email = AccountSteps.NewEmail();
        using var stranger = await server.CreatePendingAsync(email);
        var strangersMail = await server.Mails.WaitAsync(email);
        using var owner = await server.CreatePendingAsync(email);
        var mail = await server.Mails.WaitAsync(email, 2);
        Assert.NotNull(await server.Accounts.GetAccountAsync(new GetAccountRequest(), stranger.Call));

        await server.Verification.ActivateAccountAsync(ByToken(mail.Token), owner.Call);

        await Refused.WithAsync(ErrorReason.SessionInvalid, server.Accounts.GetAccountAsync(new GetAccountRequest(), stranger.Call));
        await Refused.WithAsync(ErrorReason.ActivationInvalid, server.Verification.ActivateAccountAsync(ByToken(strangersMail.Token, AccountSteps.Password)));
        Assert.Equal(1, Snapshot.Rows(server.Database, "account"));
        Assert.Equal(1, Snapshot.Rows(server.Database, "removed_vault"));

        // The device is free again: it may sign in to the account that won.
        await server.SignInAsync(email, stranger);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Of_64_parallel_uses_exactly_one_wins(bool byCode)
    {
        await using var server = await TestServer.StartAsync();
        using var device = await server.CreatePendingAsync();
        var mail = await server.Mails.WaitAsync(device.Account!.Email);

        var uses = await Task.WhenAll(Enumerable.Range(0, 64).Select(async _ =>
        {
            try
            {
                await server.Verification.ActivateAccountAsync(byCode ? ByCode(mail.Code) : ByToken(mail.Token), device.Call);
                return "WON";
            }
            catch (RpcException e)
            {
                return RefusedCall.Of(e).Info.Reason;
            }
        }));

        Assert.Single(uses, u => u == "WON");
        Assert.All(uses.Where(u => u != "WON"), u => Assert.True(u is "ALREADY_ACTIVATED" or "ACTIVATION_INVALID", u));
    }

    [Fact]
    public async Task Of_two_pending_accounts_activated_at_the_same_time_one_wins()
    {
        await using var server = await TestServer.StartAsync();
        var email = AccountSteps.NewEmail();
        using var first = await server.CreatePendingAsync(email);
        using var second = await server.CreatePendingAsync(email);
        var tokens = new[] { (await server.Mails.WaitAsync(email)).Token, (await server.Mails.WaitAsync(email, 2)).Token };

        var outcomes = await Task.WhenAll(tokens.Select(async token =>
        {
            try
            {
                await server.Verification.ActivateAccountAsync(ByToken(token, AccountSteps.Password));
                return true;
            }
            catch (RpcException)
            {
                return false;
            }
        }));

        Assert.Single(outcomes, won => won);
        Assert.Equal(1, Snapshot.Rows(server.Database, "account"));
    }

    [Fact]
    public async Task A_pending_account_lapses_after_seven_days()
    {
        var time = new FakeTime();
        await using var server = await TestServer.StartAsync(time);
        using var device = await server.CreatePendingAsync();
        time.Advance(TimeSpan.FromDays(7) - TimeSpan.FromMinutes(2));
        await server.RefreshAsync(device);
        Assert.NotNull(await server.Accounts.GetAccountAsync(new GetAccountRequest(), device.Call));

        time.Advance(TimeSpan.FromMinutes(3));

        await Eventually.TrueAsync(() => Snapshot.Rows(server.Database, "account") == 0 && Snapshot.Rows(server.Database, "removed_vault") == 0);
        await Refused.WithAsync(ErrorReason.SessionInvalid, server.Accounts.GetAccountAsync(new GetAccountRequest(), device.Call));
        Assert.All((string[])["device", "session", "activation", "consent"], table => Assert.Equal(0, Snapshot.Rows(server.Database, table)));
    }
}
