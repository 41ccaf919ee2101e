using System.Buffers.Binary;
using System.Security.Cryptography;
using Dapper;
using Kpm.Server.Tests.Vaults;
using Kpm.Tests.Disk;
using Kpm.V1;

namespace Kpm.Server.Tests.Faults;

/// <summary>Opens what a power loss left with the production code, and holds it against what was acknowledged before.</summary>
internal sealed class PowerLossCheck(PowerLossRun run)
{
    /// <summary>The last results of a device, asked for again.</summary>
    private const int Repeated = 6;

    private readonly Dictionary<(Guid Device, ulong OpSeq), Operation> _sent =
        run.Promises.ToDictionary(p => (p.Device.Caller.DeviceId, p.Operation.OpSeq), p => p.Operation);

    /// <summary>What is wrong with the files at this cut; empty when every promise is kept.</summary>
    public async Task<IReadOnlyList<string>> FindAsync(DiskImage image, Loss loss, Random random)
    {
        using var folder = new Storage.TempFolder();
        image.Restore(folder.Path, loss, random);
        var wrong = new List<string>();
        using var vault = new StoredVault(folder: folder.Path);
        foreach (var problem in vault.Database.Read(c => c.Query<string>("PRAGMA integrity_check").Concat(c.Query("PRAGMA foreign_key_check").Select(r => $"{r}")).Where(l => l != "ok").ToList()))
        {
            wrong.Add($"damaged: {problem}");
        }

        var promises = run.Promises.Where(p => p.Position <= image.Position).ToList();
        foreach (var account in run.Devices.Select(d => d.Caller.AccountId).Distinct())
        {
            CheckLog(vault, account, promises, wrong);
        }

        if (wrong.Count == 0)
        {
            await CheckResultsAsync(vault, promises, wrong);
        }

        return wrong;
    }

    private void CheckLog(StoredVault vault, Guid account, List<Promise> promises, List<string> wrong)
    {
        var log = vault.Log(account);
        var chain = new byte[32];
        var seen = new HashSet<(Guid, ulong)>();
        foreach (var (index, change) in log.Index())
        {
            chain = Next(chain, (ulong)index + 1, change.Header.Span);
            var id = (new Guid(change.Header.Span.Slice(48, 16), bigEndian: true), BinaryPrimitives.ReadUInt64BigEndian(change.Header.Span[64..]));
            if (change.Seq != (ulong)index + 1)
            {
                wrong.Add($"gap: {change.Seq} at place {index + 1}");
            }

            // What had no answer yet may be there all the same; what nobody sent may not.
            if (!seen.Add(id) || (_sent.TryGetValue(id, out var operation) && (operation.Header != change.Header || (!change.Superseded && operation.Envelope != change.Envelope))))
            {
                wrong.Add($"twice, or not as it was sent: {id}");
            }
        }

        var state = vault.Store.State(account);
        if (state.HeadSeq != (ulong)log.Count || !state.ChainHash.AsSpan().SequenceEqual(chain))
        {
            wrong.Add($"the head says {state.HeadSeq}, the log has {log.Count}");
        }

        foreach (var promise in promises.Where(p => p.Device.Caller.AccountId == account && p.Result.ResultCase == OperationResult.ResultOneofCase.Applied))
        {
            var applied = promise.Result.Applied;
            if (applied.Seq > (ulong)log.Count || log[(int)applied.Seq - 1].Header != promise.Operation.Header || log[(int)applied.Seq - 1].Rev != applied.Rev)
            {
                wrong.Add($"lost: {promise.Result}");
            }
        }
    }

    /// <summary>The devices did not notice anything: they send again, get the same results, and go on.</summary>
    private static async Task CheckResultsAsync(StoredVault vault, List<Promise> promises, List<string> wrong)
    {
        foreach (var device in promises.GroupBy(p => p.Device.Caller.DeviceId))
        {
            var session = new TestSession(vault, device.First().Device.Caller);
            foreach (var promise in device.Where(p => p.IsStored).TakeLast(Repeated))
            {
                var again = await session.PushAsync(promise.Operation);
                if (!again.Equals(promise.Result))
                {
                    wrong.Add($"first {promise.Result}, after the power loss {again}");
                }
            }

            session.Author.OpSeq = 1_000_000;
            var next = await session.PushAsync(session.Author.Put(Guid.CreateVersion7(), 0));
            if (next.Applied is null)
            {
                wrong.Add($"not applied after the power loss: {next}");
            }
        }
    }

    private static byte[] Next(byte[] chain, ulong seq, ReadOnlySpan<byte> header)
    {
        var link = new byte[72];
        chain.CopyTo(link, 0);
        BinaryPrimitives.WriteUInt64BigEndian(link.AsSpan(32), seq);
        SHA256.HashData(header, link.AsSpan(40));
        return SHA256.HashData(link);
    }
}
