using Google.Protobuf;
using Grpc.Core;
using Kpm.Server.Tests.Faults;
using Kpm.V1;

namespace Kpm.Server.Tests.BadInput;

/// <summary>Messages of Sync that are well-formed but early, late, repeated, foreign or forged: the typed end, and nothing changed.</summary>
public sealed class SyncProtocolTests(World world) : IClassFixture<World>
{
    private static readonly Google.Protobuf.Reflection.MethodDescriptor Sync = Rpcs.Of("kpm.v1.VaultService.Sync");

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    public static TheoryData<string> NotHello() => ["push", "ack", "pong", "reauth", "revoked_ack"];

    [Theory]
    [MemberData(nameof(NotHello))]
    public async Task Only_Hello_may_come_first(string variant)
    {
        var call = await world.PrepareAsync("kpm.v1.VaultService.Sync:" + variant, Cancelled);
        await RefusedAsync(ErrorReason.ProtocolViolation, StatusCode.FailedPrecondition, () => world.Client.CallAsync(Sync, call.Request.ToByteArray(), call.Token, Cancelled));
    }

    [Fact]
    public async Task Hello_comes_once()
    {
        var device = await world.EnrolledAsync(Cancelled);
        await RefusedAsync(ErrorReason.ProtocolViolation, StatusCode.FailedPrecondition, () => OnStreamAsync(device, new SyncRequest { Hello = device.Hello() }));
    }

    [Fact]
    public async Task A_receipt_of_a_revocation_that_was_not_sent_is_a_violation()
    {
        var device = await world.EnrolledAsync(Cancelled);
        await RefusedAsync(ErrorReason.ProtocolViolation, StatusCode.FailedPrecondition, () => OnStreamAsync(device, new SyncRequest { RevokedAck = new RevokedAck() }));
    }

    [Fact]
    public async Task An_acknowledgement_above_what_was_sent_is_a_violation()
    {
        var device = await world.EnrolledAsync(Cancelled);
        await RefusedAsync(ErrorReason.ProtocolViolation, StatusCode.FailedPrecondition, () => OnStreamAsync(device, new SyncRequest { Ack = new Ack { Seq = 1_000_000 } }));
    }

    [Fact]
    public async Task More_operations_in_flight_than_allowed_wait_unread_and_each_gets_its_result()
    {
        var device = await world.EnrolledAsync(Cancelled);
        var welcome = await WelcomeAsync(device);
        var most = (int)welcome.Limits.MaxOperationsInFlight;
        var perPush = (int)welcome.Limits.MaxOperationsPerPush;
        // Sent in one go, without reading a result in between.
        var pushes = Enumerable.Range(0, (most * 8 / perPush) + 1).Select(_ =>
        {
            var push = new Push();
            push.Operations.AddRange(Enumerable.Range(0, perPush).Select(_ => device.Put(TestDevice.NewId(), 0)));
            return new SyncRequest { Push = push }.ToByteArray();
        }).ToList();

        var outcome = await world.Client.SendToStreamAsync(Sync, new SyncRequest { Hello = device.Hello() }.ToByteArray(), pushes, device.Token, Cancelled);

        // The stream is not read any further while too many are under way: HTTP/2 holds the rest back.
        Assert.Equal(StatusCode.OK, outcome.Code);
        var results = outcome.Messages.Select(SyncResponse.Parser.ParseFrom).Where(m => m.MessageCase == SyncResponse.MessageOneofCase.OpResult).Select(m => m.OpResult).ToList();
        Assert.Equal(pushes.Count * perPush, results.Count);
        Assert.All(results, r => Assert.Equal(OperationResult.ResultOneofCase.Applied, r.ResultCase));
        Assert.Equal(results.Select(r => r.OpSeq).Order(), results.Select(r => r.OpSeq));
    }

    [Fact]
    public async Task A_proof_for_another_method_is_refused() =>
        await HelloRefusedAsync((device, hello) => hello.Proof = device.Proof(Contract.RefreshMethod, device.Token));

    [Fact]
    public async Task A_proof_over_another_token_is_refused() =>
        await HelloRefusedAsync((device, hello) => hello.Proof = device.Proof(Contract.SyncMethod, device.Session.RefreshToken));

    [Theory]
    [InlineData(-120)]
    [InlineData(120)]
    public async Task A_stale_proof_is_refused(int seconds) =>
        await HelloRefusedAsync((device, hello) => hello.Proof = device.Proof(Contract.SyncMethod, device.Token, DateTimeOffset.UtcNow.AddSeconds(seconds)));

    [Fact]
    public async Task A_changed_nonce_is_refused() =>
        await HelloRefusedAsync((_, hello) => hello.Proof.Nonce = ByteString.CopyFrom([.. hello.Proof.Nonce.Select(b => (byte)(b ^ 1))]));

    [Fact]
    public async Task A_changed_time_is_refused() =>
        await HelloRefusedAsync((_, hello) => hello.Proof.Time = Google.Protobuf.WellKnownTypes.Timestamp.FromDateTimeOffset(hello.Proof.Time.ToDateTimeOffset().AddMilliseconds(1)));

    [Fact]
    public async Task A_signature_of_zeros_is_refused() =>
        await HelloRefusedAsync((_, hello) => hello.Proof.Signature = ByteString.CopyFrom(new byte[64]));

