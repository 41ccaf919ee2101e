using Kpm.Server.Tests.Accounts.Lifecycle;
using Kpm.Server.Tests.Hosting;
using Kpm.Server.Tests.Vaults;
using Kpm.V1;

namespace Kpm.Server.Tests.Accounts;

public sealed class SignOutTests
{
    [Fact]
    public async Task Signing_out_ends_the_session_and_no_other()
    {
        await using var server = await TestServer.StartAsync();
        using var first = await server.CreateActiveAsync();
        using var second = await server.SignInAsync(first.Account!.Email);

        await server.Accounts.SignOutAsync(new SignOutRequest { RequestId = Guid.CreateVersion7().ToString() }, first.Call);

        await Refused.WithAsync(ErrorReason.SessionInvalid, server.Accounts.GetAccountAsync(new GetAccountRequest(), first.Call));
        var token = first.Session!.RefreshToken;
        await Refused.WithAsync(
            ErrorReason.RefreshTokenInvalid,
            server.Accounts.RefreshSessionAsync(new RefreshSessionRequest { RefreshToken = token, Proof = first.Prove(TestDevice.RefreshMethod, token) }));
        Assert.NotNull(await server.Accounts.GetAccountAsync(new GetAccountRequest(), second.Call));
    }

    [Fact]
    public async Task Repeating_it_returns_the_first_result_though_the_session_is_over()
    {
        var time = new FakeTime();
        await using var server = await TestServer.StartAsync(time);
        using var device = await server.CreateActiveAsync();
        var request = new SignOutRequest { RequestId = Guid.CreateVersion7().ToString() };
        await server.Accounts.SignOutAsync(request, device.Call);
        var before = Snapshot.Of(server.Database);

        Assert.NotNull(await server.Accounts.SignOutAsync(request, device.Call));
        await Refused.WithAsync(ErrorReason.SessionInvalid, server.Accounts.SignOutAsync(new SignOutRequest { RequestId = Guid.CreateVersion7().ToString() }, device.Call));

        Assert.Equal(before, Snapshot.Of(server.Database));
    }

    [Fact]
    public async Task Signing_out_everywhere_ends_every_session_with_its_stream()
    {
        await using var server = await TestServer.StartAsync();
        var first = await server.EnrolAsync();
        var second = await server.LinkAsync(first.Email);
        using var stranger = await server.CreateActiveAsync();
        await using var own = await SyncClient.LiveAsync(server, first.Session);
        await using var other = await SyncClient.LiveAsync(server, second.Session);
        var request = new SignOutRequest { RequestId = Guid.CreateVersion7().ToString(), Everywhere = true };

        await server.Accounts.SignOutAsync(request, first.Call);

        Assert.Equal(RevokedReason.SignedOut, (await own.NextAsync(m => m.Revoked)).Reason);
        Assert.Equal(RevokedReason.SignedOut, (await other.NextAsync(m => m.Revoked)).Reason);
        await Refused.WithAsync(ErrorReason.SessionInvalid, server.Accounts.GetAccountAsync(new GetAccountRequest(), first.Call));
        await Refused.WithAsync(ErrorReason.SessionInvalid, server.Accounts.GetAccountAsync(new GetAccountRequest(), second.Call));
        Assert.NotNull(await server.Accounts.GetAccountAsync(new GetAccountRequest(), stranger.Call));
        await server.MailedAsync(first.Email, "signed-out-everywhere");
        Assert.NotNull(await server.Accounts.SignOutAsync(request, first.Call));
        using var again = await server.SignInAsync(first.Email, first.Session);
        Assert.Single(await server.KindsAsync(again), k => k == SecurityEventKind.SignedOutEverywhere);
    }
}
