using Google.Protobuf;
using Kpm.Server.Tests.Hosting;
using Kpm.V1;

namespace Kpm.Server.Tests.Vaults.Streams;

/// <summary>Messages that do not belong where they come end the stream with a typed error and change nothing.</summary>
public sealed class StreamProtocolTests
{
    [Fact]
    public async Task The_first_message_is_Hello()
    {
        await using var server = await TestServer.StartAsync();
        var device = await server.EnrolAsync();
        await using var stream = SyncClient.Call(server, device.Session);
        await stream.OfferAsync(new SyncRequest { Push = new Push { Operations = { device.Author.Put(Guid.CreateVersion7(), 0) } } });

        await stream.RefusedAsync(ErrorReason.ProtocolViolation);
        Assert.Single(server.Log(device));
    }

    [Fact]
    public async Task Hello_comes_once()
    {
        await using var server = await TestServer.StartAsync();
        var device = await server.EnrolAsync();
        await using var stream = await SyncClient.LiveAsync(server, device.Session);
        await stream.SendAsync(new SyncRequest { Hello = SyncClient.Hello(device.Session) });

        await stream.RefusedAsync(ErrorReason.ProtocolViolation);
    }

    [Theory]
    [InlineData(29, false)]
    [InlineData(30, true)]
    public async Task Hello_comes_within_thirty_seconds(int seconds, bool late)
    {
        var time = new FakeTime();
        await using var server = await TestServer.StartAsync(time);
        var device = await server.EnrolAsync();
        await using var stream = SyncClient.Call(server, device.Session);

        // The call must have reached the server before its clock moves.
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (time.Timers(TimeSpan.FromSeconds(30)) == 0)
        {
            await Task.Delay(10, patience.Token);
        }

        time.Advance(TimeSpan.FromSeconds(seconds));
        if (late)
        {
            await stream.RefusedAsync(ErrorReason.StreamStalled);
        }
        else
        {
            await stream.SendAsync(new SyncRequest { Hello = SyncClient.Hello(device.Session) });
            await stream.NextAsync(m => m.Welcome);
        }
    }

    [Fact]
    public async Task A_version_of_the_protocol_must_be_shared()
    {
        await using var server = await TestServer.StartAsync();
        var device = await server.EnrolAsync();
        await HelloRefusedAsync(server, device, ErrorReason.UpgradeRequired, h => h.Versions[0] = 2);
        await using var stream = await SyncClient.OpenAsync(server, device.Session, bend: h => h.Versions.Add(2));

        Assert.Equal(1u, stream.Welcome!.Version);
    }

    [Fact]
    public async Task The_proof_is_for_this_call_this_token_and_this_once()
    {
        await using var server = await TestServer.StartAsync();
        var device = await server.EnrolAsync();
        var other = await server.LinkAsync(device.Email);
        var token = device.Session.Session!.AccessToken;

        await HelloRefusedAsync(server, device, ErrorReason.DeviceProofInvalid, h => h.Proof = device.Session.Prove("/kpm.v1.VaultService/Watch", token));
        await HelloRefusedAsync(server, device, ErrorReason.DeviceProofInvalid, h => h.Proof = device.Session.Prove(TestDevice.SyncMethod, other.Session.Session!.AccessToken));
        await HelloRefusedAsync(server, device, ErrorReason.DeviceProofInvalid, h => h.Proof = other.Session.Prove(TestDevice.SyncMethod, token));
        await HelloRefusedAsync(server, device, ErrorReason.DeviceProofInvalid, h => h.Proof = device.Session.Prove(TestDevice.SyncMethod, token, server.Time.GetUtcNow() - TimeSpan.FromSeconds(70)));
        var used = device.Session.Prove(TestDevice.SyncMethod, token);
        await using (await SyncClient.OpenAsync(server, device.Session, bend: h => h.Proof = used))
        {
            await HelloRefusedAsync(server, device, ErrorReason.DeviceProofInvalid, h => h.Proof = used);
        }
    }

    [Fact]
    public async Task A_position_names_its_generation_and_its_chain_hash()
    {
        await using var server = await TestServer.StartAsync();
        var device = await server.EnrolAsync();

        var refused = await HelloRefusedAsync(server, device, ErrorReason.InvalidRequest, h => (h.Cursor, h.Generation) = (1, 1));
        Assert.Equal(["hello.chain_hash"], refused.FieldNames);
        refused = await HelloRefusedAsync(server, device, ErrorReason.InvalidRequest, h => (h.Cursor, h.ChainHash) = (1, ByteString.CopyFrom(new byte[32])));
        Assert.Equal(["hello.generation"], refused.FieldNames);
    }

    [Fact]
    public async Task Only_what_was_sent_can_be_acknowledged()
    {
        await using var server = await TestServer.StartAsync();
        var device = await server.EnrolAsync();
        await using var stream = await SyncClient.LiveAsync(server, device.Session);
        await stream.SendAsync(new SyncRequest { Ack = new Ack { Seq = 1 } });
        await stream.SendAsync(new SyncRequest { Ack = new Ack { Seq = 1 } });
        await stream.SendAsync(new SyncRequest { Ack = new Ack { Seq = 2 } });

        await stream.RefusedAsync(ErrorReason.ProtocolViolation);
    }

    [Fact]
    public async Task A_malformed_operation_ends_the_stream_and_names_its_field()
    {
        await using var server = await TestServer.StartAsync();
        var device = await server.EnrolAsync();
        await using var stream = await SyncClient.LiveAsync(server, device.Session);
        var good = device.Author.Put(Guid.CreateVersion7(), 0);
        var bad = device.Author.Put(Guid.CreateVersion7(), 0);
        bad.OpId = "not a uuid";
        await stream.PushAsync(good, bad);

        var refused = await stream.RefusedAsync(ErrorReason.InvalidRequest);
        Assert.Equal(["push.operations[1].op_id"], refused.FieldNames);
        Assert.Single(server.Log(device));
    }

    [Fact]
    public async Task After_a_refused_message_nothing_more_of_the_stream_is_applied()
    {
        await using var server = await TestServer.StartAsync();
        var device = await server.EnrolAsync();
        await using var stream = await SyncClient.LiveAsync(server, device.Session);
        var first = device.Author.Put(Guid.CreateVersion7(), 0);
        var second = device.Author.Put(Guid.CreateVersion7(), 0);
        await stream.PushAsync(second, first);
        try
        {
            await stream.PushAsync(device.Author.Put(Guid.CreateVersion7(), 0));
        }
        catch (Exception e) when (e is Grpc.Core.RpcException or InvalidOperationException)
        {
            // The stream ended first.
        }

        await stream.RefusedAsync(ErrorReason.InvalidRequest);
        Assert.Single(server.Log(device));
    }

    private static async Task<RefusedCall> HelloRefusedAsync(TestServer server, VaultDevice device, ErrorReason reason, Action<Hello> bend)
    {
        await using var stream = SyncClient.Call(server, device.Session);
        await stream.OfferAsync(new SyncRequest { Hello = SyncClient.Hello(device.Session, bend: bend) });
        return await stream.RefusedAsync(reason);
    }
}
