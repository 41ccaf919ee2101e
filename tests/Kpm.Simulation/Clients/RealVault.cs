using Kpm.Client;
using Kpm.Client.Kpm1;
using Kpm.Client.Storage;
using Kpm.V1;

namespace Kpm.Simulation.Clients;

/// <summary>The keys of a vault that real clients share, and the device that founded it and was then put away.</summary>
internal sealed class RealVault : IDisposable
{
    private static readonly byte[] AccountKey = [.. Enumerable.Range(1, 32).Select(i => (byte)i)];
    private static readonly byte[] VaultKey = [.. Enumerable.Range(101, 32).Select(i => (byte)i)];

    /// <summary>Deriving a key from a password takes longer than a whole run.</summary>
    private static readonly Lazy<byte[]> FirstKeyset = new(MakeKeyset);

    private readonly VaultKeys _keys = VaultKeys.Create([.. AccountKey], [.. VaultKey]);

    public static Guid Account { get; } = new("0190a000-0000-7000-8000-000000000001");

    public static byte[] Keyset => FirstKeyset.Value;

    public SessionRow Session { get; } = new()
    {
        Server = "http://localhost",
        AccountId = Account.ToBytes(),
        Email = "ada@example.com",
        SessionId = "s",
        AccessToken = "a",
        AccessExpiresMs = long.MaxValue,
        RefreshToken = "r",
        RefreshExpiresMs = long.MaxValue,
    };

    public static VaultKeys NewKeys() => VaultKeys.Create([.. AccountKey], [.. VaultKey]);

    public static KpmOptions Options(string folder, TimeProvider time) => new()
    {
        Server = new Uri("http://localhost"),
        DataFolder = folder,
        DeviceName = "test",
        ApplicationId = "kpm-cli",
        ApplicationVersion = "1",
        Platform = Platform.Linux,
        Time = time,
    };

    /// <summary>The first two operations of the log: the root device and the keyset.</summary>
    public (Guid Device, List<Operation> Operations) Found(LocalStore store, TimeProvider time)
    {
        using var device = new DeviceIdentity(store.Device(time));
        store.Connect(Session);
        store.SaveKeyset(Keyset, null, 1, MainPassword.MinIterations);
        var maker = new OperationMaker(device, _keys, time);
        store.Write(connection =>
        {
            var agreement = device.EnsureAgreementKey(connection, Account, _keys);
            Outbox.Add(connection, maker.DeviceKey(connection, Enrolment.Root, agreement), OutboxState.Queued);
            Outbox.Add(connection, maker.Keyset(connection, Account, 0, Keyset), OutboxState.Queued);
            return 0;
        });
        return (device.Id, store.Read(connection => Outbox.All(connection).ConvertAll(Outbox.ToMessage)));
    }

    /// <summary>The current values in the item that an operation writes.</summary>
    public IReadOnlyCollection<int> Values(Operation operation) => operation.Kind == OperationKind.Put
        ? [.. RealClient.CurrentValues(ItemEnvelope.Open(operation.Envelope.Span, OperationHeader.Parse(operation.Header.Span), _keys))]
        : [];

    public void Dispose() => _keys.Dispose();

    private static byte[] MakeKeyset()
    {
        using var keys = VaultKeys.Create([.. AccountKey], [.. VaultKey]);
        return KeysetEnvelope.Create(Account, keys, "correct horse battery staple", MainPassword.MinIterations);
    }
}
