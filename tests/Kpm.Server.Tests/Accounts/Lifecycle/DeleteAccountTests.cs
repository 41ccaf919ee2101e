using Kpm.Server.Tests.Hosting;
using Kpm.Server.Tests.Vaults;
using Kpm.V1;

namespace Kpm.Server.Tests.Accounts.Lifecycle;

public sealed class DeleteAccountTests
{
    private static readonly TimeSpan Grace = TimeSpan.FromDays(14);

    [Fact]
    public async Task Every_session_ends_at_once_with_its_stream_and_the_account_in_fourteen_days()
    {
        var time = new FakeTime();
        await using var server = await TestServer.StartAsync(time);
        var owner = await server.EnrolAsync();
        var email = owner.Email;
        await server.FillAsync(owner, 3);
        var other = await server.LinkAsync(email);
        await using var own = await SyncClient.LiveAsync(server, owner.Session);
        await using var stream = await SyncClient.LiveAsync(server, other.Session);

        var response = await server.Accounts.DeleteAccountAsync(Request(), owner.Call);

        Assert.Equal(time.GetUtcNow() + Grace, response.DeletesAt.ToDateTimeOffset());
        Assert.Equal(RevokedReason.AccountDeletion, (await own.NextAsync(m => m.Revoked)).Reason);
        Assert.Equal(RevokedReason.AccountDeletion, (await stream.NextAsync(m => m.Revoked)).Reason);
        await Refused.WithAsync(ErrorReason.SessionInvalid, server.Accounts.GetAccountAsync(new GetAccountRequest(), owner.Call));
        await server.MailedAsync(email, "deletion-scheduled");
        // The address stays taken, and a sign-in tells how to keep the account.
        await Refused.WithAsync(ErrorReason.EmailInUse, () => server.CreatePendingAsync(email));
        var scheduled = (await server.Accounts.SignInAsync(new TestDevice(time).SignInRequest(email))).DeletionScheduled;
        Assert.Equal(response.DeletesAt, scheduled.DeletesAt);

        time.Advance(Grace);
        await EndedAsync(server);
        var receipt = await server.MailedAsync(email, "deletion-done");
        Assert.Matches("[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", receipt.Text);
        Assert.Equal(1, Snapshot.Rows(server.Database, "deletion_receipt"));
        // Nothing but the receipt names the account.
        var id = Convert.ToHexString(owner.Session.AccountId.ToByteArray(bigEndian: true));
        Assert.All(Snapshot.Of(server.Database).Where(t => t.Key != "deletion_receipt"), t => Assert.DoesNotContain(id, t.Value, StringComparison.Ordinal));
        await Refused.WithAsync(ErrorReason.WrongCredentials, server.Accounts.SignInAsync(new TestDevice(time).SignInRequest(email)));
        using var again = await server.CreatePendingAsync(email);
        Assert.NotEqual(owner.Session.AccountId, again.AccountId);
    }

    [Fact]
    public async Task A_pending_account_is_gone_at_once()
    {
        await using var server = await TestServer.StartAsync(new FakeTime());
        using var device = await server.CreatePendingAsync();

        var response = await server.Accounts.DeleteAccountAsync(Request(), device.Call);

        Assert.Null(response.DeletesAt);
        Assert.Equal(0, Snapshot.Rows(server.Database, "account"));
        await Refused.WithAsync(ErrorReason.SessionInvalid, server.Accounts.GetAccountAsync(new GetAccountRequest(), device.Call));
    }

    [Fact]
    public async Task It_takes_the_password()
    {
        await using var server = await TestServer.StartAsync(new FakeTime());
        using var device = await server.CreateActiveAsync();

        await Refused.WithAsync(ErrorReason.WrongCredentials, server.Accounts.DeleteAccountAsync(Request("Wrong-Password-1"), device.Call));

        Assert.NotNull(await server.Accounts.GetAccountAsync(new GetAccountRequest(), device.Call));
    }

    [Fact]
    public async Task Repeating_it_returns_the_first_result_though_the_session_is_over()
    {
        var time = new FakeTime();
        await using var server = await TestServer.StartAsync(time);
        using var device = await server.CreateActiveAsync();
        var request = Request();
        var first = await server.Accounts.DeleteAccountAsync(request, device.Call);
        time.Advance(TimeSpan.FromMinutes(1));

        Assert.Equal(first, await server.Accounts.DeleteAccountAsync(request, device.Call));
        await server.TokenAsync(device.Account!.Email, "kpm-keep-");
        Assert.Single(server.Mails.To(device.Account!.Email), m => m.Text.Contains("kpm-keep-", StringComparison.Ordinal));
    }

    private static Task EndedAsync(TestServer server) =>
        Eventually.TrueAsync(() => Snapshot.Rows(server.Database, "account") == 0 && Snapshot.Rows(server.Database, "removed_vault") == 0);

    private static DeleteAccountRequest Request(string password = AccountSteps.Password) =>
        new() { RequestId = LifecycleSteps.NewId(), Reauthentication = LifecycleSteps.Reauthentication(password) };
}
