using Dapper;
using Grpc.Core;
using Kpm.Server.Rpc;
using Kpm.Server.Storage;
using Kpm.Server.Storage.Sqlite;
using Kpm.Server.Tests.Hosting;
using Kpm.Server.Tests.Storage;
using Kpm.Server.Tests.Vaults;
using Kpm.V1;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;

namespace Kpm.Server.Tests.Faults;

/// <summary>The one writer under more than it can take, seen from outside: who waits, who is refused, and who goes on.</summary>
[Collection(Alone.Name)]
public sealed class WriterStressTests
{
    private const int QueuedUnits = 8;
    private const int Pushes = 20;

    /// <summary>As many as one connection takes, and many more than there are processors.</summary>
    private const int Waiting = 240;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_full_queue_is_told_with_a_time_to_try_again_and_costs_nobody_an_operation()
    {
        await using var server = await TestServer.StartAsync(adjust: services => services.Replace(ServiceDescriptor.Singleton(s => SqliteDatabase.Open(
            Path.Combine(s.GetRequiredService<ServerOptions>().DataFolder, "kpm.db"),
            s.GetRequiredService<IFatalExit>(),
            TimeProvider.System,
            s.GetRequiredService<ILogger<SqliteDatabase>>(),
            maxQueuedUnits: QueuedUnits))));
        var devices = new List<VaultDevice>();
        while (devices.Count < Pushes)
        {
            devices.Add(await server.EnrolAsync());
        }

        var operations = devices.ConvertAll(d => d.Author.Put(Guid.CreateVersion7(), 0));
        List<Task<OperationResult>> pushes;
        using (var gate = new WriterGate(server.Database))
        {
            pushes = [.. devices.Zip(operations, (d, o) => server.PushAsync(d, o))];
            while (pushes.Count(p => p.IsCompleted) < Pushes - QueuedUnits)
            {
                await Task.WhenAny(pushes.Where(p => !p.IsCompleted)).WaitAsync(Patience, Cancelled);
            }

            // Whatever has an answer while nothing can be stored was refused.
            Assert.All(pushes.Where(p => p.IsCompleted), p => Assert.True(p.IsFaulted, "acknowledged and not stored"));
            gate.Open();
        }

        foreach (var (index, device) in devices.Index())
        {
            OperationResult result;
            try
            {
                result = await pushes[index];
            }
            catch (RpcException e)
            {
                Assert.Equal((StatusCode.ResourceExhausted, ErrorCatalogue.NameOf(ErrorReason.RateLimited)), (e.StatusCode, RefusedCall.Of(e).Info.Reason));
                Assert.True(RefusedCall.Of(e).RetryAfter > TimeSpan.Zero, "no time to try again");

                // The same bytes: what was refused has consumed nothing.
                result = await server.PushAsync(device, operations[index]);
            }

            Assert.Equal(2UL, result.Applied.Seq);
            Assert.Equal(2, server.Log(device).Count);
        }
    }

    [Fact]
    public async Task While_the_writer_is_held_up_other_calls_go_on()
    {
        await using var server = await TestServer.StartAsync();
        var device = await server.EnrolAsync();
        var other = await server.EnrolAsync();
        var operation = device.Author.Put(Guid.CreateVersion7(), 0);
        List<Task<OperationResult>> waiting;
        using (var gate = new WriterGate(server.Database))
        {
            // The same operation each time, so that their order is of no matter.
            waiting = [.. Enumerable.Range(0, Waiting).Select(_ => server.PushAsync(device, operation))];
            while (server.Database.Writer.Queued < Waiting)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(10), Cancelled);
            }

            // A handler that held its thread while it waits would need one each.
            Assert.True(ThreadPool.ThreadCount < Waiting / 2, $"{ThreadPool.ThreadCount} threads");

            // Calls of other kinds, on a connection of their own: all are answered while the pushes wait.
            using var channel = server.NewChannel();
            var vaults = new VaultService.VaultServiceClient(channel);
            for (var call = 0; call < 50; call++)
            {
                var vault = await vaults.GetVaultAsync(new GetVaultRequest(), other.Call).ResponseAsync.WaitAsync(Patience, Cancelled);
                Assert.Equal(1UL, vault.HeadSeq);
            }

            using var watch = vaults.Watch(new WatchRequest(), other.Call);
            while (await watch.ResponseStream.MoveNext(Cancelled).WaitAsync(Patience, Cancelled) && watch.ResponseStream.Current.CaughtUp is null)
            {
            }

            Assert.Equal(1UL, watch.ResponseStream.Current.CaughtUp?.Seq);
            Assert.DoesNotContain(waiting, p => p.IsCompleted);
            gate.Open();
        }

        var results = await Task.WhenAll(waiting).WaitAsync(Patience, Cancelled);
        Assert.All(results, r => Assert.Equal(results[0], r));
        Assert.Equal(2, server.Log(device).Count);
    }

    [Fact]
    public async Task A_push_that_fails_harms_none_of_its_group()
    {
        await using var server = await TestServer.StartAsync();
        var first = await server.EnrolAsync();
        var ended = await server.EnrolAsync(first.Email);
        var last = await server.EnrolAsync(first.Email);
        var item = Guid.CreateVersion7();
        Task<OperationResult> before, failing, conflicting, after;
        using (var gate = new WriterGate(server.Database))
        {
            // Each is queued before the next is sent; their group is the accounts' three devices.
            var end = server.Database.WriteAsync(c => c.Execute("UPDATE session SET ended_at = 1 WHERE device_id = @Id", new { Id = ended.Session.DeviceId.ToBytes() }), Cancelled);
            before = await QueuedAsync(server, () => server.PushAsync(first, first.Author.Put(item, 0)));
            failing = await QueuedAsync(server, () => server.PushAsync(ended, ended.Author.Put(Guid.CreateVersion7(), 0)));
            conflicting = await QueuedAsync(server, () => server.PushAsync(last, last.Author.Put(item, 0)));
            after = await QueuedAsync(server, () => server.PushAsync(first, first.Author.Put(item, 1)));
            gate.Open();
            await end;
        }

        await Refused.WithAsync(ErrorReason.SessionInvalid, () => failing);
        Assert.Equal((4UL, 1UL), ((await before).Applied.Seq, (await before).Applied.Rev));
        Assert.Equal(1UL, (await conflicting).Conflict.Rev);
        Assert.Equal((5UL, 2UL), ((await after).Applied.Seq, (await after).Applied.Rev));
        var log = server.Log(first);
        Assert.Equal([1UL, 2UL, 3UL, 4UL, 5UL], log.Select(c => c.Seq));
        var vault = await server.Vault.GetVaultAsync(new GetVaultRequest(), first.Call);
        Assert.Equal(VaultSteps.ChainHash(log, 5), vault.ChainHash);
    }

    /// <summary>Sends, and waits until the writer's queue has one more.</summary>
    private static async Task<Task<OperationResult>> QueuedAsync(TestServer server, Func<Task<OperationResult>> push)
    {
        var queued = server.Database.Writer.Queued;
        var sent = push();
        while (server.Database.Writer.Queued == queued)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(1), Cancelled).WaitAsync(Patience, Cancelled);
        }

        return sent;
    }
}
