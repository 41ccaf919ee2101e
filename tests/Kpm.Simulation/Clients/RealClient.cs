using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Google.Protobuf;
using Kpm.Client;
using Kpm.Client.Kpm1;
using Kpm.Client.Schema;
using Kpm.Client.Storage;
using Kpm.Client.Sync;
using Kpm.Simulation.Disk;
using Kpm.V1;

namespace Kpm.Simulation.Clients;

/// <summary>
/// A device with the client library's own engine: its store on a simulated disk, its rules, its rebase and merge, its
/// cryptography. Only the loop around them is the simulator's.
/// </summary>
internal sealed partial class RealClient : IClientEngine, IDisposable
{
    private const int MostAtOnce = 8;

    private static readonly DeviceProof NoProof = new()
    {
        Time = new Google.Protobuf.WellKnownTypes.Timestamp { Seconds = 1_772_000_000 },
        Nonce = ByteString.CopyFrom(new byte[16]),
        Signature = ByteString.CopyFrom(new byte[64]),
    };

    private readonly RealVault _vault;
    private readonly Truth _truth;
    private readonly Workload _workload;
    private readonly Random _random;
    private readonly Action _crashPoint;
    private readonly TimeProvider _time;
    private readonly SimDisk _disk;
    private readonly string _folder;
    private readonly HashSet<ulong> _inFlight = [];
    private readonly HashSet<string> _registered = new(StringComparer.Ordinal);
    private LocalStore _store = null!;
    private DeviceIdentity _device = null!;
    private LogVerifier _verifier = null!;
    private SyncStore _sync = null!;
    private OpenVault _open = null!;
    private SyncProtocol? _protocol;
    private bool _caughtUp;

    public RealClient(RealVault vault, Truth truth, Workload workload, Random random, TimeProvider time, Action crashPoint)
    {
        (_vault, _truth, _workload, _random, _time, _crashPoint) = (vault, truth, workload, random, time, crashPoint);
        _folder = Directory.CreateTempSubdirectory("kpm-simulation-").FullName;
        _disk = new SimDisk(new Random(random.Next()));
        MemoryVfs.Mount(_folder, _disk);
        Start();
    }

    public Guid DeviceId => _device.Id;

    /// <summary>Values that a person has replaced or deleted after having seen them.</summary>
    public HashSet<int> Replaced { get; } = [];

    public OpenVault Vault => _open;

    public ulong Cursor => (ulong)_sync.Vault().Seq;

    public Hello Open()
    {
        Closed();
        var vault = _sync.Vault();
        _protocol = new SyncProtocol((ulong)vault.Generation, (ulong)vault.Seq, (ulong)vault.LastOpSeq);
        var hello = new Hello { Generation = vault.Seq == 0 ? 0 : (ulong)vault.Generation, Cursor = (ulong)vault.Seq, Proof = NoProof };
        hello.Versions.Add(SyncProtocol.Version);
        if (vault.Seq > 0)
        {
            hello.ChainHash = ByteString.CopyFrom(vault.ChainHash);
        }

        return hello;
    }

    public ClientVerdict Take(SyncResponse message, Action<SyncRequest> send)
    {
        foreach (var change in message.Changes?.Entries ?? [])
        {
            _truth.Heard(change);
        }

        try
        {
            foreach (var effect in _protocol!.Handle(message))
            {
                if (effect is SyncEffect.Resume)
                {
                    return ClientVerdict.Resume;
                }

                CarryOut(effect, send);
                _crashPoint();
            }
        }
        catch (Kpm1Exception refused)
        {
            throw new ViolationException("G4", $"the client refuses an honest server's {message.MessageCase}: {refused.Error}");
        }

        Send(send);
        return ClientVerdict.GoOn;
    }

    public void Send(Action<SyncRequest> send)
    {
        while (_caughtUp && TakeToSend() is { Count: > 0 } operations)
        {
            var push = new SyncRequest { Push = new V1.Push() };
            push.Push.Operations.AddRange(operations);
            send(push);
        }
    }

    public void Closed()
    {
        _protocol = null;
        _inFlight.Clear();
        _caughtUp = false;
    }

    public void Crashed()
    {
        Closed();
        _disk.Stop(_random.Next(2) == 0 ? StopKind.Kill : StopKind.PowerLoss);
        Stop();
        Start();
    }

    public string Describe() => $"cursor {Cursor}, {_open.Status()}";

    public void Act()
    {
        var item = _workload.Items[_random.Next(_workload.Items.Count)];
        var known = _open.List().Where(i => i.Item is not null).ToDictionary(i => i.Item!.Name, StringComparer.Ordinal);
        var name = item.ToString("D");
        if (!known.TryGetValue(name, out var found))
        {
            // One device makes each item; the others wait until it comes to them.
            if (_workload.MayCreate(item))
            {
                _open.Add(new Item { Name = name, WebsiteLogin = new WebsiteLogin { Username = NewValue(), Password = NewValue() } });
            }
        }
        else if (_random.Next(12) == 0)
        {
            Replaced.UnionWith(Values(found.Item!));
            _open.Remove(found.Id);
        }
        else
        {
            var edited = found.Item!.Clone();
            Change(edited);
            Replaced.UnionWith(CurrentValues(found.Item!).Except(CurrentValues(edited)));
            _open.Edit(found, edited);
        }

        _crashPoint();
    }

