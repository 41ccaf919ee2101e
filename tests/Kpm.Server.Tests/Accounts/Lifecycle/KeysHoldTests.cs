using Kpm.Server.Tests.Hosting;
using Kpm.Server.Tests.Vaults;
using Kpm.V1;

namespace Kpm.Server.Tests.Accounts.Lifecycle;

/// <summary>A stolen mailbox must not be enough to attack or destroy a vault: the day after a password reset by mail.</summary>
public sealed class KeysHoldTests
{
    private static readonly TimeSpan Hold = TimeSpan.FromHours(24);

    [Fact]
    public async Task Whoever_has_only_the_mailbox_sees_no_wrapped_keys_anywhere()
    {
        await using var server = await TestServer.StartAsync(new FakeTime());
        var owner = await server.EnrolAsync();
        var keyset = owner.Author.Keyset(0);
        await server.Vault.PutKeysetAsync(new PutKeysetRequest { Operation = keyset }, owner.Call);
        await server.FillAsync(owner, 2);
        await server.ResetPasswordAsync(owner.Email);
        var thief = new VaultDevice(await server.ConnectAsync(owner.Email, LifecycleSteps.NewPassword));

        Assert.Equal(server.Time.GetUtcNow() + Hold, thief.Session.Session!.KeysHeldUntil.ToDateTimeOffset());
        var vault = await server.Vault.GetVaultAsync(new GetVaultRequest(), thief.Call);
        Assert.Null(vault.Keyset);
        Assert.Equal(thief.Session.Session.KeysHeldUntil, vault.KeysHeldUntil);
        Assert.Equal(4UL, vault.HeadSeq);

        await using var sync = await SyncClient.LiveAsync(server, thief.Session);
        AssertWithheld(sync.Changes, keyset);
        AssertWithheld(await WatchAsync(server, thief, 4), keyset);
    }

    [Fact]
    public async Task Changes_that_are_shared_with_other_streams_are_withheld_from_the_held_one_only()
    {
        await using var server = await TestServer.StartAsync(new FakeTime());
        var owner = await server.EnrolAsync();
        await server.ResetPasswordAsync(owner.Email);
        var thief = await server.ConnectAsync(owner.Email, LifecycleSteps.NewPassword);
        var back = new VaultDevice(await server.ConnectAsync(owner.Email, LifecycleSteps.NewPassword, owner.Session, proven: true)) { Author = { OpSeq = 1 } };
        await using var held = await SyncClient.LiveAsync(server, thief);
        await using var free = await SyncClient.LiveAsync(server, back.Session);

        var keyset = back.Author.Keyset(0);
        await server.Vault.PutKeysetAsync(new PutKeysetRequest { Operation = keyset }, back.Call);
        await held.UntilAsync(() => held.Changes.Count == 2);
        await free.UntilAsync(() => free.Changes.Count == 2);

        Assert.Empty(held.Changes[1].Envelope);
        Assert.True(held.Changes[1].Superseded);
        Assert.Equal(keyset.Envelope, free.Changes[1].Envelope);
        Assert.False(free.Changes[1].Superseded);
    }

    [Fact]
    public async Task Whoever_has_only_the_mailbox_writes_nothing()
    {
        await using var server = await TestServer.StartAsync(new FakeTime());
        var owner = await server.EnrolAsync();
        await server.Vault.PutKeysetAsync(new PutKeysetRequest { Operation = owner.Author.Keyset(0) }, owner.Call);
        var item = Guid.CreateVersion7();
        await server.PushAsync(owner, owner.Author.Put(item, 0));
        await server.ResetPasswordAsync(owner.Email);
        var thief = new VaultDevice(await server.ConnectAsync(owner.Email, LifecycleSteps.NewPassword));
        // The directory tells which devices there are; their ids and public keys are no secret.
        var disguised = new VaultDevice(await server.ConnectAsync(owner.Email, LifecycleSteps.NewPassword, owner.Session)) { Author = { OpSeq = 3 } };
        var before = Snapshot.Of(server.Database);

        await Refused.WithAsync(ErrorReason.KeysHeld, server.Vault.PutKeysetAsync(new PutKeysetRequest { Operation = thief.Author.Keyset(1) }, thief.Call));
        await Refused.WithAsync(ErrorReason.KeysHeld, server.Vault.PublishDeviceKeyAsync(new PublishDeviceKeyRequest { Operation = thief.Author.DeviceKey() }, thief.Call));
        await Refused.WithAsync(ErrorReason.KeysHeld, () => server.PushAsync(thief, thief.Author.Put(Guid.CreateVersion7(), 0)));
        await Refused.WithAsync(ErrorReason.KeysHeld, () => server.PushAsync(disguised, disguised.Author.Delete(item, 1)));
        await using var stream = await SyncClient.LiveAsync(server, disguised.Session);
        await stream.PushAsync(disguised.Author.Delete(item, 1));
        Assert.Equal(RejectionReason.KeysHeld, (await stream.UntilAsync(m => m.OpResult)).Rejected.Reason);
        await stream.PushAsync(disguised.Author.Keyset(1));
        Assert.Equal(RejectionReason.KeysHeld, (await stream.UntilAsync(m => m.OpResult)).Rejected.Reason);

        Assert.Equal(before, Snapshot.Of(server.Database));
    }

