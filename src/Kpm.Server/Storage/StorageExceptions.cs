namespace Kpm.Server.Storage;

/// <summary>The queue of the writer is full: nothing was stored, the caller may try again shortly.</summary>
internal sealed class StorageBusyException() : Exception("The queue of writes is full.");

/// <summary>
/// The database could not take the write (disk full, an input/output error, no memory, or the server is stopping).
/// Nothing was stored. Reads go on, and writes do again once the cause is gone.
/// </summary>
internal sealed class StorageUnavailableException(Exception? inner = null) : Exception("The database can't be written.", inner);
