using Kpm.Client.Accounts;
using Kpm.Client.Kpm1;
using Kpm.Client.Schema;
using Kpm.Client.Storage;
using Kpm.V1;
using Microsoft.Data.Sqlite;

namespace Kpm.Client;

/// <summary>A revision of an item, its author's signature checked.</summary>
/// <param name="Rev">Its number, from 1.</param>
/// <param name="Seq">Its place in the log.</param>
/// <param name="IsDeletion">It is a tombstone.</param>
/// <param name="Device">Who wrote it.</param>
/// <param name="CommittedAt">When the server committed it, for display only.</param>
/// <param name="IsKept">Its content can be fetched.</param>
public sealed record ItemRevision(ulong Rev, ulong Seq, bool IsDeletion, Guid Device, DateTimeOffset CommittedAt, bool IsKept);

/// <summary>A deleted item that can be brought back.</summary>
/// <param name="Id">The item.</param>
/// <param name="RestorableRev">Its newest revision with content.</param>
/// <param name="Item">That content; null where it can't be read.</param>
/// <param name="DeletedAt">When the server committed the deletion, for display only.</param>
/// <param name="PurgesAt">When its content is removed for good.</param>
public sealed record TrashItem(Guid Id, ulong RestorableRev, Item? Item, DateTimeOffset DeletedAt, DateTimeOffset PurgesAt);

/// <summary>What items were before, and the trash. Every call throws ServerException for an error of the server, and Kpm1Exception for what no device of the vault has written.</summary>
public sealed class RevisionClient
{
    private readonly LocalStore _store;
    private readonly VaultKeys _keys;
    private readonly OperationMaker _maker;
    private readonly ServerCalls _calls;
    private readonly VaultService.VaultServiceClient _vaults;

    internal RevisionClient(LocalStore store, VaultKeys keys, OperationMaker maker, ServerCalls calls, VaultService.VaultServiceClient vaults)
    {
        _store = store;
        _keys = keys;
        _maker = maker;
        _calls = calls;
        _vaults = vaults;
    }

    /// <summary>The revisions of an item.</summary>
    /// <param name="item">The item.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>Newest first.</returns>
    public async Task<IReadOnlyList<ItemRevision>> ListAsync(Guid item, CancellationToken cancellationToken)
    {
        var revisions = await ServerCalls.PagesAsync(
            token => _calls.SessionAsync(to => _vaults.ListRevisionsAsync(new ListRevisionsRequest { ItemId = item.ToText(), PageToken = token }, to), cancellationToken),
            page => page.Revisions,
            page => page.NextPageToken);
        return [.. revisions.Select(revision =>
        {
            var header = Verify(item, revision.Rev, revision.Kind, revision.Seq, revision.Header.Span, revision.Signature.Span);
            return new ItemRevision(revision.Rev, revision.Seq, header.Kind == OperationKind.Delete, header.Device, revision.CommittedAt.ToDateTimeOffset(), revision.EnvelopeBytes > 0);
        })];
    }

    /// <summary>The content of a revision.</summary>
    /// <param name="item">The item.</param>
    /// <param name="rev">The revision.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>Null for a tombstone, and where the content is no longer kept.</returns>
    public async Task<Item?> GetAsync(Guid item, ulong rev, CancellationToken cancellationToken)
    {
        var request = new GetRevisionRequest { ItemId = item.ToText(), Rev = rev };
        var revision = (await _calls.SessionAsync(to => _vaults.GetRevisionAsync(request, to), cancellationToken)).Revision;
        var header = Verify(item, rev, revision.Kind, revision.Seq, revision.Header.Span, revision.Signature.Span);
        return header.Kind == OperationKind.Delete || revision.Superseded ? null : ItemEnvelope.Open(revision.Envelope.Span, header, _keys);
    }

    /// <summary>Deleted items that can be brought back.</summary>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>Newest deletion first.</returns>
    public async Task<IReadOnlyList<TrashItem>> ListTrashAsync(CancellationToken cancellationToken)
    {
        var listed = await ServerCalls.PagesAsync(
            token => _calls.SessionAsync(to => _vaults.ListTrashAsync(new ListTrashRequest { PageToken = token }, to), cancellationToken),
            page => page.Items,
            page => page.NextPageToken);
        var trash = new List<TrashItem>();
        foreach (var trashed in listed)
        {
            var id = Guid.TryParseExact(trashed.ItemId, "D", out var parsed) ? parsed : throw new Kpm1Exception(Kpm1Error.HeaderMismatch);
            Item? content = null;
            try
            {
                content = await GetAsync(id, trashed.RestorableRev, cancellationToken);
            }
            catch (Kpm1Exception unreadable) when (unreadable.Error is Kpm1Error.SchemaUnknown or Kpm1Error.SuiteUnknown)
            {
                // Of a newer program: it is there, and is shown as such.
            }

            trash.Add(new TrashItem(id, trashed.RestorableRev, content, trashed.DeletedAt.ToDateTimeOffset(), trashed.PurgesAt.ToDateTimeOffset()));
        }

        return trash;
    }

    /// <summary>Brings a deleted item back with this content.</summary>
    /// <param name="item">The item.</param>
    /// <param name="content">What it is to be.</param>
    /// <returns>False where this device does not know it as deleted.</returns>
    public bool Undelete(Guid item, Item content) => _store.Write(connection =>
    {
        var subject = LogStore.SubjectRow(connection, item);
        if (subject?.Kind != (long)OperationKind.Delete || Outbox.Of(connection, item).Count > 0)
        {
            return false;
        }

        Outbox.Add(connection, _maker.Put(connection, item, content, (ulong)subject.Rev, new LogRevision(subject.Header, subject.Envelope)), OutboxState.Queued);
        return true;
    });

    /// <summary>Throws unless a device of the vault has written it, in that place of the log as far as this device has seen it.</summary>
    private OperationHeader Verify(Guid item, ulong rev, OperationKind kind, ulong seq, ReadOnlySpan<byte> bytes, ReadOnlySpan<byte> signature)
    {
        var header = OperationHeader.Parse(bytes);
        var account = _store.Vault()!.Account;
        LogVerifier.Require(header.Account == account && header.Vault == account, Kpm1Error.WrongVault);
        LogVerifier.Require(header.Subject == item && header.Rev == rev && header.Kind == kind && kind is OperationKind.Put or OperationKind.Delete, Kpm1Error.HeaderMismatch);
        var (author, known) = _store.Read(connection => (Author(connection, header.Device), LogStore.HeaderAt(connection, seq)));
        LogVerifier.Require(author is not null, Kpm1Error.DeviceUnknown);
        using var key = P256.VerificationKey(author!.SigningKey.Span);
        LogVerifier.Require(P256.Verify(key, bytes, signature), Kpm1Error.SignatureInvalid);

        // What a revoked device has written before its end stays; where this device has the log, only what stands there.
        LogVerifier.Require(known is null ? !author.Revoked || IsBelowSnapshot(seq) : bytes.SequenceEqual(known), Kpm1Error.ChainMismatch);
        return header;
    }

    private bool IsBelowSnapshot(ulong seq) => seq < (ulong)_store.Vault()!.SnapshotSeq;

    private static KnownDevice? Author(SqliteConnection connection, Guid device) =>
        LogStore.Devices(connection).Find(row => row.Id == device)?.ToKnown();
}
