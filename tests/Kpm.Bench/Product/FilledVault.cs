using Grpc.Core;
using Kpm.Bench.Load;
using Kpm.V1;

namespace Kpm.Bench.Product;

/// <summary>An account with so many items of 1 KiB, written through the public contract; and two devices, one that writes and one that reads.</summary>
internal sealed class FilledVault : IDisposable
{
    private const int OperationsPerPush = 64;

    private readonly Guid _item = Guid.CreateVersion7();
    private ulong _rev;

    private FilledVault(BenchDevice writer, BenchDevice reader)
    {
        Writer = writer;
        ReaderDevice = reader;
        Reader = new VaultReader(reader);
    }

    public BenchDevice Writer { get; }

    public BenchDevice ReaderDevice { get; }

    public VaultReader Reader { get; }

    public static async Task<FilledVault> CreateAsync(KpmServer server, int items, CancellationToken cancel)
    {
        var devices = await BenchAccounts.CreateAsync(server, 1, 2, cancel);
        var vault = new FilledVault(devices[0], devices[1]);
        using var channel = Channels.One(server.Address);
        var made = 1;
        await vault.ChangeAsync(channel, cancel);
        while (made < items)
        {
            var push = new PushRequest();
            for (var n = Math.Min(OperationsPerPush, items - made); n > 0; n--, made++)
            {
                push.Operations.Add(vault.Writer.CreateItem());
            }

            await vault.PushAsync(channel, push, cancel);
        }

        return vault;
    }

    /// <summary>One change: the same item, written anew.</summary>
    public async Task ChangeAsync(ChannelBase channel, CancellationToken cancel) =>
        await PushAsync(channel, new PushRequest { Operations = { Writer.UpdateItem(_item, _rev++) } }, cancel);

    public void Dispose()
    {
        Writer.Dispose();
        ReaderDevice.Dispose();
    }

    private async Task PushAsync(ChannelBase channel, PushRequest push, CancellationToken cancel)
    {
        var response = await new VaultService.VaultServiceClient(channel).PushAsync(push, Writer.Headers(), cancellationToken: cancel);
        if (response.Results.FirstOrDefault(r => r.ResultCase != OperationResult.ResultOneofCase.Applied) is { } result)
        {
            throw new InvalidOperationException($"An operation was not applied: {result}");
        }
    }
}
