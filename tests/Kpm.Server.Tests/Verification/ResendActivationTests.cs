using Kpm.Server.Tests.Hosting;
using Kpm.V1;

namespace Kpm.Server.Tests.Verification;

public sealed class ResendActivationTests
{
    private static ResendActivationRequest Request() => new() { RequestId = Guid.CreateVersion7().ToString() };

    [Fact]
    public async Task A_new_mail_replaces_the_one_before()
    {
        var time = new FakeTime();
        await using var server = await TestServer.StartAsync(time);
        using var device = await server.CreatePendingAsync();
        var email = device.Account!.Email;
        var first = await server.Mails.WaitAsync(email);
        time.Advance(TimeSpan.FromMinutes(1));

        var activation = (await server.Verification.ResendActivationAsync(Request(), device.Call)).Activation;

        Assert.Equal(time.GetUtcNow().AddHours(24), activation.ExpiresAt.ToDateTimeOffset());
        var second = await server.Mails.WaitAsync(email, 2);
        await Refused.WithAsync(ErrorReason.ActivationInvalid, server.Verification.ActivateAccountAsync(new ActivateAccountRequest { Token = first.Token }, device.Call));
        await server.Verification.ActivateAccountAsync(new ActivateAccountRequest { Token = second.Token }, device.Call);
        await Refused.WithAsync(ErrorReason.AlreadyActivated, server.Verification.ResendActivationAsync(Request(), device.Call));
    }

    [Fact]
    public async Task It_works_at_most_once_a_minute_and_six_times_a_day()
    {
        var time = new FakeTime();
        await using var server = await TestServer.StartAsync(time);
        using var device = await server.CreatePendingAsync();
        var start = time.GetUtcNow();
        var early = await Refused.WithAsync(ErrorReason.RateLimited, server.Verification.ResendActivationAsync(Request(), device.Call));
        Assert.Equal(TimeSpan.FromMinutes(1), early.RetryAfter);
        for (var i = 0; i < 6; i++)
        {
            time.Advance(TimeSpan.FromMinutes(1));
            await server.Verification.ResendActivationAsync(Request(), device.Call);
        }

        time.Advance(TimeSpan.FromMinutes(1));
        var full = await Refused.WithAsync(ErrorReason.RateLimited, server.Verification.ResendActivationAsync(Request(), device.Call));
        Assert.Equal(start.AddDays(1) - time.GetUtcNow(), full.RetryAfter);
        Assert.Equal(start.AddDays(1), (await server.Accounts.GetAccountAsync(new GetAccountRequest(), device.Call)).Activation.ResendAt.ToDateTimeOffset());

        time.Advance(full.RetryAfter!.Value);
        await server.RefreshAsync(device);
        await server.Verification.ResendActivationAsync(Request(), device.Call);
        await server.Mails.WaitAsync(device.Account!.Email, 8);
    }

    [Fact]
    public async Task Repeating_a_request_sends_no_second_mail()
    {
        var time = new FakeTime();
        await using var server = await TestServer.StartAsync(time);
        using var device = await server.CreatePendingAsync();
        time.Advance(TimeSpan.FromMinutes(1));
        var request = Request();
        var first = await server.Verification.ResendActivationAsync(request, device.Call);
        time.Advance(TimeSpan.FromMinutes(1));
        var before = Snapshot.Of(server.Database)["activation"];

        Assert.Equal(first, await server.Verification.ResendActivationAsync(request, device.Call));

        Assert.Equal(before, Snapshot.Of(server.Database)["activation"]);
    }
}
