using Grpc.Core;
using Kpm.Client.Accounts;
using Kpm.Client.Kpm1;
using Kpm.Client.Schema;
using Kpm.Client.Storage;
using Kpm.Client.Sync;
using Kpm.V1;

namespace Kpm.Client.Tests.EndToEnd;

/// <summary>Devices of one account against the server as a process.</summary>
public sealed class DevicesTests(RealServer server) : IClassFixture<RealServer>
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private async Task<(KpmClient Device, OpenVault Vault)> SignInAsync(string email, string? folder = null)
    {
        var device = server.Device(folder);
        await RealServer.SignInAsync(device, email, Cancellation);
        return (device, await device.UnlockAsync(RealServer.MainPasswordText, Cancellation));
    }

    private static Item Note(string name) => new() { Name = name, Note = new Note() };

    private static Task SyncAsync(OpenVault vault) => vault.SyncAsync(_ => { }, Cancellation);

    private static void Edit(OpenVault vault, Guid id, Action<Item> change)
    {
        var found = vault.Find(id)!;
        var edited = found.Item!.Clone();
        change(edited);
        Assert.True(vault.Edit(found, edited));
    }

    [Fact]
    public async Task An_item_of_one_device_comes_to_a_watching_one()
    {
        using var first = server.Device();
        var (email, vault) = await server.AccountAsync(first, Cancellation);
        var (second, watching) = await SignInAsync(email);
        using (second)
        {
            using var ended = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
            var caughtUp = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            var came = new TaskCompletionSource<SyncEvent.Changed>(TaskCreationOptions.RunContinuationsAsynchronously);
            var watch = watching.WatchAsync(
                happened =>
                {
                    if (happened is SyncEvent.CaughtUp)
                    {
                        caughtUp.TrySetResult();
                    }
                    else if (happened is SyncEvent.Changed { Kind: OperationKind.Put } changed)
                    {
                        came.TrySetResult(changed);
                    }
                },
                ended.Token);
            await caughtUp.Task.WaitAsync(Patience, Cancellation);
            var id = vault.Add(Note("seen"));
            await SyncAsync(vault);
            var change = await came.Task.WaitAsync(Patience, Cancellation);
            Assert.Equal((id, first.DeviceId, false), (change.Subject, change.Device, change.Own));
            Assert.Equal("seen", watching.Find(id)!.Item!.Name);

            // An edit on the watching device goes out over the same stream.
            Edit(watching, id, item => item.Notes = "answer");
            while (vault.Find(id)!.Item!.Notes != "answer")
            {
                await Task.Delay(20, Cancellation);
                await SyncAsync(vault);
            }

            await ended.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => watch);
        }
    }

    [Fact]
    public async Task Edits_made_apart_are_merged_and_the_losing_value_is_kept()
    {
        using var first = server.Device();
        var (email, one) = await server.AccountAsync(first, Cancellation);
        var id = one.Add(new Item { Name = "login", WebsiteLogin = new WebsiteLogin { Username = "ada", Password = "old" } });
        await SyncAsync(one);
        var (second, two) = await SignInAsync(email);
        using (second)
        {
            Edit(one, id, item => (item.WebsiteLogin.Password, item.Notes) = ("of one", "note of one"));
            Edit(two, id, item => (item.WebsiteLogin.Password, item.WebsiteLogin.Username) = ("of two", "grace"));
            await SyncAsync(one);
            var events = new List<SyncEvent>();
            await two.SyncAsync(events.Add, Cancellation);
            await SyncAsync(one);
            Assert.Contains(new SyncEvent.Merged(id, 1), events);
            Assert.Equal(two.Find(id), one.Find(id));
            var item = one.Find(id)!.Item!;
            Assert.Equal(("of two", "grace", "note of one"), (item.WebsiteLogin.Password, item.WebsiteLogin.Username, item.Notes));
            Assert.Equal("of one", WebsiteLogin.Parser.ParseFrom(Assert.Single(item.KeptValues).Value).Password);
        }
    }

    [Fact]
    public async Task Edits_without_a_connection_are_queued_and_sent_once_even_across_kills_of_the_server()
    {
        await using var own = new OwnServer();
        await own.Server.InitializeAsync();
        using var first = own.Server.Device();
        var (_, vault) = await own.Server.AccountAsync(first, Cancellation);
        var kept = new List<Guid>();
        for (var round = 0; round < 3; round++)
        {
            await own.Server.KillAsync();
            kept.Add(vault.Add(Note($"round {round}")));
            var offline = await Assert.ThrowsAsync<ServerException>(() => SyncAsync(vault));
            Assert.Equal((StatusCode.Unavailable, true), (offline.StatusCode, offline.IsTransient));
            Assert.True(vault.Find(kept[^1])!.Pending);
            await own.Server.StartAsync();
            await SyncAsync(vault);
            Assert.False(vault.Find(kept[^1])!.Pending);
        }

        // Device key, keyset, and each item once.
        Assert.Equal(2UL + 3UL, vault.Status().Seq);
    }

    [Fact]
    public async Task A_revoked_device_is_told_at_once_and_can_enrol_anew_with_what_it_had_queued()
    {
        using var first = server.Device();
        var (email, vault) = await server.AccountAsync(first, Cancellation);
        var folder = server.NewFolder();
        var (second, watching) = await SignInAsync(email, folder);
        Guid queued;
        using (second)
        {
            var caughtUp = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            var watch = watching.WatchAsync(happened => _ = happened is SyncEvent.CaughtUp && caughtUp.TrySetResult(), Cancellation);
            await caughtUp.Task.WaitAsync(Patience, Cancellation);
            await first.Devices.RevokeAsync(second.DeviceId, Cancellation);
            var stopped = await Assert.ThrowsAsync<SyncStoppedException>(() => watch.WaitAsync(Patience, Cancellation));
            Assert.Equal(SyncStop.Revoked, stopped.Reason);
            Assert.Null(second.SignIn.SignedInAs);
            queued = watching.Add(Note("queued while revoked"));
            await Assert.ThrowsAsync<SignedOutException>(() => SyncAsync(watching));
        }

        var (again, anew) = await SignInAsync(email, folder);
        using (again)
        {
            await SyncAsync(anew);
            await SyncAsync(vault);
            Assert.Equal("queued while revoked", vault.Find(queued)!.Item!.Name);
            Assert.Equal(3, vault.Status().Devices);
        }
    }

    [Fact]
    public async Task A_sign_out_ends_the_session_and_keeps_the_encrypted_copy()
    {
        using var first = server.Device();
        var (email, vault) = await server.AccountAsync(first, Cancellation);
        vault.Add(Note("stays"));
        await SyncAsync(vault);
        await first.SignIn.SignOutAsync(everywhere: false, Cancellation);
        await Assert.ThrowsAsync<SignedOutException>(() => SyncAsync(vault));
        Assert.Equal("stays", Assert.Single(vault.List()).Item!.Name);
        await RealServer.SignInAsync(first, email, Cancellation);
        await SyncAsync(vault);
    }

    [Fact]
    public async Task Wrong_passwords_and_weak_ones_are_refused()
    {
        using var first = server.Device();
        var (email, vault) = await server.AccountAsync(first, Cancellation);
        vault.Dispose();
        Assert.Equal(Kpm1Error.PasswordWrong, (await Assert.ThrowsAsync<Kpm1Exception>(() => first.UnlockAsync("wrong", Cancellation))).Error);
        using var second = server.Device();
        Assert.Equal(ErrorReason.WrongCredentials, (await Assert.ThrowsAsync<ServerException>(() => second.SignIn.WithPasswordAsync(email, "Wrong-Password-1", null, Cancellation))).Reason);
        await RealServer.SignInAsync(second, email, Cancellation);
        Assert.Equal(Kpm1Error.PasswordWrong, (await Assert.ThrowsAsync<Kpm1Exception>(() => second.UnlockAsync("wrong", Cancellation))).Error);
        await Assert.ThrowsAsync<LocalStoreException>(() => second.CreateVaultAsync("another-good-main-password-81", null, Cancellation));
        using var opened = await second.UnlockAsync(RealServer.MainPasswordText, Cancellation);
        Assert.True(opened.IsEnrolled);

        using var third = server.Device();
        var refused = await Assert.ThrowsAsync<ServerException>(() => third.Registration.CreateAccountAsync(
            new NewAccount { Email = "x@example.com", Password = "short", PasswordConfirmation = "short", Region = "AT", Language = "de", MarketingConsent = false, ConsentVersion = "1" }, null, Cancellation));
        Assert.Equal(ErrorReason.PasswordRejected, refused.Reason);
        Assert.True(refused.Violations.Count >= 3, "All broken rules at once.");
    }

    [Fact]
    public async Task A_main_password_that_equals_the_account_password_or_is_weak_makes_no_vault()
    {
        using var device = server.Device();
        var options = await device.Registration.GetSignInOptionsAsync("en", "AT", Cancellation);
        var email = $"weak.{Guid.NewGuid():N}@example.com";
        await device.Registration.CreateAccountAsync(
            new NewAccount { Email = email, Password = "Violet-otter-climbs-72-stairs", PasswordConfirmation = "Violet-otter-climbs-72-stairs", Region = "AT", Language = "de", MarketingConsent = false, ConsentVersion = options.MarketingConsent.Version }, null, Cancellation);
        var same = await Assert.ThrowsAsync<WeakMainPasswordException>(() => device.CreateVaultAsync("Violet-otter-climbs-72-stairs", "Violet-otter-climbs-72-stairs", Cancellation));
        Assert.Equal(MainPasswordProblem.SameAsAccountPassword, same.Problem);
        var weak = await Assert.ThrowsAsync<WeakMainPasswordException>(() => device.CreateVaultAsync("password1", null, Cancellation));
        Assert.Equal(MainPasswordProblem.TooWeak, weak.Problem);
        Assert.False(await device.HasVaultAsync(Cancellation));
        await Assert.ThrowsAsync<VaultMissingException>(() => device.UnlockAsync("password1", Cancellation));
        using var made = await device.CreateVaultAsync(RealServer.MainPasswordText, null, Cancellation);
        Assert.Equal(2UL, made.Status().Seq);
    }

    [Fact]
    public async Task Two_processes_of_one_folder_share_one_stream()
    {
        var folder = server.NewFolder();
        using var watcher = server.Device(folder);
        var (_, watching) = await server.AccountAsync(watcher, Cancellation);
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
        var caughtUp = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var watch = watching.WatchAsync(happened => _ = happened is SyncEvent.CaughtUp && caughtUp.TrySetResult(), ended.Token);
        await caughtUp.Task.WaitAsync(Patience, Cancellation);

        using var adder = server.Device(folder);
        using var adding = await adder.UnlockAsync(RealServer.MainPasswordText, Cancellation);
        var id = adding.Add(Note("of the other process"));
        await SyncAsync(adding).WaitAsync(Patience, Cancellation);
        Assert.False(adding.Find(id)!.Pending);
        Assert.Equal(1UL, watching.Find(id)!.Rev);
        Assert.False(watch.IsCompleted);
        await ended.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => watch);
    }

    [Fact]
    public async Task Many_items_arrive_on_a_new_device_verified()
    {
        using var first = server.Device();
        var (email, vault) = await server.AccountAsync(first, Cancellation);
        for (var i = 0; i < 600; i++)
        {
            vault.Add(Note($"item {i}"));
        }

        await SyncAsync(vault);
        var (second, other) = await SignInAsync(email);
        using (second)
        {
            Assert.Equal(600, other.List().Count(item => item.Item is not null));
            Assert.Equal(603UL, other.Status().Seq);
        }
    }

    /// <summary>A server for one test that ends it.</summary>
    private sealed class OwnServer : IAsyncDisposable
    {
        public RealServer Server { get; } = new();

        public ValueTask DisposeAsync() => Server.DisposeAsync();
    }
}
