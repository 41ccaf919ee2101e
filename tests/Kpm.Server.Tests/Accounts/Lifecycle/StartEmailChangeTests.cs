using Kpm.Server.Tests.Hosting;
using Kpm.V1;

namespace Kpm.Server.Tests.Accounts.Lifecycle;

public sealed class StartEmailChangeTests
{
    [Fact]
    public async Task Both_addresses_are_mailed_and_nothing_changes_yet()
    {
        var time = new FakeTime();
        await using var server = await TestServer.StartAsync(time);
        using var device = await server.CreateActiveAsync();
        var (former, next) = (device.Account!.Email, AccountSteps.NewEmail());

        var started = await server.Accounts.StartEmailChangeAsync(Request(next), device.Call);

        Assert.Equal(time.GetUtcNow() + TimeSpan.FromHours(24), started.ExpiresAt.ToDateTimeOffset());
        Assert.Contains(next, (await server.MailedAsync(former, "email-change-former")).Text, StringComparison.Ordinal);
        Assert.NotEqual(await server.TokenAsync(former, "kpm-email-"), await server.TokenAsync(next, "kpm-email-"));
        Assert.Equal(former, (await server.Accounts.GetAccountAsync(new GetAccountRequest(), device.Call)).Account.Email);
        var events = await server.EventsAsync(device);
        Assert.Equal(SecurityEventKind.EmailChangeStarted, events[^1].Kind);
        Assert.DoesNotContain("@", events[^1].Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_address_that_somebody_has_gets_no_mail_and_the_answer_does_not_tell()
    {
        await using var server = await TestServer.StartAsync(new FakeTime());
        using var device = await server.CreateActiveAsync();
        using var stranger = await server.CreateActiveAsync();
        var taken = stranger.Account!.Email;

        var started = await server.Accounts.StartEmailChangeAsync(Request(taken), device.Call);

        Assert.Equal(server.Time.GetUtcNow() + TimeSpan.FromHours(24), started.ExpiresAt.ToDateTimeOffset());
        await server.MailedAsync(device.Account!.Email, "email-change-former");
        Assert.Null(server.FindMail(taken, "email-change-new"));
    }

    [Fact]
    public async Task The_same_address_in_other_letters_is_no_change()
    {
        await using var server = await TestServer.StartAsync(new FakeTime());
        using var device = await server.CreateActiveAsync();

        var refused = await Refused.WithAsync(ErrorReason.InvalidRequest, server.Accounts.StartEmailChangeAsync(Request(device.Account!.Email.ToUpperInvariant()), device.Call));

        Assert.Equal(["new_email"], refused.FieldNames);
    }

    [Fact]
    public async Task It_takes_the_password_and_is_throttled()
    {
        var time = new FakeTime();
        await using var server = await TestServer.StartAsync(time);
        using var device = await server.CreateActiveAsync();

        await Refused.WithAsync(ErrorReason.WrongCredentials, server.Accounts.StartEmailChangeAsync(Request(AccountSteps.NewEmail(), "Wrong-Password-1"), device.Call));
        for (var i = 0; i < 6; i++)
        {
            await server.Accounts.StartEmailChangeAsync(Request(AccountSteps.NewEmail()), device.Call);
            Assert.Equal(
                i < 5 ? TimeSpan.FromMinutes(1) : TimeSpan.FromDays(1) - TimeSpan.FromMinutes(5),
                (await Refused.WithAsync(ErrorReason.RateLimited, server.Accounts.StartEmailChangeAsync(Request(AccountSteps.NewEmail()), device.Call))).RetryAfter);
            time.Advance(TimeSpan.FromMinutes(1));
        }
    }

    [Fact]
    public async Task A_newer_change_ends_the_older_ones_tokens()
    {
        var time = new FakeTime();
        await using var server = await TestServer.StartAsync(time);
        using var device = await server.CreateActiveAsync();
        var (former, first, second) = (device.Account!.Email, AccountSteps.NewEmail(), AccountSteps.NewEmail());
        await server.Accounts.StartEmailChangeAsync(Request(first), device.Call);
        var older = await server.TokenAsync(first, "kpm-email-");
        time.Advance(TimeSpan.FromMinutes(1));
        await server.Accounts.StartEmailChangeAsync(Request(second), device.Call);

        await Refused.WithAsync(ErrorReason.TokenInvalid, server.Accounts.CompleteEmailChangeAsync(new CompleteEmailChangeRequest { Token = older }));
        await server.Accounts.CompleteEmailChangeAsync(new CompleteEmailChangeRequest { Token = await server.TokenAsync(former, "kpm-email-", 2) });
        Assert.True((await server.Accounts.CompleteEmailChangeAsync(new CompleteEmailChangeRequest { Token = await server.TokenAsync(second, "kpm-email-") })).Changed);
    }

    [Fact]
    public async Task Repeating_it_returns_the_first_result()
    {
        await using var server = await TestServer.StartAsync(new FakeTime());
        using var device = await server.CreateActiveAsync();
        var request = Request(AccountSteps.NewEmail());
        var first = await server.Accounts.StartEmailChangeAsync(request, device.Call);
        var before = Snapshot.Of(server.Database);

        Assert.Equal(first, await server.Accounts.StartEmailChangeAsync(request, device.Call));
        request.NewEmail = AccountSteps.NewEmail();
        await Refused.WithAsync(ErrorReason.RequestIdReused, server.Accounts.StartEmailChangeAsync(request, device.Call));

        Assert.Equal(before, Snapshot.Of(server.Database));
    }

    private static StartEmailChangeRequest Request(string email, string password = AccountSteps.Password) =>
        new() { RequestId = LifecycleSteps.NewId(), Reauthentication = LifecycleSteps.Reauthentication(password), NewEmail = email };
}
