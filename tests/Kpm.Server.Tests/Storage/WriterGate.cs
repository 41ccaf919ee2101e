using Kpm.Server.Storage.Sqlite;

namespace Kpm.Server.Tests.Storage;

/// <summary>Holds the writer thread inside a unit, so that what is queued meanwhile forms one group.</summary>
internal sealed class WriterGate : IDisposable
{
    private readonly ManualResetEventSlim _open = new();
    private readonly Task _unit;

    public WriterGate(SqliteDatabase database)
    {
        using var entered = new ManualResetEventSlim();
        _unit = database.WriteAsync(
            _ =>
            {
                entered.Set();
                _open.Wait();
            },
            CancellationToken.None);
        entered.Wait();
    }

    public void Open() => _open.Set();

    public void Dispose()
    {
        Open();
        _unit.GetAwaiter().GetResult();
        _open.Dispose();
    }
}