    [Fact]
    public async Task A_proof_by_another_devices_key_is_refused()
    {
        var other = await world.EnrolledAsync(Cancelled);
        await HelloRefusedAsync((device, hello) => hello.Proof = other.Proof(Contract.SyncMethod, device.Token));
    }

    [Fact]
    public async Task A_replayed_proof_is_refused()
    {
        var device = await world.EnrolledAsync(Cancelled);
        var hello = new SyncRequest { Hello = device.Hello() }.ToByteArray();
        Assert.Equal(StatusCode.OK, (await world.Client.CallAsync(Sync, hello, device.Token, Cancelled)).Code);

        await RefusedAsync(ErrorReason.DeviceProofInvalid, StatusCode.Unauthenticated, () => world.Client.CallAsync(Sync, hello, device.Token, Cancelled));
    }

    [Fact]
    public async Task An_unknown_version_of_the_stream_asks_for_an_upgrade()
    {
        var device = await world.EnrolledAsync(Cancelled);
        var hello = device.Hello();
        hello.Versions.Clear();
        hello.Versions.AddRange([2u, 3u, uint.MaxValue]);

        await RefusedAsync(ErrorReason.UpgradeRequired, StatusCode.FailedPrecondition, () => world.Client.CallAsync(Sync, new SyncRequest { Hello = hello }.ToByteArray(), device.Token, Cancelled));
    }

    [Fact]
    public async Task Reauth_takes_only_a_live_token_of_the_same_device()
    {
        var device = await world.EnrolledAsync(Cancelled);
        var other = await world.EnrolledAsync(Cancelled);
        var (pending, _) = await world.PendingAsync(Cancelled);
        (string Token, DeviceProof Proof)[] renewals =
        [
            (other.Token, other.Proof(Contract.SyncMethod, other.Token)),
            (other.Token, device.Proof(Contract.SyncMethod, other.Token)),
            (pending.Token, device.Proof(Contract.SyncMethod, pending.Token)),
            (device.Session.RefreshToken, device.Proof(Contract.SyncMethod, device.Session.RefreshToken)),
            (device.Token, other.Proof(Contract.SyncMethod, device.Token)),
            (device.Token, device.Proof(Contract.RefreshMethod, device.Token)),
            (new string('A', 43), device.Proof(Contract.SyncMethod, new string('A', 43))),
        ];
        foreach (var (token, proof) in renewals)
        {
            var before = await StateDigest.OfQuietAsync(world.Database, Cancelled);
            var outcome = await OnStreamAsync(device, new SyncRequest { Reauth = new Reauth { AccessToken = token, Proof = proof } });

            Assert.Equal(StatusCode.Unauthenticated, outcome.Code);
            Assert.Contains(outcome.Reason, new[] { Outcome.NameOf(ErrorReason.SessionInvalid), Outcome.NameOf(ErrorReason.DeviceProofInvalid) });
            Assert.Equal("", StateDigest.Difference(before, await StateDigest.OfQuietAsync(world.Database, Cancelled)));
        }
    }

    [Fact]
    public async Task A_message_after_the_clients_half_close_can_not_come_and_the_stream_ends_well()
    {
        var device = await world.EnrolledAsync(Cancelled);

        var outcome = await OnStreamAsync(device, new SyncRequest { Pong = new Pong() });

        Assert.Equal(StatusCode.OK, outcome.Code);
    }

    [Fact]
    public async Task A_stream_that_is_closed_before_Hello_ends_and_carries_nothing()
    {
        var device = await world.EnrolledAsync(Cancelled);
        using var call = new VaultService.VaultServiceClient(world.Connection).Sync(device.Headers, cancellationToken: Cancelled);

        await call.RequestStream.CompleteAsync();

        Assert.False(await call.ResponseStream.MoveNext(Cancelled));
    }

    private async Task HelloRefusedAsync(Action<TestDevice, Hello> spoil)
    {
        var device = await world.EnrolledAsync(Cancelled);
        var hello = device.Hello();
        spoil(device, hello);

        await RefusedAsync(ErrorReason.DeviceProofInvalid, StatusCode.Unauthenticated, () => world.Client.CallAsync(Sync, new SyncRequest { Hello = hello }.ToByteArray(), device.Token, Cancelled));

        // The device itself is as welcome as before.
        await WelcomeAsync(device);
    }

    private async Task RefusedAsync(ErrorReason reason, StatusCode code, Func<Task<Outcome>> call)
    {
        var before = await StateDigest.OfQuietAsync(world.Database, Cancelled);

        var outcome = await call();

        Assert.True(outcome.Code == code && outcome.Reason == Outcome.NameOf(reason), outcome.ToString());
        Assert.Equal("", StateDigest.Difference(before, await StateDigest.OfQuietAsync(world.Database, Cancelled)));
    }

    private Task<Outcome> OnStreamAsync(TestDevice device, SyncRequest later) =>
        world.Client.SendToStreamAsync(Sync, new SyncRequest { Hello = device.Hello() }.ToByteArray(), [later.ToByteArray()], device.Token, Cancelled);

    private async Task<Welcome> WelcomeAsync(TestDevice device)
    {
        var outcome = await world.Client.CallAsync(Sync, new SyncRequest { Hello = device.Hello() }.ToByteArray(), device.Token, Cancelled);
        Assert.Equal(StatusCode.OK, outcome.Code);
        return SyncResponse.Parser.ParseFrom(Assert.Single(outcome.Messages)).Welcome;
    }
}
