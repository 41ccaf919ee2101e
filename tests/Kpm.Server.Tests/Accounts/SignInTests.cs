using Dapper;
using Kpm.Server.Accounts.Passwords;
using Kpm.Server.Tests.Hosting;
using Kpm.V1;

namespace Kpm.Server.Tests.Accounts;

public sealed class SignInTests
{
    private static SignInRequest Request(TestDevice device, string email, string? password = null) =>
        new() { Email = email, Password = password ?? AccountSteps.Password, Device = device.Info };

    [Fact]
    public async Task A_second_device_signs_in_with_address_and_password()
    {
        await using var server = await TestServer.StartAsync();
        using var first = await server.CreateActiveAsync();
        using var second = await server.SignInAsync(first.Account!.Email.ToUpperInvariant());

        Assert.Equal(first.AccountId, second.AccountId);
        Assert.Equal(AccountState.Active, second.Account!.State);
        Assert.Equal(second.Account, (await server.Accounts.GetAccountAsync(new GetAccountRequest(), second.Call)).Account);
        Assert.Equal(first.AccountId.ToString(), (await server.Accounts.GetAccountAsync(new GetAccountRequest(), first.Call)).Account.AccountId);
    }

    [Fact]
    public async Task The_password_is_compared_after_NFKC()
    {
        await using var server = await TestServer.StartAsync();
        var email = AccountSteps.NewEmail();
        using var device = new TestDevice(server.Time);
        var create = device.CreateRequest(email);
        create.Password = create.PasswordConfirmation = "Ångström-ﬁsh-42";
        var created = await server.Accounts.CreateAccountAsync(create);
        device.Session = created.Created.Session;
        await server.Verification.ActivateAccountAsync(new ActivateAccountRequest { Code = (await server.Mails.WaitAsync(email)).Code }, device.Call);

        using var second = new TestDevice(server.Time);
        Assert.NotNull((await server.Accounts.SignInAsync(Request(second, email, "A\u030angstro\u0308m-fish-42"))).SignedIn);
    }

    [Fact]
    public async Task A_wrong_password_and_an_unknown_address_get_the_same_answer()
    {
        await using var server = await TestServer.StartAsync();
        using var owner = await server.CreateActiveAsync();
        using var other = new TestDevice(server.Time);

        var wrong = await Refused.WithAsync(ErrorReason.WrongCredentials, server.Accounts.SignInAsync(Request(other, owner.Account!.Email, "Wrong-Password-1")));
        var unknown = await Refused.WithAsync(ErrorReason.WrongCredentials, server.Accounts.SignInAsync(Request(other, AccountSteps.NewEmail(), "Wrong-Password-1")));

        Assert.Equal(wrong.Info, unknown.Info);
        Assert.Equal(1, Snapshot.Rows(server.Database, "device"));
        Assert.Equal(1, Snapshot.Rows(server.Database, "session"));
    }

    [Fact]
    public async Task A_pending_account_answers_like_a_wrong_password_and_mails_its_activation_again()
    {
        var time = new FakeTime();
        await using var server = await TestServer.StartAsync(time);
        var email = AccountSteps.NewEmail();
        using var device = await server.CreatePendingAsync(email);
        var first = await server.Mails.WaitAsync(email);
        time.Advance(TimeSpan.FromMinutes(2));

        // Twice within a minute: one mail.
        await Refused.WithAsync(ErrorReason.WrongCredentials, server.Accounts.SignInAsync(Request(device, email)));
        await Refused.WithAsync(ErrorReason.WrongCredentials, server.Accounts.SignInAsync(Request(device, email)));

        var again = await server.Mails.WaitAsync(email, 2);
        Assert.NotEqual(first.Token, again.Token);
        await Eventually.TrueAsync(() => Snapshot.Rows(server.Database, "mail") == 0);
        Assert.Equal(2, server.Mails.To(email).Count);
        await Refused.WithAsync(ErrorReason.ActivationInvalid, server.Verification.ActivateAccountAsync(new ActivateAccountRequest { Token = first.Token }, device.Call));
        await server.Verification.ActivateAccountAsync(new ActivateAccountRequest { Token = again.Token }, device.Call);
    }

    [Fact]
    public async Task Signing_in_again_on_a_device_ends_its_session_before()
    {
        await using var server = await TestServer.StartAsync();
        using var device = await server.CreateActiveAsync();
        var former = device.Call;

        await server.SignInAsync(device.Account!.Email, device);

        await Refused.WithAsync(ErrorReason.SessionInvalid, server.Accounts.GetAccountAsync(new GetAccountRequest(), former));
        Assert.NotNull(await server.Accounts.GetAccountAsync(new GetAccountRequest(), device.Call));
        Assert.Equal(1, server.Database.Read(c => c.QuerySingle<int>("SELECT count(*) FROM session WHERE ended_at IS NULL")));
    }

    [Fact]
    public async Task A_device_id_of_another_key_or_account_is_refused_and_changes_nothing()
    {
        await using var server = await TestServer.StartAsync();
        using var owner = await server.CreateActiveAsync();
        using var stranger = await server.CreateActiveAsync();
        using var otherKey = new TestDevice(server.Time, owner.DeviceId);
        var before = Snapshot.Of(server.Database);

        await Refused.WithAsync(ErrorReason.DeviceConflict, server.Accounts.SignInAsync(Request(otherKey, owner.Account!.Email)));
        await Refused.WithAsync(ErrorReason.DeviceConflict, server.Accounts.SignInAsync(Request(owner, stranger.Account!.Email)));

        Assert.Equal(before, Snapshot.Of(server.Database));
        Assert.NotNull(await server.Accounts.GetAccountAsync(new GetAccountRequest(), owner.Call));
    }

    [Fact]
    public async Task Many_devices_of_one_account_sign_in_at_the_same_time()
    {
        await using var server = await TestServer.StartAsync();
        using var owner = await server.CreateActiveAsync();

        var devices = await Task.WhenAll(Enumerable.Range(0, 32).Select(_ => server.SignInAsync(owner.Account!.Email)));

        Assert.All(devices, d => Assert.Equal(owner.AccountId, d.AccountId));
        Assert.Equal(33, Snapshot.Rows(server.Database, "device"));
        Array.ForEach(devices, d => d.Dispose());
    }

    [Fact]
    public async Task A_hash_of_a_former_cost_is_replaced_at_the_next_sign_in()
    {
        await using var server = await TestServer.StartAsync();
        using var owner = await server.CreateActiveAsync();
        var former = server.Database.Read(c => c.QuerySingle<string>("SELECT password_hash FROM account"));
        Assert.StartsWith("$2b$04$", former, StringComparison.Ordinal);

        await server.RestartAsync(o => o with { PasswordHash = new PasswordHashOptions { Cost = 5, Threads = 1 } });
        await server.SignInAsync(owner.Account!.Email, owner);

        Assert.StartsWith("$2b$05$", server.Database.Read(c => c.QuerySingle<string>("SELECT password_hash FROM account")), StringComparison.Ordinal);
        await server.SignInAsync(owner.Account.Email, owner);
    }
}
