using Dapper;
using Kpm.Server.Accounts.Passwords;
using Kpm.Server.Tests.Hosting;
using Kpm.Server.Tests.Vaults;
using Kpm.V1;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace Kpm.Server.Tests.Accounts.Lifecycle;

public sealed class CompletePasswordResetTests
{
    [Fact]
    public async Task It_sets_the_password_and_ends_every_session_with_its_stream()
    {
        var time = new FakeTime();
        await using var server = await TestServer.StartAsync(time);
        var owner = await server.EnrolAsync();
        var email = owner.Email;
        var other = await server.LinkAsync(email);
        await using var stream = await SyncClient.LiveAsync(server, other.Session);
        var token = await server.ResetTokenAsync(email);

        var response = await server.Accounts.CompletePasswordResetAsync(LifecycleSteps.ResetRequest(token));

        Assert.Equal(time.GetUtcNow() + TimeSpan.FromHours(24), response.KeysHeldUntil.ToDateTimeOffset());
        Assert.Equal(RevokedReason.PasswordChanged, (await stream.NextAsync(m => m.Revoked)).Reason);
        foreach (var device in (VaultDevice[])[owner, other])
        {
            await Refused.WithAsync(ErrorReason.SessionInvalid, server.Accounts.GetAccountAsync(new GetAccountRequest(), device.Call));
        }

        await Refused.WithAsync(ErrorReason.WrongCredentials, server.Accounts.SignInAsync(new TestDevice(time).SignInRequest(email)));
        using var again = await server.ConnectAsync(email, LifecycleSteps.NewPassword);
        await server.MailedAsync(email, "password-was-reset");
        Assert.Contains(SecurityEventKind.PasswordReset, await server.KindsAsync(again));
    }

    [Fact]
    public async Task A_token_works_once_and_of_64_uses_one_wins()
    {
        await using var server = await TestServer.StartAsync();
        using var device = await server.CreateActiveAsync();
        var token = await server.ResetTokenAsync(device.Account!.Email);

        await LifecycleSteps.OneWinsAsync(ErrorReason.TokenInvalid, async () => await server.Accounts.CompletePasswordResetAsync(LifecycleSteps.ResetRequest(token)));

        Assert.Equal(0, Snapshot.Rows(server.Database, "ticket"));
    }

    [Fact]
    public async Task A_sign_in_that_was_under_way_with_the_former_password_opens_no_session()
    {
        GatedHasher? hasher = null;
        await using var server = await TestServer.StartAsync(new FakeTime(), adjust: services => services.Replace(ServiceDescriptor.Singleton<IPasswordHasher>(
            p => hasher = new GatedHasher(ActivatorUtilities.CreateInstance<BcryptPasswordHasher>(p)))));
        using var device = await server.CreateActiveAsync();
        var token = await server.ResetTokenAsync(device.Account!.Email);
        hasher!.Arm();
        var signIn = server.Accounts.SignInAsync(new TestDevice(server.Time).SignInRequest(device.Account.Email)).ResponseAsync;
        await hasher.VerifiedAsync();

        await server.Accounts.CompletePasswordResetAsync(LifecycleSteps.ResetRequest(token));
        hasher.Release();

        await Refused.WithAsync(ErrorReason.Unavailable, () => signIn);
        Assert.Equal(0L, server.Database.Read(c => c.QuerySingle<long>("SELECT count(*) FROM session WHERE ended_at IS NULL")));
    }

    [Fact]
    public async Task A_token_ends_after_an_hour()
    {
        var time = new FakeTime();
        await using var server = await TestServer.StartAsync(time);
        using var device = await server.CreateActiveAsync();
        var token = await server.ResetTokenAsync(device.Account!.Email);
        time.Advance(TimeSpan.FromHours(1));

        await Refused.WithAsync(ErrorReason.TokenInvalid, server.Accounts.CompletePasswordResetAsync(LifecycleSteps.ResetRequest(token)));
    }

    [Fact]
    public async Task A_password_that_breaks_rules_does_not_use_the_token_up()
    {
        await using var server = await TestServer.StartAsync();
        using var device = await server.CreateActiveAsync();
        var token = await server.ResetTokenAsync(device.Account!.Email);

        await Refused.WithAsync(ErrorReason.PasswordRejected, server.Accounts.CompletePasswordResetAsync(LifecycleSteps.ResetRequest(token, "weak")));
        await server.Accounts.CompletePasswordResetAsync(LifecycleSteps.ResetRequest(token));
    }

    [Fact]
    public async Task A_token_of_another_purpose_resets_nothing()
    {
        await using var server = await TestServer.StartAsync();
        using var device = await server.CreateActiveAsync();
        await server.Accounts.DeleteAccountAsync(new DeleteAccountRequest { RequestId = LifecycleSteps.NewId(), Reauthentication = LifecycleSteps.Reauthentication() }, device.Call);
        var token = await server.TokenAsync(device.Account!.Email, "kpm-keep-");

        await Refused.WithAsync(ErrorReason.TokenInvalid, server.Accounts.CompletePasswordResetAsync(LifecycleSteps.ResetRequest(token)));
        await server.Accounts.CancelDeletionAsync(new CancelDeletionRequest { Token = token });
    }

    [Fact]
    public async Task Nothing_that_could_be_guessed_or_used_is_stored()
    {
        await using var server = await TestServer.StartAsync();
        using var device = await server.CreateActiveAsync();
        var token = await server.ResetTokenAsync(device.Account!.Email);

        Assert.All(Snapshot.Of(server.Database), t => Assert.DoesNotContain(token, t.Value, StringComparison.Ordinal));
        Assert.All(Snapshot.Of(server.Database), t => Assert.DoesNotContain(Convert.ToHexString(System.Text.Encoding.UTF8.GetBytes(token)), t.Value, StringComparison.Ordinal));
    }

    /// <summary>Holds the next verification back once it is done, so that something else can come between it and the write.</summary>
    private sealed class GatedHasher(IPasswordHasher inner) : IPasswordHasher, IDisposable
    {
        private readonly TaskCompletionSource _verified = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly ManualResetEventSlim _gate = new(initialState: true);

        public void Arm() => _gate.Reset();

        public void Release() => _gate.Set();

        public void Dispose() => _gate.Dispose();

        public Task VerifiedAsync() => _verified.Task.WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);

        public string Hash(string password) => inner.Hash(password);

        public bool Verify(string password, string hash)
        {
            var result = inner.Verify(password, hash);
            if (!_gate.IsSet)
            {
                _verified.TrySetResult();
                _gate.Wait();
            }

            return result;
        }

        public bool IsOutdated(string hash) => inner.IsOutdated(hash);
    }
}