    [Fact]
    public async Task Whoever_has_only_the_mailbox_neither_shuts_devices_out_nor_takes_the_account_away()
    {
        await using var server = await TestServer.StartAsync(new FakeTime());
        using var owner = await server.CreateActiveAsync();
        var email = owner.Account!.Email;
        await server.ResetPasswordAsync(email);
        using var thief = await server.ConnectAsync(email, LifecycleSteps.NewPassword);
        var proof = LifecycleSteps.Reauthentication(LifecycleSteps.NewPassword);

        await Refused.WithAsync(ErrorReason.KeysHeld, server.Accounts.RevokeDeviceAsync(new RevokeDeviceRequest { RequestId = LifecycleSteps.NewId(), DeviceId = owner.Info.DeviceId }, thief.Call));
        await Refused.WithAsync(ErrorReason.KeysHeld, server.Accounts.DeleteAccountAsync(new DeleteAccountRequest { RequestId = LifecycleSteps.NewId(), Reauthentication = proof }, thief.Call));
        await Refused.WithAsync(
            ErrorReason.KeysHeld,
            server.Accounts.StartEmailChangeAsync(new StartEmailChangeRequest { RequestId = LifecycleSteps.NewId(), Reauthentication = proof, NewEmail = AccountSteps.NewEmail() }, thief.Call));
        await Refused.WithAsync(
            ErrorReason.KeysHeld,
            server.Accounts.ApproveSessionAsync(new ApproveSessionRequest { RequestId = LifecycleSteps.NewId(), SessionId = thief.Session!.SessionId }, thief.Call));
    }

    [Fact]
    public async Task A_device_that_was_linked_before_and_proves_its_key_goes_on_as_ever()
    {
        await using var server = await TestServer.StartAsync(new FakeTime());
        var owner = await server.EnrolAsync();
        await server.Vault.PutKeysetAsync(new PutKeysetRequest { Operation = owner.Author.Keyset(0) }, owner.Call);
        await server.ResetPasswordAsync(owner.Email);

        using var without = await server.ConnectAsync(owner.Email, LifecycleSteps.NewPassword, owner.Session);
        Assert.NotNull(without.Session!.KeysHeldUntil);
        var back = new VaultDevice(await server.ConnectAsync(owner.Email, LifecycleSteps.NewPassword, owner.Session, proven: true)) { Author = { OpSeq = 2 } };

        Assert.Null(back.Session.Session!.KeysHeldUntil);
        Assert.NotNull((await server.Vault.GetVaultAsync(new GetVaultRequest(), back.Call)).Keyset);
        Assert.NotNull((await server.PushAsync(back, back.Author.Put(Guid.CreateVersion7(), 0))).Applied);
    }

    [Fact]
    public async Task A_device_that_was_linked_after_the_reset_is_held_however_it_proves_itself()
    {
        var time = new FakeTime();
        await using var server = await TestServer.StartAsync(time);
        using var owner = await server.CreateActiveAsync();
        var email = owner.Account!.Email;
        await server.ResetPasswordAsync(email);
        time.Advance(TimeSpan.FromSeconds(1));
        using var thief = await server.ConnectAsync(email, LifecycleSteps.NewPassword);

        await server.ConnectAsync(email, LifecycleSteps.NewPassword, thief, proven: true);

        Assert.NotNull(thief.Session!.KeysHeldUntil);
    }

