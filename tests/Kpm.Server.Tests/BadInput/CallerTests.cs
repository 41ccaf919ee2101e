using Google.Protobuf;
using Google.Protobuf.Reflection;
using Grpc.Core;
using Kpm.Server.Tests.Faults;
using Kpm.V1;

namespace Kpm.Server.Tests.BadInput;

/// <summary>Every rpc with a caller that it must not serve.</summary>
public sealed class CallerTests(World world) : IClassFixture<World>
{
    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    public static TheoryData<string> Methods() => [.. Rpcs.All.Select(m => m.FullName)];

    public static TheoryData<string> MethodsWithSession() => [.. Rpcs.All.Where(NeedsSession).Select(m => m.FullName)];

    [Fact]
    public void Every_method_says_who_may_call_it() =>
        Assert.All(Rpcs.All, m => Assert.NotEqual(Authentication.Unspecified, Rpcs.AuthenticationOf(m)));

    [Theory]
    [MemberData(nameof(MethodsWithSession))]
    public async Task Without_a_valid_token_nothing_is_served(string method)
    {
        var rpc = Rpcs.Of(method);
        var call = await world.PrepareAsync(world.Variants(rpc)[0], Cancelled);
        var ended = await world.SignedInAsync(Cancelled);
        await new AccountService.AccountServiceClient(world.Connection).SignOutAsync(
            new SignOutRequest { RequestId = TestDevice.NewId() }, ended.Headers, cancellationToken: Cancelled);
        var before = await StateDigest.OfQuietAsync(world.Database, Cancelled);

        string?[] tokens =
        [
            null, "", " ", "x", new string('A', 43), new string('A', 4096), ended.Token, ended.Session.RefreshToken, call.Device!.Session.RefreshToken,
            call.Token![..^1], call.Token + "A", call.Token.ToLowerInvariant(), call.Token + " " + call.Token, call.Device.Session.SessionId, "' OR 1=1 --", "%00",
        ];
        foreach (var token in tokens.Where(t => t != call.Token))
        {
            AssertSessionInvalid(await world.Client.CallAsync(rpc, call.Request.ToByteArray(), token, Cancelled), token);
        }

        Metadata[] headers =
        [
            new() { { "authorization", call.Token } },
            new() { { "authorization", "Basic " + call.Token } },
            new() { { "authorization", "Bearer" + call.Token } },
            new() { { "x-authorization", "Bearer " + call.Token } },
            new() { { "authorization", "Bearer " + ended.Token }, { "authorization", "Bearer " + call.Token } },
        ];
        foreach (var header in headers)
        {
            AssertSessionInvalid(await world.Client.CallAsync(rpc, call.Request.ToByteArray(), header, Cancelled), header[0].Value);
        }

        Assert.Equal("", StateDigest.Difference(before, await StateDigest.OfQuietAsync(world.Database, Cancelled)));
        Assert.Equal(StatusCode.OK, (await world.Client.CallAsync(rpc, call.Request.ToByteArray(), call.Token, Cancelled)).Code);
    }

    [Theory]
    [MemberData(nameof(Methods))]
    public async Task A_worthless_token_matters_only_where_a_token_is_looked_at(string method)
    {
        var rpc = Rpcs.Of(method);
        var call = await world.PrepareAsync(world.Variants(rpc)[^1], Cancelled);

        var outcome = await world.Client.CallAsync(rpc, call.Request.ToByteArray(), new string('A', 43), Cancelled);

        var demanded = Rpcs.AuthenticationOf(rpc);
        Assert.Equal(demanded is not (Authentication.Anonymous or Authentication.Operator), outcome.Reason == Outcome.NameOf(ErrorReason.SessionInvalid));
        Assert.Equal(demanded is Authentication.Operator, outcome.Reason == Outcome.NameOf(ErrorReason.OperatorInvalid));
    }

