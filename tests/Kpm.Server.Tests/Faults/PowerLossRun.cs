using System.Security.Cryptography;
using Dapper;
using Kpm.Server.Tests.Vaults;
using Kpm.Tests.Disk;
using Kpm.V1;

namespace Kpm.Server.Tests.Faults;

/// <summary>
/// What a device was told, and how far the recording was when it heard it. Not stored are the results of an atomic Push
/// that was not applied.
/// </summary>
internal sealed record Promise(TestSession Device, Operation Operation, OperationResult Result, bool IsStored, int Position);

/// <summary>A seeded workload on the production storage over a recorded disk, with all that was acknowledged.</summary>
internal sealed class PowerLossRun : IDisposable
{
    private readonly Random _random;
    private readonly bool _full;
    private readonly Storage.TempFolder _folder = new();
    private readonly RecordedDisk _disk;
    private readonly List<Promise> _promises = [];
    private readonly List<TestSession> _devices = [];
    private readonly Dictionary<(Guid Account, string Item), ulong> _revs = [];
    private StoredVault? _vault;

    private PowerLossRun(int seed, bool full, Func<DiskStep, int>? fault)
    {
        _random = new Random(seed);
        _full = full;
        _disk = new RecordedDisk(_folder.Path) { Fault = fault };
    }

    public IReadOnlyList<Promise> Promises => _promises;

    public IReadOnlyList<TestSession> Devices => _devices;

    public IReadOnlyDictionary<string, byte[]> Initial => _disk.Initial;

    public IReadOnlyList<DiskStep> Steps { get; private set; } = [];

    /// <param name="seed">Everything that is random follows from it, except for ids and envelopes.</param>
    /// <param name="rounds">Rounds of concurrent pushes.</param>
    /// <param name="full">False: synchronous=NORMAL in place of what ships.</param>
    /// <param name="fault">Answers in the disk's place.</param>
    public static async Task<PowerLossRun> RecordAsync(int seed, int rounds, bool full, Func<DiskStep, int>? fault = null)
    {
        var run = new PowerLossRun(seed, full, fault);
        await run.OpenAsync();
        await run.EnrolAsync();
        for (var round = 0; round < rounds; round++)
        {
            if (round == rounds / 2)
            {
                // A restart empties the log into the database and removes it.
                run.Close();
                await run.OpenAsync();
            }

            await Task.WhenAll(run._devices.Select(run.PushAsync).ToList());
        }

        run.Close();
        run._disk.Dispose();
        run.Steps = run._disk.Steps;
        return run;
    }

    public void Dispose()
    {
        Close();
        _disk.Dispose();
        _folder.Dispose();
    }

    private void Close()
    {
        _vault?.Dispose();
        _vault = null;
    }

    private async Task OpenAsync()
    {
        _vault = new StoredVault(folder: _folder.Path);
        if (!_full)
        {
            // The level can't be changed inside a transaction, so the unit leaves the writer's and makes it another.
            await _vault.Database.WriteAsync(c => c.Execute("RELEASE unit; COMMIT; PRAGMA synchronous = NORMAL; BEGIN IMMEDIATE; SAVEPOINT unit"), CancellationToken.None);
            Assert.Equal(1, await _vault.Database.WriteAsync(c => c.ExecuteScalar<int>("PRAGMA synchronous"), CancellationToken.None));
        }

        for (var i = 0; i < _devices.Count; i++)
        {
            var author = _devices[i].Author;
            _devices[i] = new TestSession(_vault, _devices[i].Caller);
            _devices[i].Author.OpSeq = author.OpSeq;
        }
    }

    private async Task EnrolAsync()
    {
        for (var account = 0; account < 2; account++)
        {
            var accountId = Guid.CreateVersion7();
            for (var device = 0; device < 2; device++)
            {
                var session = await _vault!.LinkAsync(accountId);
                var entry = session.Author.DeviceKey();
                Promise(session, [entry], await session.PushAsync([entry]), stored: true);
                _devices.Add(session);
            }
        }
    }

    private async Task PushAsync(TestSession device)
    {
        var count = _random.Next(3) == 0 ? _random.Next(2, 6) : 1;
        var operations = Enumerable.Range(0, count).Select(_ => Next(device)).ToArray();
        var atomic = _random.Next(2) == 0;
        var results = await device.PushAsync(operations, atomic);
        Promise(device, operations, results, !atomic || results.All(r => r.Applied is not null));
    }

    /// <summary>A few items for both devices of the account, so that there are conflicts too.</summary>
    private Operation Next(TestSession device)
    {
        var account = device.Caller.AccountId;
        var item = new Guid((int)BitConverter.ToUInt32(account.ToByteArray(), 12), (short)_random.Next(12), 0, 0, 0, 0, 0, 0, 0, 0, 1);
        ulong rev;
        lock (_revs)
        {
            rev = _revs.GetValueOrDefault((account, item.ToWire()));
        }

        return device.Author.Put(item, rev, RandomNumberGenerator.GetBytes(_random.Next(100, 9_000)));
    }

    private void Promise(TestSession device, Operation[] operations, IReadOnlyList<OperationResult> results, bool stored)
    {
        // Read after the answer: what came in between makes the check milder, never wrong.
        var position = _disk.Position;
        lock (_revs)
        {
            foreach (var (operation, result) in operations.Zip(results))
            {
                _promises.Add(new Promise(device, operation, result, stored, position));
                var rev = result.ResultCase switch
                {
                    OperationResult.ResultOneofCase.Applied => result.Applied.Rev,
                    OperationResult.ResultOneofCase.Conflict => result.Conflict.Rev,
                    _ => 0UL,
                };
                var item = (device.Caller.AccountId, operation.SubjectId);
                _revs[item] = Math.Max(rev, _revs.GetValueOrDefault(item));
            }
        }
    }
}
