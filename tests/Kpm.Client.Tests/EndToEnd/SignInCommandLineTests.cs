using Kpm.Client.Accounts;
using Kpm.V1;

namespace Kpm.Client.Tests.EndToEnd;

/// <summary>A server that sends the next SMS or check by mail after a second, so that a test need not wait for a minute.</summary>
public sealed class QuickServer : RealServer
{
    protected override IEnumerable<string> Options => ["--Kpm:Limits:SmsInterval=00:00:01", "--Kpm:Limits:MailedCheckInterval=00:00:01"];
}

/// <summary>Security Check, hints and two-step verification through kpm.</summary>
public sealed class SignInCommandLineTests(QuickServer server) : IClassFixture<QuickServer>
{
    private readonly CommandLine _kpm = new(server);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task After_wrong_passwords_the_security_check_is_passed_with_a_mailed_code()
    {
        var (own, other) = (server.NewFolder(), server.NewFolder());
        var email = await _kpm.CreateAccountAsync(own);
        for (var i = 0; i < 3; i++)
        {
            (await _kpm.RunAsync(other, [$"Wrong-Password-{i}"], "sign-in", "--email", email)).Failed(3, "is wrong");
        }

        // A script that has no more input learns that a person is needed, and nothing was tried.
        (await _kpm.RunAsync(other, [RealServer.AccountPassword], "sign-in", "--email", email)).Failed(7, "Characters");

        await using var dialogue = _kpm.Talk(other, "--json", "sign-in", "--email", email);
        await dialogue.SayAsync(RealServer.AccountPassword);
        var notes = await dialogue.HearAsync("The picture is in ");
        var start = notes.LastIndexOf("The picture is in ", StringComparison.Ordinal) + "The picture is in ".Length;
        var picture = notes[start..notes.IndexOf(" too.", start, StringComparison.Ordinal)];
        var decoded = Kpm.Cli.Pictures.GreyPicture.FromPng(await File.ReadAllBytesAsync(picture, Cancellation));
        Assert.True(decoded is { Width: >= 100, Height: >= 30 } && decoded.Pixels.Min() < 100 && decoded.Pixels.Max() > 150, "The server's picture can be shown.");
        await dialogue.SayAsync("n");
        await dialogue.SayAsync("wrong");
        await dialogue.HearAsync("That was not it.");
        await dialogue.SayAsync("m");
        await dialogue.HearAsync("A code is on its way");
        await dialogue.SayAsync(await server.FromMailAsync(email, new(@"Security Check: (\d{6})")));
        await dialogue.SayAsync(RealServer.MainPasswordText);
        Assert.Equal(0, (int)(await dialogue.EndAsync()).Succeeded().Json["items"]!);
        Assert.False(File.Exists(picture), "The picture is left behind.");
    }

    [Fact]
    public async Task After_refused_registrations_the_security_check_is_passed_with_a_mailed_code()
    {
        var folder = server.NewFolder();
        var email = $"cli.{Guid.NewGuid():N}@example.com";
        for (var i = 0; i < 3; i++)
        {
            (await _kpm.RunAsync(folder, ["Password1", RealServer.MainPasswordText], "create-account", "--email", email, "--region", "AT")).Failed(2, "common");
        }

        await using var dialogue = _kpm.Talk(folder, "--json", "create-account", "--email", email, "--region", "AT");
        await dialogue.SayAsync(RealServer.AccountPassword);
        await dialogue.SayAsync(RealServer.MainPasswordText);
        await dialogue.HearAsync("Security Check");
        await dialogue.SayAsync("m");
        await dialogue.HearAsync("A code is on its way");
        await dialogue.SayAsync(await server.FromMailAsync(email, new(@"Security Check: (\d{6})")));
        Assert.Equal("pending", (string)(await dialogue.EndAsync()).Succeeded().Json["state"]!);
    }

