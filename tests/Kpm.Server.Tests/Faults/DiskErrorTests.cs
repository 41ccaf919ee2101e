using System.Collections.Concurrent;
using System.Security.Cryptography;
using Grpc.Core;
using Kpm.Server.Tests.BadInput;
using Kpm.V1;

namespace Kpm.Server.Tests.Faults;

/// <summary>
/// A disk with errors under the server as it ships. A failed sync ends the process without a word to anybody; any other
/// refusal is told to the callers, and passes.
/// </summary>
[Collection(Alone.Name)]
public sealed class DiskErrorTests : IDisposable
{
    private const int Devices = 4;

    /// <summary>EX_IOERR, which docs/operations.md tells operators to look for.</summary>
    private const int ExitCode = 74;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly Storage.TempFolder _folder = new();

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    private string Orders => _folder.File("orders");

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(FaultyDisk.SyncLog)]
    [InlineData(FaultyDisk.SyncDatabase)]
    public async Task After_a_failed_sync_nothing_is_acknowledged_and_the_process_exits(string order)
    {
        await using var server = await StartAsync();
        var devices = await EnrolAsync(server);
        var sent = new ConcurrentDictionary<(string Device, ulong OpSeq), Pushed>();
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Cancelled);
        stop.CancelAfter(Patience);
        var writing = Task.WhenAll(devices.Select(d => WriteUntilRefusedAsync(server, d, sent, stop.Token)));
        while (sent.Values.Count(p => p.Result is not null) < 40 && !writing.IsCompleted)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(5), Cancelled);
        }

        await File.WriteAllTextAsync(Orders + ".new", order, Cancelled);
        File.Move(Orders + ".new", Orders);
        var ordered = TimeProvider.System.GetTimestamp();
        await writing;

        Assert.Equal(ExitCode, await server.WaitForExitAsync(Cancelled));
        var line = server.Errors.Split('\n', StringSplitOptions.RemoveEmptyEntries)[^1];
        Assert.StartsWith("kpm-server: the disk failed to sync the database (", line, StringComparison.Ordinal);
        if (order == FaultyDisk.SyncLog)
        {
            // Each commit syncs the log: what was sent after the disk's failure has no answer.
            Assert.DoesNotContain(sent.Values, p => p.Result is not null && p.Begun > ordered);
            Assert.Contains(sent.Values, p => p.Result is null);
        }

        File.Delete(Orders);
        await using var again = await StartAsync();
        await CheckAsync(again, devices, sent);
        Assert.Equal(0, await again.StopAsync(Cancelled));
    }

    [Theory]
    [InlineData(FaultyDisk.Write)]
    [InlineData(FaultyDisk.Full)]
    public async Task A_write_error_is_told_and_passes_and_reads_go_on(string order)
    {
        await using var server = await StartAsync();
        var device = (await EnrolAsync(server))[0];
        var vaults = new VaultService.VaultServiceClient(server.Connect());
        var before = await vaults.GetVaultAsync(new GetVaultRequest(), device.Headers, cancellationToken: Cancelled);
        var operation = device.Put(TestDevice.NewId(), 0);
        var push = new PushRequest { Operations = { operation } };

        await File.WriteAllTextAsync(Orders, order, Cancelled);
        for (var attempt = 0; attempt < 3; attempt++)
        {
            var refused = Outcome.Of(await Assert.ThrowsAsync<RpcException>(async () => await vaults.PushAsync(push, device.Headers, cancellationToken: Cancelled)));
            Assert.Equal((StatusCode.Unavailable, Outcome.NameOf(ErrorReason.Unavailable)), (refused.Code, refused.Reason));
            Assert.Single(refused.Retries);
        }

        Assert.Equal(before, await vaults.GetVaultAsync(new GetVaultRequest(), device.Headers, cancellationToken: Cancelled));
        File.Delete(Orders);

        var result = Assert.Single((await vaults.PushAsync(push, device.Headers, cancellationToken: Cancelled)).Results);
        Assert.Equal(before.HeadSeq + 1, result.Applied.Seq);
        Assert.Equal(0, await server.StopAsync(Cancelled));
    }

    private async Task<ServerProcess> StartAsync()
    {
        var data = _folder.File("data");
        return await ServerProcess.StartAsync(data, Cancelled, FaultyDisk.Environment(data, Orders));
    }

    private static async Task<List<TestDevice>> EnrolAsync(ServerProcess server)
    {
        var connection = server.Connect();
        var first = new TestDevice(TestDevice.NewEmail());
        await first.RegisterAsync(connection, Cancelled);
        var mail = await ActivationMails.ReadAsync(server.DataFolder, first.Email, Cancelled);
        await new VerificationService.VerificationServiceClient(connection).ActivateAccountAsync(
            new ActivateAccountRequest { Token = mail.Token }, first.Headers, cancellationToken: Cancelled);
        var devices = new List<TestDevice> { first };
        while (devices.Count < Devices)
        {
            devices.Add(new TestDevice(first.Email));
            await devices[^1].SignInAsync(connection, Cancelled);
        }

        foreach (var device in devices)
        {
            await device.EnrolAsync(connection, Cancelled);
        }

        return devices;
    }

    /// <summary>Envelopes so large that the log is soon copied into the database, which syncs that.</summary>
    private static async Task WriteUntilRefusedAsync(
        ServerProcess server, TestDevice device, ConcurrentDictionary<(string Device, ulong OpSeq), Pushed> sent, CancellationToken stop)
    {
        var vaults = new VaultService.VaultServiceClient(server.Connect());
        while (!stop.IsCancellationRequested)
        {
            var pushed = new Pushed(device.Put(TestDevice.NewId(), 0, RandomNumberGenerator.GetBytes(60_000)), TimeProvider.System.GetTimestamp());
            sent[(device.Id, pushed.Operation.OpSeq)] = pushed;
            try
            {
                pushed.Result = Assert.Single((await vaults.PushAsync(new PushRequest { Operations = { pushed.Operation } }, device.Headers, cancellationToken: stop)).Results);
            }
            catch (RpcException)
            {
                return;
            }
        }
    }

    /// <summary>Every acknowledged operation is there, and the others can be sent again.</summary>
    private static async Task CheckAsync(ServerProcess server, List<TestDevice> devices, ConcurrentDictionary<(string Device, ulong OpSeq), Pushed> sent)
    {
        var vaults = new VaultService.VaultServiceClient(server.Connect());
        var acknowledged = 0;
        foreach (var device in devices)
        {
            foreach (var pushed in sent.Where(s => s.Key.Device == device.Id).OrderBy(s => s.Key.OpSeq).Select(s => s.Value))
            {
                var result = Assert.Single((await vaults.PushAsync(new PushRequest { Operations = { pushed.Operation } }, device.Headers, cancellationToken: Cancelled)).Results);
                Assert.NotNull(result.Applied);
                Assert.True(pushed.Result is null || pushed.Result.Equals(result), $"first {pushed.Result}, then {result}");
                acknowledged += pushed.Result is null ? 0 : 1;
            }
        }

        var vault = await vaults.GetVaultAsync(new GetVaultRequest(), devices[0].Headers, cancellationToken: Cancelled);
        Assert.Equal((ulong)(devices.Count + sent.Count), vault.HeadSeq);
        Assert.True(acknowledged >= 40, $"only {acknowledged} acknowledged");
    }

    private sealed class Pushed(Operation operation, long begun)
    {
        public Operation Operation => operation;

        public long Begun => begun;

        public OperationResult? Result { get; set; }
    }
}
