using Kpm.Client.Kpm1;
using Kpm.Client.Schema;

namespace Kpm.Client.Items;

/// <summary>The files of an item.</summary>
internal static class ItemFiles
{
    /// <summary>The attachments' ids as the header lists them: ascending in their 16 bytes, distinct.</summary>
    /// <exception cref="Kpm1Exception">ITEM_TOO_LARGE: more than a header can list.</exception>
    public static IReadOnlyList<Guid> Ids(Item item)
    {
        if (item.Document is not { } document)
        {
            return [];
        }

        // An id that is none can't have been uploaded; another program's mistake must not keep the item from being written.
        var ids = document.Files
            .Select(file => Guid.TryParseExact(file.Id, "D", out var id) ? id : Guid.Empty)
            .Where(id => id != Guid.Empty)
            .Distinct()
            .OrderBy(id => id.ToString("N"), StringComparer.Ordinal)
            .ToList();
        return ids.Count <= OperationHeader.MaxAttachments ? ids : throw new Kpm1Exception(Kpm1Error.ItemTooLarge);
    }
}
