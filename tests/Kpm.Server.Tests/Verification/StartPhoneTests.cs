using Grpc.Core;
using Kpm.Server.Tests.Hosting;
using Kpm.V1;

namespace Kpm.Server.Tests.Verification;

public sealed class StartPhoneTests
{
    private static AsyncUnaryCall<StartPhoneResponse> Start(TestServer server, TestDevice device, string phone) =>
        server.Verification.StartPhoneAsync(new StartPhoneRequest { Phone = phone, Reauthentication = TwoStepSteps.Reauthenticate() }, device.Call);

    [Fact]
    public async Task A_code_goes_to_the_number_in_the_accounts_language_and_changes_nothing_yet()
    {
        await using var server = await TestServer.StartAsync(new FakeTime());
        using var device = await server.CreateActiveAsync();
        var number = TwoStepSteps.NewNumber();

        var started = (await Start(server, device, number)).Started;

        var now = server.Time.GetUtcNow();
        Assert.Equal("+" + new string('•', number.Length - 3) + number[^2..], started.Code.MaskedPhone);
        Assert.Equal(now.AddMinutes(5), started.Code.ExpiresAt.ToDateTimeOffset());
        Assert.Equal(now.AddMinutes(1), started.Code.ResendAt.ToDateTimeOffset());
        Assert.Equal(6, started.Code.Digits);
        var sms = await server.Sms.WaitAsync(number);
        Assert.Matches("^[0-9]{6}$", sms.Code);
        Assert.Contains("Kpm", sms.Text, StringComparison.Ordinal);
        Assert.False((await server.SettingsAsync(device)).Enabled);
        await Eventually.TrueAsync(() => Snapshot.Rows(server.Database, "sms") == 0);
    }

    [Theory]
    [InlineData(7)]
    [InlineData(8)]
    public async Task Codes_may_have_more_digits(int digits)
    {
        await using var server = await TestServer.StartAsync(new FakeTime(), o => o with { Limits = o.Limits with { SmsCodeDigits = digits } });
        using var device = await server.CreateActiveAsync();
        var number = TwoStepSteps.NewNumber();

        Assert.Equal(digits, (await Start(server, device, number)).Started.Code.Digits);
        Assert.Equal(digits, (await server.Sms.WaitAsync(number)).Code.Length);
    }

    [Theory]
    [InlineData("+0436601234567")]
    [InlineData("00436601234567")]
    [InlineData("+43 660 123456")]
    [InlineData("+4366012345678901")]
    [InlineData("+436601a34567")]
    [InlineData("+43660١٢٣٤٥٦")]
    public async Task A_number_that_is_not_E164_is_refused_before_the_password_is_looked_at(string phone)
    {
        await using var server = await TestServer.StartAsync();
        using var device = await server.CreateActiveAsync();
        var before = Snapshot.Of(server.Database);

        var refused = await Refused.WithAsync(
            ErrorReason.InvalidRequest,
            server.Verification.StartPhoneAsync(new StartPhoneRequest { Phone = phone, Reauthentication = new Reauthentication { Password = "Wrong-Password-1" } }, device.Call));

        Assert.Equal("phone", Assert.Single(refused.Fields).Field);
        Assert.Equal(before, Snapshot.Of(server.Database));
    }

    [Fact]
    public async Task A_number_gets_one_message_a_minute_and_five_a_day_whichever_account_asks()
    {
        await using var server = await TestServer.StartAsync(new FakeTime());
        using var device = await server.CreateActiveAsync();
        using var other = await server.CreateActiveAsync();
        var number = TwoStepSteps.NewNumber();
        var start = server.Time.GetUtcNow();
        await server.StartPhoneAsync(device, number);

        server.Clock.Advance(TimeSpan.FromMinutes(1) - TimeSpan.FromMilliseconds(1));
        var early = await Refused.WithAsync(ErrorReason.RateLimited, Start(server, other, number));
        Assert.Equal(TimeSpan.FromMilliseconds(1), early.RetryAfter);
        server.Clock.Advance(TimeSpan.FromMilliseconds(1));
        await server.StartPhoneAsync(other, number);
        for (var i = 0; i < 3; i++)
        {
            server.Clock.Advance(TimeSpan.FromMinutes(1));
            await server.StartPhoneAsync(i % 2 == 0 ? device : other, number);
        }

        server.Clock.Advance(TimeSpan.FromMinutes(1));
        var full = await Refused.WithAsync(ErrorReason.RateLimited, Start(server, device, number));
        Assert.Equal(start.AddDays(1) - server.Time.GetUtcNow(), full.RetryAfter);
        // Another number is not concerned.
        await server.StartPhoneAsync(device, TwoStepSteps.NewNumber());
        Assert.Equal(5, server.Sms.To(number).Count);

        server.Clock.Advance(full.RetryAfter!.Value);
        await server.RefreshAsync(device);
        await server.StartPhoneAsync(device, number);
        await server.Sms.WaitAsync(number, 6);
    }

    [Fact]
    public async Task Several_messages_in_a_short_time_take_a_security_check()
    {
        await using var server = await TestServer.StartAsync(new FakeTime());
        using var device = await server.CreateActiveAsync();
        for (var i = 0; i < 3; i++)
        {
            Assert.NotNull((await Start(server, device, TwoStepSteps.NewNumber())).Started);
        }

        var number = TwoStepSteps.NewNumber();
        var required = (await Start(server, device, number)).SecurityCheckRequired;
        Assert.NotEmpty(required.Check.PicturePng);
        Assert.Empty(server.Sms.To(number));
        await server.StartPhoneAsync(device, number);
        await server.Sms.WaitAsync(number);
    }
}
