using Kpm.Client.Schema;

namespace Kpm.Client;

/// <summary>An item as this device has it, with its own edits that are not sent yet.</summary>
public sealed record VaultItem
{
    /// <summary>The item's id.</summary>
    public required Guid Id { get; init; }

    /// <summary>The plaintext; null where it can't be read.</summary>
    public Item? Item { get; init; }

    /// <summary>The revision in the log; 0 for an item that is not there yet.</summary>
    public required ulong Rev { get; init; }

    /// <summary>An edit of this device is not in the log yet.</summary>
    public bool Pending { get; init; }

    /// <summary>Why the server refused this device's edit; null if it did not.</summary>
    public string? Refusal { get; init; }

    /// <summary>Why it can't be read, a name of docs/crypto.md such as SCHEMA_UNKNOWN; null if it can.</summary>
    public string? Unreadable { get; init; }
}

/// <summary>Where this device's copy of the vault stands.</summary>
/// <param name="Seq">The last verified entry of the log.</param>
/// <param name="Generation">The vault's generation.</param>
/// <param name="KeyEpoch">The key epoch.</param>
/// <param name="Items">Items that are not deleted, this device's own edits included.</param>
/// <param name="Devices">Devices of the directory.</param>
/// <param name="Pending">Operations that are not in the log yet.</param>
/// <param name="Refused">Operations that the server refused.</param>
public sealed record VaultStatus(ulong Seq, ulong Generation, uint KeyEpoch, int Items, int Devices, int Pending, int Refused);