    [Theory]
    [MemberData(nameof(MethodsWithSession))]
    public async Task A_pending_account_is_served_only_where_the_contract_says_so(string method)
    {
        var rpc = Rpcs.Of(method);
        var call = await world.PrepareAsync(world.Variants(rpc)[0], Cancelled);
        var (pending, _) = await world.PendingAsync(Cancelled);

        var outcome = await world.Client.CallAsync(rpc, call.Request.ToByteArray(), pending.Token, Cancelled);

        Assert.Equal(Rpcs.AuthenticationOf(rpc) == Authentication.ActivatedSession, outcome.Reason == Outcome.NameOf(ErrorReason.ActivationRequired));
    }

    [Fact]
    public async Task An_access_token_ends_when_it_says()
    {
        using var folder = new Storage.TempFolder();
        await using var server = await ServerProcess.StartAsync(folder.File("data"), Cancelled, new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["Kpm__Limits__AccessTokenLifetime"] = "00:00:02",
        });
        var device = new TestDevice(TestDevice.NewEmail());
        await device.RegisterAsync(server.Connect(), Cancelled);
        var client = new RawClient(server.Connect());
        var methods = Rpcs.All.Where(NeedsSession).ToList();

        await Task.Delay(device.Session.AccessExpiresAt.ToDateTimeOffset() - DateTimeOffset.UtcNow + TimeSpan.FromMilliseconds(100), Cancelled);

        foreach (var method in methods)
        {
            var call = await world.PrepareAsync(world.Variants(method)[0], Cancelled);
            AssertSessionInvalid(await client.CallAsync(method, call.Request.ToByteArray(), device.Token, Cancelled), method.FullName);
        }
    }

    [Fact]
    public async Task Somebody_elses_device_is_not_found()
    {
        var stranger = new TestDevice(TestDevice.NewEmail("stranger"));
        await world.ActivatedAsync(stranger, Cancelled);
        var before = await StateDigest.OfQuietAsync(world.Database, Cancelled);
        var rpc = Rpcs.Of("kpm.v1.AccountService.RevokeDevice");

        foreach (var device in new[] { stranger.Id, TestDevice.NewId(), world.Owner.AccountId })
        {
            var outcome = await world.Client.CallAsync(
                rpc, new RevokeDeviceRequest { RequestId = TestDevice.NewId(), DeviceId = device }.ToByteArray(), world.Owner.Token, Cancelled);

            Assert.Equal(StatusCode.NotFound, outcome.Code);
            Assert.Equal(Outcome.NameOf(ErrorReason.NotFound), outcome.Reason);
        }

        Assert.Equal("", StateDigest.Difference(before, await StateDigest.OfQuietAsync(world.Database, Cancelled)));
    }

    [Fact]
    public async Task Operations_for_somebody_elses_vault_are_refused()
    {
        var stranger = new TestDevice(TestDevice.NewEmail("stranger"));
        await world.ActivatedAsync(stranger, Cancelled);
        await stranger.EnrolAsync(world.Connection, Cancelled);
        var vaults = new VaultService.VaultServiceClient(world.Connection);
        var before = await vaults.GetVaultAsync(new GetVaultRequest(), world.Owner.Headers, cancellationToken: Cancelled);

        // The stranger signs operations whose headers name the owner's account, and sends them in its own session.
        var own = stranger.AccountId;
        stranger.AccountId = world.Owner.AccountId;
        var forged = stranger.Put(TestDevice.NewId(), 0);
        stranger.AccountId = own;
        var answer = await vaults.PushAsync(new PushRequest { Operations = { forged } }, stranger.Headers, cancellationToken: Cancelled);

        Assert.Equal(RejectionReason.HeaderMismatch, Assert.Single(answer.Results).Rejected.Reason);
        Assert.Equal(before, await vaults.GetVaultAsync(new GetVaultRequest(), world.Owner.Headers, cancellationToken: Cancelled));
    }

    private static bool NeedsSession(MethodDescriptor method) => Rpcs.AuthenticationOf(method) is Authentication.Session or Authentication.ActivatedSession;

    private static void AssertSessionInvalid(Outcome outcome, string? what)
    {
        Assert.True(outcome.Code == StatusCode.Unauthenticated && outcome.Reason == Outcome.NameOf(ErrorReason.SessionInvalid), $"{what}: {outcome}");
        Assert.Empty(outcome.Messages);
    }
}
