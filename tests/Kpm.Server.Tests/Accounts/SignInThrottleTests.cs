using Kpm.Server.Tests.Hosting;
using Kpm.V1;

namespace Kpm.Server.Tests.Accounts;

/// <summary>Bounds of the delay after wrong passwords that SignInTests do not reach.</summary>
public sealed class SignInThrottleTests
{
    [Fact]
    public async Task The_delay_doubles_up_to_its_longest()
    {
        var time = new FakeTime();
        await using var server = await TestServer.StartAsync(time, o => o with { Limits = o.Limits with { SignInLongestDelay = TimeSpan.FromSeconds(7) } });
        using var device = new TestDevice(time);
        var email = AccountSteps.NewEmail();
        var delays = new List<double>();
        for (var i = 0; i < 9; i++)
        {
            await FailAsync(server, device, email);
            if (i >= 4)
            {
                var refused = await Refused.WithAsync(ErrorReason.RateLimited, server.Accounts.SignInAsync(Request(device, email)));
                delays.Add(refused.RetryAfter!.Value.TotalSeconds);
                time.Advance(refused.RetryAfter.Value);
            }
        }

        Assert.Equal([1, 2, 4, 7, 7], delays);
    }

    [Theory]
    [InlineData(0, true)]
    [InlineData(1, false)]
    public async Task Failures_are_forgotten_after_a_day_without_another(int secondsBeyond, bool remembered)
    {
        var time = new FakeTime();
        await using var server = await TestServer.StartAsync(time);
        using var device = new TestDevice(time);
        var email = AccountSteps.NewEmail();
        for (var i = 0; i < 4; i++)
        {
            await FailAsync(server, device, email);
        }

        time.Advance(TimeSpan.FromHours(24) + TimeSpan.FromSeconds(secondsBeyond));
        await FailAsync(server, device, email);

        await Refused.WithAsync(remembered ? ErrorReason.RateLimited : ErrorReason.WrongCredentials, server.Accounts.SignInAsync(Request(device, email)));
    }

    [Fact]
    public async Task Only_so_many_wait_for_their_turn_at_one_address()
    {
        await using var server = await TestServer.StartAsync(options: o => o with { Limits = o.Limits with { SignInsWaitingPerAddress = 1, SignInFailuresBeforeDelay = 100 } });
        using var device = new TestDevice(server.Time);
        var email = AccountSteps.NewEmail();

        var reasons = await Task.WhenAll(Enumerable.Range(0, 32).Select(async _ =>
        {
            var error = await Assert.ThrowsAsync<Grpc.Core.RpcException>(() => server.Accounts.SignInAsync(Request(device, email)).ResponseAsync);
            return RefusedCall.Of(error).Info.Reason;
        }));

        Assert.Contains("RATE_LIMITED", reasons);
        Assert.Contains("WRONG_CREDENTIALS", reasons);
        await FailAsync(server, device, email);
    }

    private static SignInRequest Request(TestDevice device, string email) => new() { Email = email, Password = "Wrong-Password-1", Device = device.Info };

    private static Task<RefusedCall> FailAsync(TestServer server, TestDevice device, string email) =>
        Refused.WithAsync(ErrorReason.WrongCredentials, server.Accounts.SignInAsync(Request(device, email)));
}