    [Fact]
    public async Task Under_the_hold_the_password_from_the_mail_proves_nothing_again()
    {
        await using var server = await TestServer.StartAsync(new FakeTime());
        using var owner = await server.CreateActiveAsync();
        await server.ResetPasswordAsync(owner.Account!.Email, AccountSteps.Password);
        using var thief = await server.SignInAsync(owner.Account.Email);
        var proof = LifecycleSteps.Reauthentication();

        // A second factor of the thief's own would end the hold.
        await Refused.WithAsync(ErrorReason.KeysHeld, server.Verification.StartAuthenticatorAsync(new StartAuthenticatorRequest { Reauthentication = proof }, thief.Call));
        await Refused.WithAsync(
            ErrorReason.KeysHeld,
            server.Accounts.ChangePasswordAsync(
                new ChangePasswordRequest { RequestId = LifecycleSteps.NewId(), Reauthentication = proof, NewPassword = LifecycleSteps.NewPassword, NewPasswordConfirmation = LifecycleSteps.NewPassword }, thief.Call));
        using var export = server.Accounts.ExportAccountData(new ExportAccountDataRequest { Reauthentication = proof }, thief.Call);
        await Refused.WithAsync(ErrorReason.KeysHeld, () => export.ResponseStream.MoveNext(TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task A_sign_in_with_a_second_factor_is_not_held()
    {
        await using var server = await TestServer.StartAsync(new FakeTime());
        using var owner = await server.CreateActiveAsync();
        var (app, _) = await server.AddAuthenticatorAsync(owner);
        await server.ResetPasswordAsync(owner.Account!.Email, AccountSteps.Password);
        using var device = new TestDevice(server.Time);

        var step = await server.FirstStepAsync(device, owner.Account.Email);
        server.Clock.Advance(TwoStepSteps.Step);
        var done = await server.Verification.CompleteTwoStepAsync(new CompleteTwoStepRequest { Ticket = step.Ticket, SecondFactor = app.Factor() });

        Assert.Null(done.SignedIn.Session.KeysHeldUntil);
    }

    [Fact]
    public async Task A_held_session_approves_itself_with_a_second_factor()
    {
        await using var server = await TestServer.StartAsync(new FakeTime());
        using var owner = await server.CreateActiveAsync();
        var email = owner.Account!.Email;
        await server.ResetPasswordAsync(email, AccountSteps.Password);
        using var held = await server.SignInAsync(email);
        await server.ConnectAsync(email, AccountSteps.Password, owner, proven: true);
        var (app, _) = await server.AddAuthenticatorAsync(owner);
        var request = new ApproveSessionRequest { RequestId = LifecycleSteps.NewId(), SessionId = held.Session!.SessionId };

        await Refused.WithAsync(ErrorReason.SecondFactorRequired, server.Accounts.ApproveSessionAsync(request, held.Call));
        request.SecondFactor = new SecondFactor { AuthenticatorCode = app.WrongCode() };
        await Refused.WithAsync(ErrorReason.SecondFactorInvalid, server.Accounts.ApproveSessionAsync(request, held.Call));
        Assert.NotNull((await server.Vault.GetVaultAsync(new GetVaultRequest(), held.Call)).KeysHeldUntil);
        request.SecondFactor = app.Factor();
        await server.Accounts.ApproveSessionAsync(request, held.Call);

        Assert.Null((await server.Vault.GetVaultAsync(new GetVaultRequest(), held.Call)).KeysHeldUntil);
    }

    [Fact]
    public async Task The_hold_outlives_a_refresh_and_a_restart_and_ends_after_a_day()
    {
        var time = new FakeTime();
        await using var server = await TestServer.StartAsync(time);
        var owner = await server.EnrolAsync();
        await server.Vault.PutKeysetAsync(new PutKeysetRequest { Operation = owner.Author.Keyset(0) }, owner.Call);
        await server.ResetPasswordAsync(owner.Email);
        using var device = await server.ConnectAsync(owner.Email, LifecycleSteps.NewPassword);
        var until = device.Session!.KeysHeldUntil;

        await server.RestartAsync();
        time.Advance(Hold - TimeSpan.FromMinutes(1));
        await server.RefreshAsync(device);
        Assert.Equal(until, device.Session!.KeysHeldUntil);
        Assert.Null((await server.Vault.GetVaultAsync(new GetVaultRequest(), device.Call)).Keyset);
        time.Advance(TimeSpan.FromMinutes(1));

        var vault = await server.Vault.GetVaultAsync(new GetVaultRequest(), device.Call);
        Assert.NotNull(vault.Keyset);
        Assert.Null(vault.KeysHeldUntil);
        await server.RefreshAsync(device);
        Assert.Null(device.Session!.KeysHeldUntil);
    }

    private static void AssertWithheld(IReadOnlyList<Change> changes, Operation keyset)
    {
        Assert.Equal(4, changes.Count);
        var withheld = Assert.Single(changes, c => c.Kind == OperationKind.Keyset);
        Assert.Empty(withheld.Envelope);
        Assert.True(withheld.Superseded);
        // What the chain needs is there.
        Assert.Equal(keyset.Header, withheld.Header);
        Assert.All(changes, c => Assert.DoesNotContain(Convert.ToHexString(keyset.Envelope.Span), Convert.ToHexString(c.Envelope.Span), StringComparison.Ordinal));
        Assert.Equal(3, changes.Count(c => c.Envelope.Length > 0));
    }

    private static async Task<IReadOnlyList<Change>> WatchAsync(TestServer server, VaultDevice device, int count)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        using var watch = server.Vault.Watch(new WatchRequest(), device.Session.Headers, cancellationToken: patience.Token);
        var changes = new List<Change>();
        while (changes.Count < count)
        {
            Assert.True(await watch.ResponseStream.MoveNext(patience.Token));
            changes.AddRange(watch.ResponseStream.Current.Changes?.Entries ?? []);
        }

        return changes;
    }
}
