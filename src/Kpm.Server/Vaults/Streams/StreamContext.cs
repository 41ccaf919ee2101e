using Kpm.Server.Accounts.Events;
using Kpm.Server.Accounts.Sessions;

namespace Kpm.Server.Vaults.Streams;

/// <summary>A number from -1 to 1: spreads heartbeats.</summary>
internal delegate double Jitter();

/// <summary>What every stream of the server works with.</summary>
internal sealed record StreamContext(
    IVaultStore Store,
    ISnapshotStore Snapshots,
    VaultFeeds Feeds,
    SecurityFeed Events,
    SessionDirectory Sessions,
    DeviceProofs Proofs,
    TimeProvider Time,
    Jitter Jitter,
    Limits Limits);
