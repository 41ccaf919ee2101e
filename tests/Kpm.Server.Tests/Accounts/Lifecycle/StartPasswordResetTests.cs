using Dapper;
using Kpm.Server.Accounts.Lifecycle;
using Kpm.Server.Tests.Hosting;
using Kpm.V1;
using Microsoft.Extensions.DependencyInjection;

namespace Kpm.Server.Tests.Accounts.Lifecycle;

public sealed class StartPasswordResetTests
{
    [Fact]
    public async Task The_answer_and_the_throttle_are_the_same_for_an_unknown_address()
    {
        var time = new FakeTime();
        await using var server = await TestServer.StartAsync(time);
        using var device = await server.CreateActiveAsync();

        foreach (var email in (string[])[device.Account!.Email, AccountSteps.NewEmail()])
        {
            var started = (await server.Accounts.StartPasswordResetAsync(new StartPasswordResetRequest { Email = email })).Started;
            Assert.Equal(time.GetUtcNow() + TimeSpan.FromHours(1), started.ExpiresAt.ToDateTimeOffset());
            Assert.Equal(time.GetUtcNow() + TimeSpan.FromMinutes(1), started.ResendAt.ToDateTimeOffset());
            var refused = await Refused.WithAsync(ErrorReason.RateLimited, server.Accounts.StartPasswordResetAsync(new StartPasswordResetRequest { Email = email }));
            Assert.Equal(TimeSpan.FromMinutes(1), refused.RetryAfter);
        }

        await server.TokenAsync(device.Account!.Email, "kpm-reset-");
        Assert.Equal([SecurityEventKind.AccountCreated, SecurityEventKind.AccountActivated, SecurityEventKind.PasswordResetStarted], await server.KindsAsync(device));
    }

    [Fact]
    public async Task What_the_call_writes_does_not_depend_on_the_account()
    {
        // Without the job, only the call itself writes.
        await using var server = await TestServer.StartAsync(adjust: services => services.Remove(services.Single(s => s.ImplementationType == typeof(PasswordResetJob))));
        using var device = await server.CreateActiveAsync();
        var before = Snapshot.Of(server.Database);

        await server.Accounts.StartPasswordResetAsync(new StartPasswordResetRequest { Email = device.Account!.Email });
        await server.Accounts.StartPasswordResetAsync(new StartPasswordResetRequest { Email = AccountSteps.NewEmail() });

        string[] written = ["password_reset_request", "guard_counter"];
        Assert.Equal(before.Where(t => !written.Contains(t.Key)), Snapshot.Of(server.Database).Where(t => !written.Contains(t.Key)));
        var rows = server.Database.Read(c => c.Query<(long Address, long Asked)>("SELECT length(address), asked_in_day FROM password_reset_request").ToList());
        Assert.Equal(2, rows.Count);
        Assert.Equal(rows[0].Asked, rows[1].Asked);
        Assert.DoesNotContain("@", Snapshot.Of(server.Database)["password_reset_request"], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Six_a_day_and_then_tomorrow()
    {
        var time = new FakeTime();
        await using var server = await TestServer.StartAsync(time, o => o with { Limits = o.Limits with { SecurityCheckFailures = 1000, SecurityCheckClientFailures = 1000 } });
        var email = AccountSteps.NewEmail();
        for (var i = 0; i < 6; i++)
        {
            await server.Accounts.StartPasswordResetAsync(new StartPasswordResetRequest { Email = email });
            time.Advance(TimeSpan.FromMinutes(1));
        }

        var refused = await Refused.WithAsync(ErrorReason.RateLimited, server.Accounts.StartPasswordResetAsync(new StartPasswordResetRequest { Email = email }));
        Assert.Equal(TimeSpan.FromDays(1) - TimeSpan.FromMinutes(6), refused.RetryAfter);
        time.Advance(refused.RetryAfter!.Value);
        Assert.NotNull((await server.Accounts.StartPasswordResetAsync(new StartPasswordResetRequest { Email = email })).Started);
    }

    [Fact]
    public async Task After_some_mails_in_a_short_time_the_next_one_takes_a_Security_Check()
    {
        var time = new FakeTime();
        await using var server = await TestServer.StartAsync(time);
        var request = new StartPasswordResetRequest { Email = AccountSteps.NewEmail() };
        for (var i = 0; i < 3; i++)
        {
            Assert.NotNull((await server.Accounts.StartPasswordResetAsync(request)).Started);
            time.Advance(TimeSpan.FromMinutes(1));
        }

        var demanded = await server.Accounts.StartPasswordResetAsync(request);
        Assert.NotNull(demanded.SecurityCheckRequired);
        request.SecurityCheck = server.Pictures.Answer(demanded.SecurityCheckRequired);
        Assert.NotNull((await server.Accounts.StartPasswordResetAsync(request)).Started);
    }

    [Fact]
    public async Task A_pending_account_gets_its_activation_again_and_no_reset()
    {
        var time = new FakeTime();
        await using var server = await TestServer.StartAsync(time);
        using var device = await server.CreatePendingAsync();
        var email = device.Account!.Email;
        await server.Mails.WaitAsync(email);
        time.Advance(TimeSpan.FromMinutes(1));

        await server.Accounts.StartPasswordResetAsync(new StartPasswordResetRequest { Email = email });

        var mail = await server.Mails.WaitAsync(email, 2);
        Assert.StartsWith("kpm-activate-", mail.Token, StringComparison.Ordinal);
        Assert.All(server.Mails.To(email), m => Assert.DoesNotContain("kpm-reset-", m.Text, StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_request_outlives_a_restart()
    {
        var asked = false;
        await using var server = await TestServer.StartAsync(adjust: services =>
        {
            if (!asked)
            {
                services.Remove(services.Single(s => s.ImplementationType == typeof(PasswordResetJob)));
            }
        });
        using var device = await server.CreateActiveAsync();
        await server.Accounts.StartPasswordResetAsync(new StartPasswordResetRequest { Email = device.Account!.Email });
        asked = true;

        await server.RestartAsync();

        await server.TokenAsync(device.Account.Email, "kpm-reset-");
    }

    [Fact]
    public async Task A_newer_mail_ends_the_older_token()
    {
        var time = new FakeTime();
        await using var server = await TestServer.StartAsync(time);
        using var device = await server.CreateActiveAsync();
        var email = device.Account!.Email;
        var older = await server.ResetTokenAsync(email);
        time.Advance(TimeSpan.FromMinutes(1));
        var newer = await server.ResetTokenAsync(email, 2);

        await Refused.WithAsync(ErrorReason.TokenInvalid, server.Accounts.CompletePasswordResetAsync(LifecycleSteps.ResetRequest(older)));
        await server.Accounts.CompletePasswordResetAsync(LifecycleSteps.ResetRequest(newer));
    }
}
