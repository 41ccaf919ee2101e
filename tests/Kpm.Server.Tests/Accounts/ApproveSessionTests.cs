using Kpm.Server.Tests.Accounts.Lifecycle;
using Kpm.Server.Tests.Hosting;
using Kpm.Server.Tests.Vaults;
using Kpm.V1;

namespace Kpm.Server.Tests.Accounts;

public sealed class ApproveSessionTests
{
    [Fact]
    public async Task A_device_that_was_linked_before_approves_a_new_one()
    {
        await using var server = await TestServer.StartAsync(new FakeTime());
        var owner = await server.EnrolAsync();
        var keyset = owner.Author.Keyset(0);
        await server.Vault.PutKeysetAsync(new PutKeysetRequest { Operation = keyset }, owner.Call);
        await server.ResetPasswordAsync(owner.Email);
        using var back = await server.ConnectAsync(owner.Email, LifecycleSteps.NewPassword, owner.Session, proven: true);
        var held = new VaultDevice(await server.ConnectAsync(owner.Email, LifecycleSteps.NewPassword));
        await using var stream = await SyncClient.LiveAsync(server, held.Session);
        var listed = (await server.Accounts.ListDevicesAsync(new ListDevicesRequest(), back.Call)).Devices.Single(d => d.DeviceId == held.Session.Info.DeviceId);
        Assert.Equal(held.Session.Session!.KeysHeldUntil, listed.KeysHeldUntil);
        Assert.Equal(held.Session.Session.SessionId, listed.SessionId);

        await server.Accounts.ApproveSessionAsync(Request(listed.SessionId), back.Call);

        Assert.Equal(keyset.Envelope, (await server.Vault.GetVaultAsync(new GetVaultRequest(), held.Call)).Keyset.Keyset_);
        var enrolled = await server.Vault.PublishDeviceKeyAsync(new PublishDeviceKeyRequest { Operation = held.Author.DeviceKey() }, held.Call);
        Assert.NotNull(enrolled.Result.Applied);
        // The stream that was open all the time is no longer kept short either.
        var next = held.Author.Keyset(1);
        await server.Vault.PutKeysetAsync(new PutKeysetRequest { Operation = next }, held.Call);
        await stream.UntilAsync(() => stream.Changes.Count == 4);
        Assert.Equal(next.Envelope, stream.Changes[^1].Envelope);
        var approved = (await server.EventsAsync(back)).Single(e => e.Kind == SecurityEventKind.SessionApproved);
        Assert.Equal(held.Session.Info.DeviceId, approved.DeviceId);
        await server.RefreshAsync(held.Session);
        Assert.Null(held.Session.Session!.KeysHeldUntil);
    }

    [Fact]
    public async Task A_held_session_approves_neither_itself_nor_another()
    {
        await using var server = await TestServer.StartAsync(new FakeTime());
        using var owner = await server.CreateActiveAsync();
        var email = owner.Account!.Email;
        await server.ResetPasswordAsync(email);
        using var one = await server.ConnectAsync(email, LifecycleSteps.NewPassword);
        using var two = await server.ConnectAsync(email, LifecycleSteps.NewPassword);

        await Refused.WithAsync(ErrorReason.KeysHeld, server.Accounts.ApproveSessionAsync(Request(one.Session!.SessionId), one.Call));
        await Refused.WithAsync(ErrorReason.KeysHeld, server.Accounts.ApproveSessionAsync(Request(two.Session!.SessionId), one.Call));

        Assert.NotNull((await server.Vault.GetVaultAsync(new GetVaultRequest(), two.Call)).KeysHeldUntil);
    }

    [Fact]
    public async Task Nobody_approves_what_is_not_theirs_or_over()
    {
        await using var server = await TestServer.StartAsync(new FakeTime());
        using var owner = await server.CreateActiveAsync();
        using var stranger = await server.CreateActiveAsync();
        using var gone = await server.SignInAsync(owner.Account!.Email);
        await server.Accounts.SignOutAsync(new SignOutRequest { RequestId = LifecycleSteps.NewId() }, gone.Call);

        await Refused.WithAsync(ErrorReason.NotFound, server.Accounts.ApproveSessionAsync(Request(stranger.Session!.SessionId), owner.Call));
        await Refused.WithAsync(ErrorReason.NotFound, server.Accounts.ApproveSessionAsync(Request(gone.Session!.SessionId), owner.Call));
        await Refused.WithAsync(ErrorReason.NotFound, server.Accounts.ApproveSessionAsync(Request(LifecycleSteps.NewId()), owner.Call));
        // A session without a hold needs no approval, and gets no event.
        await server.Accounts.ApproveSessionAsync(Request(owner.Session!.SessionId), owner.Call);
        Assert.DoesNotContain(SecurityEventKind.SessionApproved, await server.KindsAsync(owner));
    }

    private static ApproveSessionRequest Request(string sessionId) => new() { RequestId = LifecycleSteps.NewId(), SessionId = sessionId };
}
