using Kpm.Server.Accounts.Lifecycle;
using Kpm.Server.Tests.Hosting;
using Kpm.V1;
using Microsoft.Extensions.DependencyInjection;

namespace Kpm.Server.Tests.Accounts.Lifecycle;

public sealed class CancelDeletionTests
{
    private static readonly TimeSpan Grace = TimeSpan.FromDays(14);

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task The_mailed_token_and_the_one_of_a_sign_in_keep_the_account(bool mailed)
    {
        var time = new FakeTime();
        await using var server = await TestServer.StartAsync(time);
        using var device = await DeletedAsync(server);
        var email = device.Account!.Email;
        time.Advance(TimeSpan.FromDays(13));
        var token = mailed
            ? await server.TokenAsync(email, "kpm-keep-")
            : (await server.Accounts.SignInAsync(new TestDevice(time).SignInRequest(email))).DeletionScheduled.Token;

        await server.Accounts.CancelDeletionAsync(Request(token));

        using var again = await server.SignInAsync(email, device);
        await server.MailedAsync(email, "deletion-cancelled");
        Assert.Equal(
            [SecurityEventKind.AccountCreated, SecurityEventKind.AccountActivated, SecurityEventKind.DeletionScheduled, SecurityEventKind.DeletionCancelled, SecurityEventKind.SignedIn],
            await server.KindsAsync(again));
        time.Advance(TimeSpan.FromDays(2));
        await server.RefreshAsync(again);
        Assert.NotNull(await server.Accounts.GetAccountAsync(new GetAccountRequest(), again.Call));
        // Both tokens are spent now.
        await Refused.WithAsync(ErrorReason.TokenInvalid, server.Accounts.CancelDeletionAsync(Request(await server.TokenAsync(email, "kpm-keep-"))));
    }

    [Fact]
    public async Task Of_64_uses_one_wins()
    {
        await using var server = await TestServer.StartAsync(new FakeTime());
        using var device = await DeletedAsync(server);
        var token = await server.TokenAsync(device.Account!.Email, "kpm-keep-");

        await LifecycleSteps.OneWinsAsync(ErrorReason.TokenInvalid, async () => await server.Accounts.CancelDeletionAsync(Request(token)));
    }

    [Fact]
    public async Task After_the_grace_nothing_keeps_it()
    {
        var time = new FakeTime();
        await using var server = await TestServer.StartAsync(time, o => o with { Limits = o.Limits with { SweepInterval = TimeSpan.FromDays(30) } });
        using var device = await DeletedAsync(server);
        var token = await server.TokenAsync(device.Account!.Email, "kpm-keep-");
        time.Advance(Grace);

        // The job has not come yet, but the time has.
        await Refused.WithAsync(ErrorReason.TokenInvalid, server.Accounts.CancelDeletionAsync(Request(token)));
        await Refused.WithAsync(ErrorReason.WrongCredentials, server.Accounts.SignInAsync(new TestDevice(time).SignInRequest(device.Account!.Email)));
    }

    [Fact]
    public async Task Between_keeping_and_deleting_one_comes_first()
    {
        for (var round = 0; round < 8; round++)
        {
            var time = new FakeTime();
            await using var server = await TestServer.StartAsync(time, o => o with { Limits = o.Limits with { SweepInterval = TimeSpan.FromDays(30) } });
            using var device = await DeletedAsync(server);
            var token = await server.TokenAsync(device.Account!.Email, "kpm-keep-");
            time.Advance(Grace - TimeSpan.FromMilliseconds(1));
            var store = server.Services.GetRequiredService<IDeletionStore>();
            var receipts = server.Services.GetRequiredService<Deletions>();

            // The sweeper's clock is a millisecond ahead: both could act.
            var keeping = KeepAsync(server, token);
            var deleting = store.RemoveDueAsync(time.GetUtcNow() + TimeSpan.FromMilliseconds(1), 10, receipts.Receipt, TestContext.Current.CancellationToken);
            var (kept, deleted) = (await keeping, (await deleting).Count == 1);

            Assert.NotEqual(kept, deleted);
            Assert.Equal(kept ? 1 : 0, Snapshot.Rows(server.Database, "account"));
        }
    }

    private static async Task<bool> KeepAsync(TestServer server, string token)
    {
        try
        {
            await server.Accounts.CancelDeletionAsync(Request(token));
            return true;
        }
        catch (Grpc.Core.RpcException e)
        {
            Assert.Equal("TOKEN_INVALID", RefusedCall.Of(e).Info.Reason);
            return false;
        }
    }

    private static CancelDeletionRequest Request(string token) => new() { Token = token };

    private static async Task<TestDevice> DeletedAsync(TestServer server)
    {
        var device = await server.CreateActiveAsync();
        await server.Accounts.DeleteAccountAsync(new DeleteAccountRequest { RequestId = LifecycleSteps.NewId(), Reauthentication = LifecycleSteps.Reauthentication() }, device.Call);
        return device;
    }
}
