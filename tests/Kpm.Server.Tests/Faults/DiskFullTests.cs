using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using Grpc.Core;
using Kpm.Server.Tests.BadInput;
using Kpm.V1;

namespace Kpm.Server.Tests.Faults;

/// <summary>No room on the disk: reads go on, writes are refused with a time to try again, and nothing has to be restarted.</summary>
[Collection(Alone.Name)]
public sealed class DiskFullTests : IDisposable
{
    private const int EnvelopeBytes = 200_000;

    private readonly Storage.TempFolder _folder = new();

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Files_may_not_grow()
    {
        // The signal is ignored, as service managers do it; write() then fails with EFBIG.
        await using var server = await ServerProcess.StartAsync(_folder.File("data"), Cancelled, shell: "trap '' XFSZ");
        await FillAndRecoverAsync(
            server,
            full: () => LimitAsync(server, new DirectoryInfo(server.DataFolder).GetFiles("kpm.db*").Max(f => f.Length) + 1_000_000),
            room: () => LimitAsync(server, null));
    }

    [Fact]
    public async Task The_file_system_is_full()
    {
        var disk = Directory.CreateDirectory(_folder.File("disk")).FullName;
        if (await RunAsync("/bin/mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", disk) != 0)
        {
            Assert.Skip("a small file system can only be mounted by root");
        }

        try
        {
            await using var server = await ServerProcess.StartAsync(Path.Combine(disk, "data"), Cancelled);
            var ballast = Path.Combine(disk, "ballast");
            await FillAndRecoverAsync(
                server,
                full: async () => await RunAsync("/bin/sh", "-c", $"head -c {new DriveInfo(disk).AvailableFreeSpace - 1_000_000} /dev/zero > {ballast}"),
                room: () =>
                {
                    File.Delete(ballast);
                    return Task.CompletedTask;
                });
        }
        finally
        {
            Assert.Equal(0, await RunAsync("/bin/umount", disk));
        }
    }

    private static async Task FillAndRecoverAsync(ServerProcess server, Func<Task> full, Func<Task> room)
    {
        var connection = server.Connect();
        var device = new TestDevice(TestDevice.NewEmail());
        await device.RegisterAsync(connection, Cancelled);
        await device.EnrolAsync(connection, Cancelled);
        var vaults = new VaultService.VaultServiceClient(connection);
        var accounts = new AccountService.AccountServiceClient(connection);
        var acknowledged = new List<(Operation Operation, OperationResult Result)>();

        await full();
        var (refused, error) = await PushUntilRefusedAsync(vaults, device, acknowledged);
        for (var again = 0; again < 3; again++)
        {
            Assert.Contains(error.Reason, new[] { Outcome.NameOf(ErrorReason.Unavailable), Outcome.NameOf(ErrorReason.RateLimited) });
            Assert.Single(error.Retries);
            error = Outcome.Of(await Assert.ThrowsAsync<RpcException>(async () => await PushAsync(vaults, device, refused)));
        }

        // Other writes are refused in the same way; an unexpected INTERNAL would not say when to try again.
        var registration = Outcome.Of(await Assert.ThrowsAsync<RpcException>(async () =>
        {
            for (var i = 0; i < 10_000; i++)
            {
                await accounts.CreateAccountAsync(new TestDevice(TestDevice.NewEmail()).Registration(), cancellationToken: Cancelled);
            }
        }));
        Assert.Single(registration.Retries);

        // Reads go on.
        var vault = await vaults.GetVaultAsync(new GetVaultRequest(), device.Headers, cancellationToken: Cancelled);
        Assert.Equal((ulong)acknowledged.Count + 1, vault.HeadSeq);
        Assert.Equal(device.AccountId, (await accounts.GetAccountAsync(new GetAccountRequest(), device.Headers, cancellationToken: Cancelled)).Account.AccountId);
        await CheckLogAsync(vaults, device, vault, acknowledged);

        await room();
        var result = await EventuallyAsync(() => PushAsync(vaults, device, refused));
        Assert.Equal(vault.HeadSeq + 1, result.Applied.Seq);
        acknowledged.Add((refused, result));
        Assert.Equal(result, await PushAsync(vaults, device, refused));
        vault = await vaults.GetVaultAsync(new GetVaultRequest(), device.Headers, cancellationToken: Cancelled);
        await CheckLogAsync(vaults, device, vault, acknowledged);
        await new TestDevice(TestDevice.NewEmail()).RegisterAsync(connection, Cancelled);
        Assert.False(server.HasExited);
        Assert.Equal(0, await server.StopAsync(Cancelled));
    }

    private static async Task<(Operation Refused, Outcome Error)> PushUntilRefusedAsync(
        VaultService.VaultServiceClient vaults, TestDevice device, List<(Operation, OperationResult)> acknowledged)
    {
        for (var i = 0; i < 1_000; i++)
        {
            var operation = device.Put(TestDevice.NewId(), 0, RandomNumberGenerator.GetBytes(EnvelopeBytes));
            try
            {
                acknowledged.Add((operation, await PushAsync(vaults, device, operation)));
            }
            catch (RpcException e)
            {
                return (operation, Outcome.Of(e));
            }
        }

        throw new InvalidOperationException("The disk never got full.");
    }

    private static async Task<OperationResult> PushAsync(VaultService.VaultServiceClient vaults, TestDevice device, Operation operation) =>
        Assert.Single((await vaults.PushAsync(new PushRequest { Operations = { operation } }, device.Headers, cancellationToken: Cancelled)).Results);

    private static async Task CheckLogAsync(
        VaultService.VaultServiceClient vaults, TestDevice device, GetVaultResponse vault, List<(Operation Operation, OperationResult Result)> acknowledged)
    {
        var reader = new LogReader();
        var seen = new Dictionary<ulong, Change>();
        using var watch = vaults.Watch(new WatchRequest(), device.Headers, cancellationToken: Cancelled);
        while (reader.Cursor < vault.HeadSeq && await watch.ResponseStream.MoveNext(Cancelled))
        {
            if (watch.ResponseStream.Current.Changes is { } changes)
            {
                reader.Take(changes);
                foreach (var change in changes.Entries)
                {
                    seen.Add(change.Seq, change);
                }
            }
        }

        Assert.Equal(vault.ChainHash.ToByteArray(), reader.ChainHash);
        Assert.All(acknowledged, a => Assert.Equal(a.Operation.Envelope, seen[a.Result.Applied.Seq].Envelope));
    }

    private static async Task<T> EventuallyAsync<T>(Func<Task<T>> call)
    {
        for (var attempt = 0; ; attempt++)
        {
            try
            {
                return await call();
            }
            catch (RpcException e) when (attempt < 100 && Outcome.Of(e).Retries.Count > 0)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(200), Cancelled);
            }
        }
    }

    /// <summary>The greatest size of a file that the server may write; null for any.</summary>
    private static async Task LimitAsync(ServerProcess server, long? bytes) => Assert.Equal(0, await RunAsync(
        "/usr/bin/prlimit", "--pid", server.Id.ToString(CultureInfo.InvariantCulture), $"--fsize={bytes?.ToString(CultureInfo.InvariantCulture) ?? "unlimited"}:unlimited"));

    private static async Task<int> RunAsync(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true })!;
        await process.WaitForExitAsync(Cancelled);
        return process.ExitCode;
    }
}
