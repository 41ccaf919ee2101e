using Kpm.Server.Tests.Hosting;
using Kpm.Server.Tests.Vaults;
using Kpm.V1;

namespace Kpm.Server.Tests.Accounts;

public sealed class AccountSweeperTests
{
    [Fact]
    public async Task Ended_sessions_stay_as_long_as_something_may_refer_to_them()
    {
        var time = new FakeTime();
        await using var server = await TestServer.StartAsync(time);
        using var first = await server.CreateActiveAsync();
        using var second = await server.SignInAsync(first.Account!.Email);
        await server.Accounts.SignOutAsync(new SignOutRequest { RequestId = Guid.CreateVersion7().ToString() }, second.Call);

        time.Advance(server.Limits.EndedSessionRetention - TimeSpan.FromMinutes(2));
        // Something else that the sweep removes tells that it has been there.
        await Eventually.TrueAsync(() => Snapshot.Rows(server.Database, "request") == 0);
        Assert.Equal(2, Snapshot.Rows(server.Database, "session"));

        time.Advance(TimeSpan.FromMinutes(4));
        await Eventually.TrueAsync(() => Snapshot.Rows(server.Database, "session") == 1);
        await server.RefreshAsync(first);
    }

    [Fact]
    public async Task The_vault_of_a_removed_account_is_emptied_step_by_step()
    {
        var time = new FakeTime();
        await using var server = await TestServer.StartAsync(time);
        var device = new VaultDevice(await server.CreatePendingAsync());
        await server.Vault.PublishDeviceKeyAsync(new PublishDeviceKeyRequest { Operation = device.Author.DeviceKey() }, device.Call);
        await server.FillAsync(device, items: 250);
        var kept = await server.EnrolAsync();
        await server.FillAsync(kept, items: 3);
        var mail = await server.Mails.WaitAsync(device.Email);

        await server.Verification.DiscardPendingAccountAsync(new DiscardPendingAccountRequest { Token = mail.DiscardToken });
        await Refused.WithAsync(ErrorReason.SessionInvalid, () => server.FillAsync(device, items: 1));
        time.Advance(TimeSpan.FromMinutes(1));

        await Eventually.TrueAsync(() => Snapshot.Rows(server.Database, "removed_vault") == 0);
        var removed = Convert.ToHexString(device.Session.AccountId.ToByteArray(bigEndian: true));
        Assert.All(Snapshot.Of(server.Database), table => Assert.DoesNotContain(removed, table.Value, StringComparison.Ordinal));
        Assert.Equal(4, Snapshot.Rows(server.Database, "change"));
        await server.FillAsync(kept, items: 1);
    }

    [Fact]
    public async Task More_than_one_batch_is_swept_in_one_round()
    {
        var time = new FakeTime();
        await using var server = await TestServer.StartAsync(time, o => o with { Limits = o.Limits with { SweepBatch = 2 } });
        for (var i = 0; i < 5; i++)
        {
            using var device = await server.CreatePendingAsync();
        }

        time.Advance(TimeSpan.FromDays(7));

        await Eventually.TrueAsync(() => Snapshot.Rows(server.Database, "account") == 0 && Snapshot.Rows(server.Database, "removed_vault") == 0);
    }
}
