using System.Text;
using Grpc.Core;
using Kpm.Server.Tests.Hosting;
using Kpm.V1;

namespace Kpm.Server.Tests.Verification;

public sealed class ConfirmPhoneTests
{
    private static AsyncUnaryCall<ConfirmPhoneResponse> Confirm(TestServer server, TestDevice device, string ticket, string code) =>
        server.Verification.ConfirmPhoneAsync(new ConfirmPhoneRequest { Ticket = ticket, Code = code }, device.Call);

    private static string Other(string code) => (code[0] == '9' ? '0' : '9') + code[1..];

    [Fact]
    public async Task The_number_becomes_a_factor_and_stands_nowhere_in_plain_text()
    {
        using var folder = new Storage.TempFolder();
        await using var server = await TestServer.StartAsync(new FakeTime(), o => o with { Data = folder.File("data") });
        using var device = await server.CreateActiveAsync();
        var number = TwoStepSteps.NewNumber();

        var codes = await server.AddPhoneAsync(device, number);

        Assert.Equal(10, codes.Count);
        var settings = await server.SettingsAsync(device);
        Assert.True(settings.Enabled);
        Assert.Equal(server.Time.GetUtcNow(), settings.PhoneSince.ToDateTimeOffset());
        Assert.EndsWith(number[^2..], settings.MaskedPhone, StringComparison.Ordinal);
        Assert.DoesNotContain(number[1..^2], settings.MaskedPhone, StringComparison.Ordinal);

        var started = await server.Verification.StartAuthenticatorAsync(
            new StartAuthenticatorRequest { Reauthentication = TwoStepSteps.Reauthenticate(new SecondFactor { RecoveryCode = codes[0] }) }, device.Call);
        var secret = SimpleBase.Base32.Rfc4648.Decode(started.Secret);
        await server.Verification.ConfirmAuthenticatorAsync(
            new ConfirmAuthenticatorRequest { Ticket = started.Ticket, Code = new TestAuthenticator(started.Secret, server.Time).Code() }, device.Call);
        await server.StopAsync();

        byte[][] secrets = [Encoding.UTF8.GetBytes(number), Encoding.UTF8.GetBytes(number[1..]), secret, Encoding.UTF8.GetBytes(started.Secret), Encoding.UTF8.GetBytes(started.Ticket),
            .. codes.Select(Encoding.UTF8.GetBytes), .. codes.Select(c => Encoding.UTF8.GetBytes(c.Replace("-", "", StringComparison.Ordinal)))];
        foreach (var file in Directory.EnumerateFiles(folder.File("data"), "kpm.db*"))
        {
            var content = await File.ReadAllBytesAsync(file, TestContext.Current.CancellationToken);
            Assert.All(secrets, s => Assert.Equal(-1, content.AsSpan().IndexOf(s)));
        }

        // The search finds what is there.
        Assert.NotEqual(-1, (await File.ReadAllBytesAsync(folder.File("data/kpm.db"), TestContext.Current.CancellationToken)).AsSpan().IndexOf(Encoding.UTF8.GetBytes(device.Account!.Email)));
        Assert.DoesNotContain(number[1..], server.Logs.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Five_wrong_codes_end_it_and_a_code_lives_five_minutes()
    {
        await using var server = await TestServer.StartAsync(new FakeTime());
        using var device = await server.CreateActiveAsync();
        var number = TwoStepSteps.NewNumber();
        var started = await server.StartPhoneAsync(device, number);
        var code = (await server.Sms.WaitAsync(number)).Code;
        for (var i = 0; i < 5; i++)
        {
            await Refused.WithAsync(ErrorReason.SecondFactorInvalid, Confirm(server, device, started.Ticket, Other(code)));
        }

        await Refused.WithAsync(ErrorReason.TicketInvalid, Confirm(server, device, started.Ticket, code));

        server.Clock.Advance(TimeSpan.FromMinutes(1));
        started = await server.StartPhoneAsync(device, number);
        code = (await server.Sms.WaitAsync(number, 2)).Code;
        server.Clock.Advance(TimeSpan.FromMinutes(5));
        await Refused.WithAsync(ErrorReason.SecondFactorInvalid, Confirm(server, device, started.Ticket, code));

        started = await server.StartPhoneAsync(device, number);
        code = (await server.Sms.WaitAsync(number, 3)).Code;
        server.Clock.Advance(TimeSpan.FromMinutes(5) - TimeSpan.FromMilliseconds(1));
        await Confirm(server, device, started.Ticket, code);
    }

    [Fact]
    public async Task Another_message_replaces_the_one_before()
    {
        await using var server = await TestServer.StartAsync(new FakeTime());
        using var device = await server.CreateActiveAsync();
        var number = TwoStepSteps.NewNumber();
        var first = await server.StartPhoneAsync(device, number);
        var firstCode = (await server.Sms.WaitAsync(number)).Code;
        server.Clock.Advance(TimeSpan.FromMinutes(1));
        var second = await server.StartPhoneAsync(device, number);
        var secondCode = (await server.Sms.WaitAsync(number, 2)).Code;

        await Refused.WithAsync(ErrorReason.TicketInvalid, Confirm(server, device, first.Ticket, firstCode));
        if (firstCode != secondCode)
        {
            await Refused.WithAsync(ErrorReason.SecondFactorInvalid, Confirm(server, device, second.Ticket, firstCode));
        }

        await Confirm(server, device, second.Ticket, secondCode);
    }

    [Fact]
    public async Task Of_64_confirmations_at_once_one_wins()
    {
        await using var server = await TestServer.StartAsync(new FakeTime());
        using var device = await server.CreateActiveAsync();
        var number = TwoStepSteps.NewNumber();
        var started = await server.StartPhoneAsync(device, number);
        var code = (await server.Sms.WaitAsync(number)).Code;

        var outcomes = await Race.Of64Async(() => Confirm(server, device, started.Ticket, code).ResponseAsync);

        Assert.Equal(1, outcomes.Count(o => o == "OK"));
        Assert.Equal(63, outcomes.Count(o => o == "TICKET_INVALID"));
    }
}
