using Kpm.Server.Tests.Hosting;
using Kpm.Server.Tests.Vaults;
using Kpm.V1;

namespace Kpm.Server.Tests.Accounts.Lifecycle;

public sealed class ChangePasswordTests
{
    [Fact]
    public async Task The_new_password_counts_and_every_other_session_ends_with_its_stream()
    {
        await using var server = await TestServer.StartAsync();
        var owner = await server.EnrolAsync();
        var email = owner.Email;
        var other = await server.LinkAsync(email);
        await using var own = await SyncClient.LiveAsync(server, owner.Session);
        await using var stream = await SyncClient.LiveAsync(server, other.Session);

        await server.Accounts.ChangePasswordAsync(Request(), owner.Call);
        await server.FillAsync(owner, 3);

        Assert.Equal(RevokedReason.PasswordChanged, (await stream.NextAsync(m => m.Revoked)).Reason);
        await stream.CompleteAsync();
        await stream.EndAsync();
        await Refused.WithAsync(ErrorReason.SessionInvalid, server.Accounts.GetAccountAsync(new GetAccountRequest(), other.Call));
        Assert.NotNull(await server.Accounts.GetAccountAsync(new GetAccountRequest(), owner.Call));
        await own.UntilAsync(() => own.Changes.Count == 4);
        await Refused.WithAsync(ErrorReason.WrongCredentials, server.Accounts.SignInAsync(new TestDevice(server.Time).SignInRequest(email)));
        using var again = await server.ConnectAsync(email, LifecycleSteps.NewPassword);
        Assert.Null(again.Session!.KeysHeldUntil);
        await server.MailedAsync(email, "password-changed");
        Assert.Contains(SecurityEventKind.PasswordChanged, await server.KindsAsync(owner.Session));
    }

    [Fact]
    public async Task A_stolen_session_without_the_password_changes_nothing()
    {
        await using var server = await TestServer.StartAsync();
        using var device = await server.CreateActiveAsync();
        var before = Snapshot.Of(server.Database);

        await Refused.WithAsync(ErrorReason.WrongCredentials, server.Accounts.ChangePasswordAsync(Request("Wrong-Password-1"), device.Call));

        // The wrong guess is counted, and nothing else.
        Assert.Equal(before.Where(t => t.Key != "guard_counter"), Snapshot.Of(server.Database).Where(t => t.Key != "guard_counter"));
        Assert.Equal(1, Snapshot.Rows(server.Database, "guard_counter"));
    }

    [Fact]
    public async Task A_password_that_breaks_rules_is_refused_with_every_rule()
    {
        await using var server = await TestServer.StartAsync();
        using var device = await server.CreateActiveAsync();
        var request = Request();
        request.NewPassword = "short";
        request.NewPasswordConfirmation = "other";

        var refused = await Refused.WithAsync(ErrorReason.PasswordRejected, server.Accounts.ChangePasswordAsync(request, device.Call));

        Assert.Contains("PASSWORD_TOO_SHORT", refused.FieldReasons);
        Assert.Contains("PASSWORD_NEEDS_DIGIT", refused.FieldReasons);
        Assert.Contains("PASSWORD_CONFIRMATION_DIFFERS", refused.FieldReasons);
        Assert.Equal(["new_password", "new_password_confirmation"], refused.FieldNames.Distinct());
    }

    [Fact]
    public async Task Repeating_it_returns_the_first_result_though_the_former_password_is_wrong_by_now()
    {
        await using var server = await TestServer.StartAsync();
        using var device = await server.CreateActiveAsync();
        var request = Request();
        await server.Accounts.ChangePasswordAsync(request, device.Call);
        var before = Snapshot.Of(server.Database);

        await server.Accounts.ChangePasswordAsync(request, device.Call);

        Assert.Equal(before, Snapshot.Of(server.Database));
    }

    [Fact]
    public async Task A_remembered_request_tells_nothing_about_passwords()
    {
        await using var server = await TestServer.StartAsync();
        using var device = await server.CreateActiveAsync();
        var request = Request();
        await server.Accounts.ChangePasswordAsync(request, device.Call);

        // Were the password part of the remembered content, its unsalted hash would lie in the database, and this would be an oracle for guesses.
        var guess = request.Clone();
        guess.Reauthentication.Password = "Wrong-Password-1";
        guess.NewPassword = guess.NewPasswordConfirmation = "Some-Guess-7-Here";
        await server.Accounts.ChangePasswordAsync(guess, device.Call);

        await Refused.WithAsync(ErrorReason.WrongCredentials, server.Accounts.SignInAsync(new TestDevice(server.Time).SignInRequest(device.Account!.Email, guess.NewPassword)));
        using var real = await server.ConnectAsync(device.Account!.Email, LifecycleSteps.NewPassword);
    }

    [Fact]
    public async Task Trust_in_devices_ends_with_the_change()
    {
        await using var server = await TestServer.StartAsync(new FakeTime());
        using var device = await server.CreateActiveAsync();
        var (app, _) = await server.AddAuthenticatorAsync(device);
        using var trusted = new TestDevice(server.Time);
        var step = await server.FirstStepAsync(trusted, device.Account!.Email);
        await server.Verification.CompleteTwoStepAsync(new CompleteTwoStepRequest { Ticket = step.Ticket, SecondFactor = app.Factor(), TrustDevice = true });
        Assert.Equal(1, Snapshot.Rows(server.Database, "trusted_device"));
        server.Clock.Advance(TwoStepSteps.Step);
        var request = Request();

        await Refused.WithAsync(ErrorReason.SecondFactorRequired, server.Accounts.ChangePasswordAsync(request, device.Call));
        request.Reauthentication.SecondFactor = app.Factor();
        await server.Accounts.ChangePasswordAsync(request, device.Call);

        Assert.Equal(0, Snapshot.Rows(server.Database, "trusted_device"));
    }

    [Fact]
    public async Task A_mailed_reset_ends_with_the_change()
    {
        await using var server = await TestServer.StartAsync();
        using var device = await server.CreateActiveAsync();
        var token = await server.ResetTokenAsync(device.Account!.Email);

        await server.Accounts.ChangePasswordAsync(Request(), device.Call);

        await Refused.WithAsync(ErrorReason.TokenInvalid, server.Accounts.CompletePasswordResetAsync(LifecycleSteps.ResetRequest(token, "Thief-Password-9")));
    }

    [Fact]
    public async Task Of_changes_at_once_one_wins()
    {
        await using var server = await TestServer.StartAsync();
        using var device = await server.CreateActiveAsync();

        await LifecycleSteps.OneWinsAsync(ErrorReason.WrongCredentials, async () => await server.Accounts.ChangePasswordAsync(Request(), device.Call));
    }

    private static ChangePasswordRequest Request(string password = AccountSteps.Password) => new()
    {
        RequestId = LifecycleSteps.NewId(),
        Reauthentication = LifecycleSteps.Reauthentication(password),
        NewPassword = LifecycleSteps.NewPassword,
        NewPasswordConfirmation = LifecycleSteps.NewPassword,
    };
}
