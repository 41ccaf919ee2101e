using System.Collections;
using System.Reflection;
using System.Runtime.ExceptionServices;
using Kpm.Server.Storage;
using Kpm.Server.Storage.Sqlite;
using Kpm.Server.Vaults;
using Kpm.Server.Vaults.Streams;
using Kpm.V1;

namespace Kpm.Simulation.Server;

/// <summary>The vault store with a planted bug around it; without one, the store itself.</summary>
#pragma warning disable CA1852 // The proxy derives from it at run time.
internal class BuggyStore : DispatchProxy
{
    private readonly Dictionary<Guid, VaultState> _firstStates = [];
    private IVaultStore _inner = null!;
    private VaultFeeds _feeds = null!;
    private PlantedBug _bug;

    public static IVaultStore Around(IVaultStore store, VaultFeeds feeds, PlantedBug bug)
    {
        if (bug is not (PlantedBug.RefusalAcknowledged or PlantedBug.PublishedBeforeCommit or PlantedBug.CacheKeptAfterRollback
            or PlantedBug.PageSkipsAnEntry or PlantedBug.BatchEndsWithPage or PlantedBug.HintsNotHealed or PlantedBug.StaleStart))
        {
            return store;
        }

        var proxy = Create<IVaultStore, BuggyStore>();
        var buggy = (BuggyStore)(object)proxy;
        (buggy._inner, buggy._feeds, buggy._bug) = (store, feeds, bug);
        feeds.LoseHints = bug == PlantedBug.HintsNotHealed;
        return proxy;
    }

    protected override object? Invoke(MethodInfo? targetMethod, object?[]? args)
    {
        ArgumentNullException.ThrowIfNull(targetMethod);
        ArgumentNullException.ThrowIfNull(args);
        if (targetMethod.Name == nameof(IVaultStore.Push) && Wrap((VaultPush)args[0]!) is { } wrapped)
        {
            args[0] = wrapped;
        }

        if (_bug == PlantedBug.PageSkipsAnEntry && targetMethod.Name == nameof(IVaultStore.Changes))
        {
            return SkipAtBorder((Guid)args[0]!, (ulong)args[1]!, (int)args[2]!, (int)args[3]!);
        }

        object? result;
        try
        {
            result = targetMethod.Invoke(_inner, args);
        }
        catch (TargetInvocationException e)
        {
            ExceptionDispatchInfo.Throw(e.InnerException!);
            throw;
        }

        switch (_bug, targetMethod.Name)
        {
            case (PlantedBug.BatchEndsWithPage, nameof(IVaultStore.Changes)) when (IReadOnlyList<Change>)result! is { Count: > 1 } page:
                page[^1].MoreInBatch = false;
                break;
            case (PlantedBug.HintsNotHealed, nameof(IVaultStore.State)):
                return _firstStates.TryGetValue((Guid)args[0]!, out var first) ? first : _firstStates[(Guid)args[0]!] = (VaultState)result!;
            case (PlantedBug.StaleStart, nameof(IVaultStore.Start)) when result is StreamStart { State.HeadSeq: > 3 } start && (ulong)args[3]! + 2 <= start.State.HeadSeq:
                return start with { State = start.State with { HeadSeq = start.State.HeadSeq - 1 } };
        }

        return result;
    }

    private IReadOnlyList<Change> SkipAtBorder(Guid account, ulong after, int most, int bytes)
    {
        var page = _inner.Changes(account, after, most + 1, bytes);
        if (page.Count <= most || page.Count < 3)
        {
            return page.Count > most ? [.. page.Take(most)] : page;
        }

        // The first entry of a page is lost, and the numbers hide it.
        var skipped = page.Skip(1).Select(change => new Change(change) { Seq = change.Seq - 1 });
        return [.. skipped];
    }

    private VaultPush? Wrap(VaultPush push) => _bug switch
    {
        PlantedBug.RefusalAcknowledged => new AcknowledgedRefusal(push) { AccountId = push.AccountId, SessionId = push.SessionId, DeviceId = push.DeviceId, Operations = push.Operations, Atomic = push.Atomic },
        PlantedBug.PublishedBeforeCommit => new PublishedEarly(push, _inner, _feeds) { AccountId = push.AccountId, SessionId = push.SessionId, DeviceId = push.DeviceId, Operations = push.Operations, Atomic = push.Atomic },
        PlantedBug.CacheKeptAfterRollback => new KeptCache(push, _inner) { AccountId = push.AccountId, SessionId = push.SessionId, DeviceId = push.DeviceId, Operations = push.Operations, Atomic = push.Atomic },
        _ => null,
    };

    /// <summary>Says of a Push that was not stored that it was.</summary>
    private sealed class AcknowledgedRefusal(VaultPush inner) : VaultPush
    {
        public override ILiveStream? Stream => inner.Stream;

        public override bool Abandoned => inner.Abandoned;

        public override void Completed(IReadOnlyList<Outcome> outcomes) => inner.Completed(outcomes);

        public override void Refused(Exception reason)
        {
            if (reason is StorageUnavailableException && !Atomic)
            {
                inner.Completed([.. inner.Operations.Select((o, i) => Outcome.Applied(o.Header.ObservedSeq + (ulong)i + 1, o.Header.Rev))]);
            }
            else
            {
                inner.Refused(reason);
            }
        }
    }

    /// <summary>Publishes what the Push will probably do as soon as its unit begins.</summary>
    private sealed class PublishedEarly(VaultPush inner, IVaultStore store, VaultFeeds feeds) : VaultPush
    {
        public override ILiveStream? Stream => inner.Stream;

        public override bool Abandoned
        {
            get
            {
                if (Operations is [var only] && store.State(AccountId) is { HeadSeq: > 4 } state && !inner.Abandoned)
                {
                    var seq = state.HeadSeq + 1;
                    feeds.Publish(AccountId, [new LogEntry(seq, only, only.Header.Rev, VaultState.NextChainHash(state.ChainHash, seq, only.HeaderHash))], 0, null);
                }

                return inner.Abandoned;
            }
        }

        public override void RolledBack() => inner.RolledBack();

        public override void Completed(IReadOnlyList<Outcome> outcomes) => inner.Completed(outcomes);

        public override void Refused(Exception reason) => inner.Refused(reason);
    }

    /// <summary>Puts back what the rollback has dropped from the writer's cache.</summary>
    private sealed class KeptCache(VaultPush inner, IVaultStore store) : VaultPush
    {
        private object? _cached;

        public override ILiveStream? Stream => inner.Stream;

        /// <summary>Asked when the unit begins: what is cached now is what the unit changes.</summary>
        public override bool Abandoned
        {
            get
            {
                _cached = Cache[AccountId];
                return inner.Abandoned;
            }
        }

        /// <summary>Private parts, since production code has no place for a bug.</summary>
        private IDictionary Cache
        {
            get
            {
                const BindingFlags parts = BindingFlags.Instance | BindingFlags.NonPublic;
                var writer = typeof(SqliteVaultStore).GetField("_writer", parts)!.GetValue(store)!;
                return (IDictionary)writer.GetType().GetField("_cache", parts)!.GetValue(writer)!;
            }
        }

        public override void RolledBack()
        {
            if (_cached is not null)
            {
                Cache[AccountId] = _cached;
            }

            inner.RolledBack();
        }

        public override void Completed(IReadOnlyList<Outcome> outcomes) => inner.Completed(outcomes);

        public override void Refused(Exception reason) => inner.Refused(reason);
    }
}
