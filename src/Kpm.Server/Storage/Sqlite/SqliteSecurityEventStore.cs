using Kpm.Server.Accounts.Events;
using Kpm.V1;

namespace Kpm.Server.Storage.Sqlite;

internal sealed class SqliteSecurityEventStore(SqliteDatabase database) : ISecurityEventStore
{
    public ValueTask<IReadOnlyList<SecurityEvent>> AfterAsync(Guid accountId, ulong seq, int most, CancellationToken cancellationToken) =>
        ValueTask.FromResult(database.Read(c => SqliteSecurityLog.After(c, accountId, seq, most)));

    public ValueTask<IReadOnlyList<SecurityEvent>> BeforeAsync(Guid accountId, ulong seq, int most, CancellationToken cancellationToken) =>
        ValueTask.FromResult(database.Read(c => SqliteSecurityLog.Before(c, accountId, seq, most)));
}
