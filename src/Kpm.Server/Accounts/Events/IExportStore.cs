using Kpm.V1;

namespace Kpm.Server.Accounts.Events;

/// <summary>What an export of account data reads beside what other stores list.</summary>
internal interface IExportStore
{
    /// <summary>Notes the export as the account's newest event, which bounds it; null where the account is gone.</summary>
    Task<ExportBounds?> BeginAsync(Guid accountId, SecurityEntry entry, DateTimeOffset now, CancellationToken cancellationToken);

    /// <summary>Decisions about marketing mail after one, oldest first, at most so many.</summary>
    ValueTask<IReadOnlyList<ConsentRow>> ConsentsAsync(Guid accountId, DateTimeOffset? after, int most, CancellationToken cancellationToken);

    /// <summary>Sessions after one, in the order of their ids, at most so many.</summary>
    ValueTask<IReadOnlyList<SessionRecord>> SessionsAsync(Guid accountId, Guid? after, int most, CancellationToken cancellationToken);
}

/// <summary>The account as it stands, and its newest event: number and hash.</summary>
internal sealed record ExportBounds(AccountRow Account, ulong LastEventSeq, byte[] HeadHash);
