using Kpm.Server.Rpc;

namespace Kpm.Server.Vaults.Attachments;

/// <summary>The rows of attachments. An id belongs to its account: in another one it is another attachment, or none.</summary>
internal interface IAttachmentStore
{
    /// <summary>The session has not ended.</summary>
    bool IsLive(Caller caller);

    AttachmentRow? Find(Guid accountId, Guid attachmentId);

    /// <summary>Enters an upload, and its bytes into the quota, unless it is there already.</summary>
    Task<BeginResult> BeginAsync(Caller caller, NewAttachment upload, CancellationToken cancellationToken);

    /// <summary>Notes how much has arrived durably; false when the row is gone or the session has ended.</summary>
    Task<bool> SaveReceivedAsync(Caller caller, Guid attachmentId, ulong received, CancellationToken cancellationToken);

    /// <summary>The file is in its place: the attachment is there for items to name. False when the row is gone or the session has ended.</summary>
    Task<bool> CompleteAsync(Caller caller, Guid attachmentId, DateTimeOffset expiresAt, CancellationToken cancellationToken);

    /// <summary>The bytes turned out to be wrong, or nothing of them could be stored: gives the quota back. Leaves a complete one alone.</summary>
    Task DropAsync(Guid accountId, Guid attachmentId, CancellationToken cancellationToken);

    /// <summary>The file of a complete attachment is lost: it can be uploaded again.</summary>
    Task LoseAsync(Guid accountId, Guid attachmentId, DateTimeOffset expiresAt, CancellationToken cancellationToken);

    /// <summary>Attachments that nothing has named for long enough, oldest first.</summary>
    IReadOnlyList<ExpiredAttachment> Expired(DateTimeOffset now, int most);

    /// <summary>Removes the row if it is still expired, and gives the quota back; what it was, or null.</summary>
    Task<RemovedAttachment?> RemoveExpiredAsync(Guid accountId, Guid attachmentId, DateTimeOffset now, CancellationToken cancellationToken);

    /// <summary>Some attachment of the account, whole or not, has this content.</summary>
    bool HasContent(Guid accountId, ReadOnlySpan<byte> sha256);
}

/// <summary>An attachment, or as much as has arrived of it.</summary>
internal sealed record AttachmentRow
{
    public required Guid AttachmentId { get; init; }

    public required ulong Size { get; init; }

    public required byte[] Sha256 { get; init; }

    /// <summary>Bytes that are durable.</summary>
    public required ulong Received { get; init; }

    public required bool Complete { get; init; }

    /// <summary>When it is removed; null while a kept revision names it.</summary>
    public required DateTimeOffset? ExpiresAt { get; init; }
}

/// <summary>An upload that a client begins or goes on with.</summary>
internal sealed record NewAttachment(Guid AttachmentId, ulong Size, byte[] Sha256, DateTimeOffset ExpiresAt);

internal enum BeginOutcome
{
    /// <summary>The row is there: new, or as it was left.</summary>
    Ready = 1,

    /// <summary>It was begun with another size or hash.</summary>
    Mismatch = 2,

    /// <summary>The quota has no room for its bytes.</summary>
    QuotaExceeded = 3,

    /// <summary>The account has too many unfinished uploads.</summary>
    TooManyOpen = 4,

    SessionEnded = 5,
}

/// <summary>What came of a beginning; with the bytes in use where the quota was in the way.</summary>
internal sealed record BeginResult(BeginOutcome Outcome, AttachmentRow? Row, ulong BytesInUse);

internal sealed record ExpiredAttachment(Guid AccountId, Guid AttachmentId);

/// <summary>A row that was removed.</summary>
/// <param name="Sha256">Its content.</param>
/// <param name="ContentShared">Another attachment of the account has the same content.</param>
internal sealed record RemovedAttachment(byte[] Sha256, bool ContentShared);
