using Kpm.Server.Tests.Hosting;
using Kpm.V1;

namespace Kpm.Server.Tests.Vaults;

/// <summary>Unary Push over a socket; the rules behind it are in VaultEngineTests and GuaranteeTests.</summary>
public sealed class PushTests
{
    [Fact]
    public async Task Each_operation_has_its_result_in_order()
    {
        await using var server = await TestServer.StartAsync();
        var device = await server.EnrolAsync();
        var item = Guid.CreateVersion7();
        Operation[] operations = [device.Author.Put(item, 0), device.Author.Put(item, 0), device.Author.Delete(item, 7), device.Author.Put(item, 1, bend: d => d.KeyEpoch = 9)];
        var results = (await server.PushAsync(device, operations, atomic: false)).Results;

        Assert.Equal(operations.Select(o => (o.OpId, o.OpSeq)), results.Select(r => (r.OpId, r.OpSeq)));
        Assert.Equal((2UL, 1UL), (results[0].Applied.Seq, results[0].Applied.Rev));
        Assert.Equal(1UL, results[1].Conflict.Rev);
        Assert.Equal(1UL, results[2].Conflict.Rev);
        Assert.Equal(RejectionReason.EpochMismatch, results[3].Rejected.Reason);
        Assert.Equal(2, server.Log(device).Count);
    }

    [Theory]
    [InlineData(64, true)]
    [InlineData(65, false)]
    public async Task A_push_has_at_most_64_operations(int count, bool taken)
    {
        await using var server = await TestServer.StartAsync();
        var device = await server.EnrolAsync();
        var operations = Enumerable.Range(0, count).Select(_ => device.Author.Put(Guid.CreateVersion7(), 0, [1]));
        if (taken)
        {
            Assert.Equal(64, (await server.PushAsync(device, operations, atomic: true)).Results.Count);
        }
        else
        {
            var refused = await Refused.WithAsync(ErrorReason.InvalidRequest, () => server.PushAsync(device, operations, atomic: true));
            Assert.Equal(["operations"], refused.FieldNames);
        }

        Assert.Equal(taken ? 65 : 1, server.Log(device).Count);
    }

    [Theory]
    [InlineData(262_144, true)]
    [InlineData(262_145, false)]
    public async Task An_envelope_has_at_most_256_KiB(int bytes, bool taken)
    {
        await using var server = await TestServer.StartAsync();
        var device = await server.EnrolAsync();
        var operation = device.Author.Put(Guid.CreateVersion7(), 0, new byte[bytes]);
        if (taken)
        {
            Assert.NotNull((await server.PushAsync(device, operation)).Applied);
        }
        else
        {
            var refused = await Refused.WithAsync(ErrorReason.InvalidRequest, () => server.PushAsync(device, operation));
            Assert.Equal(["operations[0].envelope"], refused.FieldNames);
        }
    }

    [Fact]
    public async Task A_header_that_says_something_else_is_rejected_and_consumes_its_number()
    {
        await using var server = await TestServer.StartAsync();
        var device = await server.EnrolAsync();
        var other = await server.EnrolAsync();
        var stolen = new TestAuthor(other.Session.AccountId, other.Session.DeviceId, device.Session.Key) { OpSeq = device.Author.OpSeq };

        Assert.Equal(RejectionReason.HeaderMismatch, (await server.PushAsync(device, stolen.Put(Guid.CreateVersion7(), 0))).Rejected.Reason);
        Assert.Single(server.Log(device));
        Assert.Single(server.Log(other));
        Assert.Equal(RejectionReason.DeviceFork, (await server.PushAsync(device, device.Author.Put(Guid.CreateVersion7(), 0))).Rejected.Reason);
        Assert.NotNull((await server.PushAsync(device, device.Author.Put(Guid.CreateVersion7(), 0))).Applied);
    }

    [Fact]
    public async Task Without_a_session_nothing_is_written()
    {
        await using var server = await TestServer.StartAsync();
        var device = await server.EnrolAsync();
        var request = new PushRequest { Operations = { device.Author.Put(Guid.CreateVersion7(), 0) } };

        await Refused.WithAsync(ErrorReason.SessionInvalid, server.Vault.PushAsync(request, cancellationToken: TestContext.Current.CancellationToken));
        await server.Accounts.SignOutAsync(new SignOutRequest { RequestId = Guid.CreateVersion7().ToWire() }, device.Call);
        await Refused.WithAsync(ErrorReason.SessionInvalid, server.Vault.PushAsync(request, device.Call));
        Assert.Single(server.Log(device));
    }

    [Fact]
    public async Task A_full_disk_is_a_refusal_to_try_again_and_consumes_nothing()
    {
        await using var server = await TestServer.StartAsync();
        var device = await server.EnrolAsync();
        var operation = device.Author.Put(Guid.CreateVersion7(), 0);
        server.Database.Writer.Committer.CommitFault = () => throw new Microsoft.Data.Sqlite.SqliteException("planted", 13);
        var refused = await Refused.WithAsync(ErrorReason.Unavailable, () => server.PushAsync(device, operation));
        Assert.NotNull(refused.RetryAfter);
        Assert.Single(server.Log(device));

        server.Database.Writer.Committer.CommitFault = null;
        Assert.NotNull((await server.PushAsync(device, operation)).Applied);
        Assert.Empty(server.Exit.Lines);
    }
}