    [Fact]
    public async Task Two_step_verification_from_the_first_factor_to_none()
    {
        var (first, second) = (server.NewFolder(), server.NewFolder());
        var email = await _kpm.CreateAccountAsync(first);
        string[] main = [RealServer.MainPasswordText], password = [RealServer.AccountPassword];
        Assert.False((bool)(await _kpm.RunAsync(first, [], "--json", "two-step")).Succeeded().Json["enabled"]!);

        // The authenticator app: its secret stands in what kpm notes.
        await using var dialogue = _kpm.Talk(first, "--json", "two-step", "authenticator");
        await dialogue.SayAsync(RealServer.AccountPassword);
        var notes = await dialogue.HearAsync("otpauth://totp/");
        var uri = notes[notes.IndexOf("otpauth://", StringComparison.Ordinal)..].Split('\n')[0].Trim();
        var secret = new Uri(uri).Query.TrimStart('?').Split('&').Single(pair => pair.StartsWith("secret=", StringComparison.Ordinal))["secret=".Length..];
        var app = new Authenticator(secret);
        await dialogue.SayAsync(await app.NextAsync(Cancellation));
        var codes = (await dialogue.EndAsync()).Succeeded().Json["recovery_codes"]!.AsArray().Select(code => (string)code!).ToList();
        Assert.Equal(10, codes.Distinct(StringComparer.Ordinal).Count());

        // Sign-in asks for the second step; once the device is trusted it does not.
        (await _kpm.RunAsync(second, password, "sign-in", "--email", email)).Failed(7, "authenticator app");
        (await _kpm.RunAsync(second, [.. password, "000000", .. main], "sign-in", "--email", email)).Failed(3, "code is wrong");
        (await _kpm.RunAsync(second, [.. password, codes[0], .. main], "sign-in", "--email", email, "--factor", "recovery", "--trust")).Succeeded();
        Assert.Single((await _kpm.RunAsync(first, [], "--json", "two-step", "trusted")).Succeeded().Json.AsArray());
        (await _kpm.RunAsync(second, [], "sign-out")).Succeeded();
        (await _kpm.RunAsync(second, [.. password, .. main], "sign-in", "--email", email)).Succeeded();
        (await _kpm.RunAsync(second, [], "two-step", "forget")).Succeeded();
        (await _kpm.RunAsync(second, [], "sign-out")).Succeeded();
        (await _kpm.RunAsync(second, [.. password, codes[0]], "sign-in", "--email", email, "--factor", "recovery")).Failed(3, "wrong, used or expired");
        (await _kpm.RunAsync(second, [.. password, codes[1], .. main], "sign-in", "--email", email, "--factor", "recovery")).Succeeded();

        // SMS as a second one: the proof is a factor that is there already.
        const string number = "+436601234567";
        await using var phone = _kpm.Talk(second, "--json", "two-step", "phone", "+43 660 123 45-67", "--factor", "recovery");
        await phone.SayAsync(RealServer.AccountPassword);
        await phone.SayAsync(codes[2]);
        await phone.HearAsync("A code is on its way");
        await phone.SayAsync(await server.SmsForAsync(number));
        Assert.Empty((await phone.EndAsync()).Succeeded().Json["recovery_codes"]!.AsArray());
        var status = (await _kpm.RunAsync(first, [], "--json", "two-step", "status")).Succeeded().Json;
        Assert.EndsWith("67", (string)status["masked_phone"]!, StringComparison.Ordinal);
        Assert.Equal(3, status["recovery_codes"]!.AsArray().Count(code => code!["used_at"] is not null));

        // Away with both; a changed factor needs the other one.
        (await _kpm.RunAsync(first, [.. password, codes[3]], "two-step", "remove", "authenticator", "--factor", "recovery")).Succeeded();
        Assert.False((bool)(await _kpm.RunAsync(first, [.. password, codes[4]], "--json", "two-step", "remove", "sms", "--factor", "recovery")).Succeeded().Json["enabled"]!);
        (await _kpm.RunAsync(first, password, "two-step", "remove", "sms")).Failed(1, "does not have this factor");
    }

    [Fact]
    public async Task A_code_by_sms_is_asked_for_and_taken_at_sign_in()
    {
        var (first, second) = (server.NewFolder(), server.NewFolder());
        var email = await _kpm.CreateAccountAsync(first);
        const string number = "+436609876543";
        await using (var phone = _kpm.Talk(first, "two-step", "phone", number))
        {
            await phone.SayAsync(RealServer.AccountPassword);
            await phone.HearAsync("A code is on its way");
            await phone.SayAsync(await server.SmsForAsync(number));
            (await phone.EndAsync()).Succeeded();
        }

        var before = await server.SmsForAsync(number);
        using (var device = server.Device(second))
        {
            var step = Assert.IsType<SignInOutcome.TwoStepRequired>(await device.SignIn.WithPasswordAsync(email, RealServer.AccountPassword, null, Cancellation)).Step;
            Assert.Equal([TwoStepMethod.Sms, TwoStepMethod.RecoveryCode], step.Methods);
            var refused = await Assert.ThrowsAsync<ServerException>(() => device.TwoStep.CompleteAsync(step.Ticket, new SecondFactor { SmsCode = before }, trustDevice: false, Cancellation));
            Assert.Equal(ErrorReason.SecondFactorInvalid, refused.Reason);
            Assert.Null(device.SignIn.SignedInAs);
        }

        await using var dialogue = _kpm.Talk(second, "sign-in", "--email", email);
        await dialogue.SayAsync(RealServer.AccountPassword);
        await dialogue.HearAsync("A code is on its way to");
        await dialogue.SayAsync(await server.SmsForAsync(number, other: before));
        await dialogue.SayAsync(RealServer.MainPasswordText);
        (await dialogue.EndAsync()).Succeeded();
    }
}
