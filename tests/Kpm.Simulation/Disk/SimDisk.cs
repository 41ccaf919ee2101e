namespace Kpm.Simulation.Disk;

/// <summary>How a machine comes to a stop.</summary>
internal enum StopKind
{
    /// <summary>The process is killed: what it wrote is with the kernel.</summary>
    Kill,

    /// <summary>The power goes: what was not synced is at the mercy of the disk.</summary>
    PowerLoss,
}

/// <summary>What a planted bug does to syncs.</summary>
internal enum SyncBug
{
    None,

    /// <summary>The disk says that it has synced, and has not.</summary>
    Lies,

    /// <summary>The log is not synced with a commit, as with synchronous=NORMAL.</summary>
    NotTheLog,
}

/// <summary>The disk of one simulated machine: files by name, faults at chosen places, and what is left after a crash.</summary>
internal sealed class SimDisk(Random random) : IDisposable
{
    private readonly Dictionary<string, SimFile> _files = new(StringComparer.Ordinal);
    private readonly List<FileLocks> _old = [];
    private StopKind _stopping;

    /// <summary>Called when the machine stops at a place that <see cref="StopAtSite"/> named.</summary>
    public Action? Stopped { get; set; }

    /// <summary>Writes, truncations and syncs so far: the places where a crash makes a difference.</summary>
    public long Sites { get; private set; }

    /// <summary>The place at which the machine stops, and how.</summary>
    public (long Site, StopKind Kind)? StopAtSite { get; set; }

    /// <summary>No room: files can't grow.</summary>
    public bool Full { get; set; }

    /// <summary>The next writes fail with an input/output error.</summary>
    public int FailingWrites { get; set; }

    /// <summary>The next sync fails; what it should have written may be there or not.</summary>
    public bool FailNextSync { get; set; }

    public SyncBug Bug { get; set; }

    /// <summary>Rises with every stop: whoever opened a file before gets errors from then on.</summary>
    public int Boot { get; private set; }

    public bool Exists(string path) => _files.ContainsKey(path);

    public SimFile Open(string path, bool create)
    {
        if (!_files.TryGetValue(path, out var file))
        {
            file = create ? new SimFile() : throw new FileNotFoundException(path);
            _files.Add(path, file);
        }

        return file;
    }

    public void Put(string path, ReadOnlySpan<byte> content) => _files[path] = SimFile.Of(content);

    public byte[] Get(string path) => _files[path].ToArray();

    public void Delete(string path)
    {
        if (_files.Remove(path, out var file))
        {
            _old.Add(file.Locks);
        }
    }

    /// <summary>Before a write, a truncation or a sync. False when the machine stops here; <paramref name="half"/> says whether the deed still happens.</summary>
    public bool Pass(out bool half)
    {
        half = false;
        Sites++;
        if (StopAtSite is not { } stop || Sites < stop.Site)
        {
            return true;
        }

        StopAtSite = null;
        half = random.Next(2) == 0;
        _stopping = stop.Kind;
        return false;
    }

    /// <summary>The stop that <see cref="Pass"/> announced.</summary>
    public void StopHere()
    {
        Stop(_stopping);
        Stopped?.Invoke();
    }

    /// <summary>The machine stops now.</summary>
    public void Stop(StopKind kind)
    {
        Boot++;
        StopAtSite = null;
        FailNextSync = false;
        FailingWrites = 0;
        foreach (var (path, file) in _files.OrderBy(f => f.Key, StringComparer.Ordinal).ToList())
        {
            if (kind == StopKind.PowerLoss)
            {
                file.LosePower(random);
            }

            _old.Add(file.Locks);
            file.ForgetLocks();
            if (path.EndsWith("-shm", StringComparison.Ordinal))
            {
                _files.Remove(path);
            }
        }
    }

    /// <summary>After a failed sync the kernel may have dropped any of the pages.</summary>
    public void LoseUnsynced(SimFile file) => file.LosePower(random);

    public void Dispose()
    {
        foreach (var locks in _old.Concat(_files.Values.Select(f => f.Locks)))
        {
            locks.Free();
        }
    }
}
