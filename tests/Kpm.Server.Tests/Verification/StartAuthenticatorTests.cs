using System.Buffers.Binary;
using Kpm.Server.Tests.Hosting;
using Kpm.V1;

namespace Kpm.Server.Tests.Verification;

public sealed class StartAuthenticatorTests
{
    [Fact]
    public async Task The_secret_comes_typed_as_a_link_and_as_a_picture_and_changes_nothing_yet()
    {
        await using var server = await TestServer.StartAsync(new FakeTime());
        using var device = await server.CreateActiveAsync("owner+two@example.org");

        var started = await server.Verification.StartAuthenticatorAsync(new StartAuthenticatorRequest { Reauthentication = TwoStepSteps.Reauthenticate() }, device.Call);

        Assert.Matches("^[A-Z2-7]{32}$", started.Secret);
        Assert.Equal($"otpauth://totp/Kpm:owner%2Btwo%40example.org?secret={started.Secret}&issuer=Kpm&algorithm=SHA1&digits=6&period=30", started.OtpauthUri);
        Assert.Equal(server.Time.GetUtcNow().AddMinutes(10), started.ExpiresAt.ToDateTimeOffset());
        var png = started.QrPng.ToByteArray();
        Assert.Equal([0x89, (byte)'P', (byte)'N', (byte)'G'], png[..4]);
        // The IHDR chunk: a square large enough to be read from a screen.
        var (width, height) = (BinaryPrimitives.ReadInt32BigEndian(png.AsSpan(16)), BinaryPrimitives.ReadInt32BigEndian(png.AsSpan(20)));
        Assert.Equal(width, height);
        Assert.InRange(width, 200, 600);
        Assert.False((await server.SettingsAsync(device)).Enabled);
        Assert.NotNull(await server.SignInAsync(device.Account!.Email));
    }

    [Fact]
    public async Task It_takes_the_password_and_where_there_is_a_factor_that_one_too()
    {
        await using var server = await TestServer.StartAsync(new FakeTime());
        using var device = await server.CreateActiveAsync();
        var wrong = new StartAuthenticatorRequest { Reauthentication = new Reauthentication { Password = "Wrong-Password-1" } };
        await Refused.WithAsync(ErrorReason.WrongCredentials, server.Verification.StartAuthenticatorAsync(wrong, device.Call));

        var (app, _) = await server.AddAuthenticatorAsync(device);
        var before = Snapshot.Of(server.Database)["ticket"];
        await Refused.WithAsync(
            ErrorReason.SecondFactorRequired, server.Verification.StartAuthenticatorAsync(new StartAuthenticatorRequest { Reauthentication = TwoStepSteps.Reauthenticate() }, device.Call));
        await Refused.WithAsync(
            ErrorReason.SecondFactorInvalid,
            server.Verification.StartAuthenticatorAsync(
                new StartAuthenticatorRequest { Reauthentication = TwoStepSteps.Reauthenticate(new SecondFactor { AuthenticatorCode = app.WrongCode() }) }, device.Call));
        Assert.Equal(before, Snapshot.Of(server.Database)["ticket"]);

        // A wrong password does not use the factor up.
        var factor = app.Factor();
        var request = new StartAuthenticatorRequest { Reauthentication = new Reauthentication { Password = "Wrong-Password-1", SecondFactor = factor } };
        await Refused.WithAsync(ErrorReason.WrongCredentials, server.Verification.StartAuthenticatorAsync(request, device.Call));
        Assert.NotEmpty((await server.Verification.StartAuthenticatorAsync(new StartAuthenticatorRequest { Reauthentication = TwoStepSteps.Reauthenticate(factor) }, device.Call)).Ticket);
    }

    [Fact]
    public async Task A_pending_account_can_not_begin()
    {
        await using var server = await TestServer.StartAsync();
        using var device = await server.CreatePendingAsync();

        await Refused.WithAsync(
            ErrorReason.ActivationRequired, server.Verification.StartAuthenticatorAsync(new StartAuthenticatorRequest { Reauthentication = TwoStepSteps.Reauthenticate() }, device.Call));
    }
}
