using Kpm.V1;

namespace Kpm.Server.Accounts.Events;

/// <summary>Reads the accounts' security events. They are written by the units that they are about.</summary>
internal interface ISecurityEventStore
{
    /// <summary>The events after one, in their order, at most so many.</summary>
    ValueTask<IReadOnlyList<SecurityEvent>> AfterAsync(Guid accountId, ulong seq, int most, CancellationToken cancellationToken);

    /// <summary>The events before one, newest first, at most so many.</summary>
    ValueTask<IReadOnlyList<SecurityEvent>> BeforeAsync(Guid accountId, ulong seq, int most, CancellationToken cancellationToken);
}
