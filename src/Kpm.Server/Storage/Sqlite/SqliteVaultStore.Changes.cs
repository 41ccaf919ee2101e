using Kpm.Server.Vaults;
using Microsoft.Data.Sqlite;

namespace Kpm.Server.Storage.Sqlite;

/// <summary>What changes vaults other than a Push: jobs, uploads and commands, whose rows the caches must not outlive.</summary>
internal sealed partial class SqliteVaultStore
{
    /// <summary>
    /// A write to an account's vault that is no Push, but changes what is cached of it. Runs on the writer thread; what it
    /// throws rolls it back. The task completes once it is durable.
    /// </summary>
    public Task<T> ChangeAsync<T>(Guid accountId, Func<PreparedStatements, T> change, CancellationToken cancellationToken) =>
        ChangeAsync(statements => new VaultChange<T>([accountId], change(statements)), cancellationToken);

    /// <summary>The same for several vaults at once, or for none.</summary>
    /// <param name="change">Changes vaults and names them, each once.</param>
    /// <param name="cancellationToken">Counts until the unit begins.</param>
    /// <param name="durable">Told on the writer thread, in the order of the commits; returns at once.</param>
    public Task<T> ChangeAsync<T>(Func<PreparedStatements, VaultChange<T>> change, CancellationToken cancellationToken, Action<IReadOnlyList<Guid>>? durable = null)
    {
        var unit = new ChangeUnit<T>(change, durable, this, cancellationToken);
        database.Write(unit);
        return unit.Task;
    }

    private sealed class ChangeUnit<T>(
        Func<PreparedStatements, VaultChange<T>> change, Action<IReadOnlyList<Guid>>? durable, SqliteVaultStore store, CancellationToken cancellationToken) : WriteUnit
    {
        private readonly TaskCompletionSource<T> _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private VaultChange<T>? _change;
        private (Guid AccountId, VaultState State)[] _states = [];

        public Task<T> Task => _completion.Task;

        public override void Execute(SqliteConnection connection)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var statements = store.Database.WriterStatements;
            _change = change(statements);
            Forget();
            _states = [.. _change.Accounts.Select(a => (a, VaultQueries.State(statements, a)))];
        }

        public override void RolledBack() => Forget();

        public override void Succeeded()
        {
            foreach (var (accountId, state) in _states)
            {
                store._states.Publish(accountId, state);
            }

            durable?.Invoke(_change!.Accounts);
            _completion.SetResult(_change!.Value);
        }

        public override void Failed(Exception reason)
        {
            if (reason is OperationCanceledException canceled)
            {
                _completion.SetCanceled(canceled.CancellationToken);
            }
            else
            {
                _completion.SetException(reason);
            }
        }

        private void Forget()
        {
            foreach (var accountId in _change?.Accounts ?? [])
            {
                store._writer.Forget(accountId);
            }
        }
    }
}

/// <summary>What a unit did to vaults.</summary>
/// <param name="Accounts">Whose vaults it changed.</param>
/// <param name="Value">What its caller wants to know.</param>
internal sealed record VaultChange<T>(IReadOnlyList<Guid> Accounts, T Value);