    public bool IsSettled(ulong head) => _caughtUp && Cursor == head && _sync.IsIdle();

    public PushRequest TakeUnary()
    {
        var request = new PushRequest();
        request.Operations.AddRange(TakeToSend());
        _inFlight.Clear();
        return request;
    }

    public void TakeResults(IReadOnlyList<OperationResult> results)
    {
        foreach (var result in results)
        {
            TakeResult(result);
            _crashPoint();
        }
    }

    /// <summary>Everything that can be read in the vault, for comparison.</summary>
    public IEnumerable<string> Content() => _open.List().OrderBy(item => item.Id).Select(item => $"{item.Id} {item.Rev} {item.Pending} {item.Refusal} {item.Unreadable} {item.Item?.ToByteString().ToBase64()}");

    /// <summary>Every value in an item: current, replaced or kept.</summary>
    public static IEnumerable<int> Values(Item item) => ValuesIn(
        Encoding.UTF8.GetString(item.ToByteArray())
        + string.Concat(item.KeptValues.Select(kept => kept.Value.ToStringUtf8()))
        + string.Concat(item.History.Select(entry => entry.Value.ToStringUtf8())));

    public void Dispose()
    {
        Stop();
        MemoryVfs.Unmount(_folder);
        Directory.Delete(_folder, recursive: true);
        _disk.Dispose();
    }

    public static IEnumerable<int> CurrentValues(Item item) =>
        ValuesIn(string.Join(' ', [item.WebsiteLogin.Username, item.WebsiteLogin.Password, .. item.CustomFields.Select(field => field.Value)]));

    private static IEnumerable<int> ValuesIn(string text) => Value().Matches(text).Select(match => int.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture)).Distinct();

    private void CarryOut(SyncEffect effect, Action<SyncRequest> send)
    {
        switch (effect)
        {
            case SyncEffect.Store store:
                _sync.Add(store.Entries);
                send(new SyncRequest { Ack = new Ack { Seq = store.Entries[^1].Seq } });
                break;
            case SyncEffect.Bookmark:
                _sync.Bookmark();
                _caughtUp = true;
                break;
            case SyncEffect.Result result:
                TakeResult(result.Value);
                break;
            case SyncEffect.Pong:
                send(new SyncRequest { Pong = new Pong() });
                break;
            default:
                throw new ViolationException("G4", $"an honest client is to do {effect}");
        }
    }

    private void TakeResult(OperationResult result)
    {
        _inFlight.Remove(result.OpSeq);
        var hash = _store.Read(connection => Outbox.Find(connection, result.OpSeq)) is { } row && row.OpId.AsSpan().SequenceEqual(Guid.ParseExact(result.OpId, "D").ToByteArray(bigEndian: true))
            ? Truth.HashOf(ByteString.CopyFrom(row.Header))
            : null;
        if (hash is not null)
        {
            _truth.Heard(DeviceId, hash, result);
        }

        _sync.Result(result);
    }

    private List<Operation> TakeToSend()
    {
        var operations = _sync.TakeToSend(_inFlight, Math.Min(MostAtOnce, Math.Max(0, _workload.OperationsInFlight - _inFlight.Count)));
        foreach (var operation in operations)
        {
            _inFlight.Add(operation.OpSeq);
            if (_registered.Add(Truth.HashOf(operation.Header)))
            {
                _truth.Made(new MadeOperation(DeviceId, operation, _vault.Values(operation), 0));
            }
        }

        return operations;
    }

    private void Change(Item item)
    {
        switch (_random.Next(3))
        {
            case 0:
                item.WebsiteLogin.Password = NewValue();
                break;
            case 1:
                item.WebsiteLogin.Username = NewValue();
                break;
            default:
                var value = NewValue();
                item.CustomFields.Add(new CustomField { Id = new Guid(int.Parse(value[1..7], CultureInfo.InvariantCulture), 0, 0, new byte[8]).ToString("D"), Name = "f", Value = value });
                break;
        }
    }

    private string NewValue() => $"<{_workload.NextToken():D6}>";

    private void Start()
    {
        _store = LocalStore.Open(_folder);
        _device = new DeviceIdentity(_store.Device(_time));
        var keys = RealVault.NewKeys();
        if (_store.Vault() is null)
        {
            _store.Connect(_vault.Session);
            _store.SaveKeyset(RealVault.Keyset, null, 1, MainPassword.MinIterations);
        }

        _verifier = new LogVerifier(keys);
        var maker = new OperationMaker(_device, keys, _time);
        _sync = new SyncStore(_store, _device, keys, maker, new Rebaser(maker, keys, _device.Id, _time), _verifier);
        _open = new OpenVault(_store, RealVault.Options(_folder, _time), keys, _device, null!, null!, null!, null!);
    }

    private void Stop()
    {
        _open.Dispose();
        _verifier.Dispose();
        _device.Dispose();
        _store.Dispose();
    }

    [GeneratedRegex(@"<(\d{6})>")]
    private static partial Regex Value();
}
