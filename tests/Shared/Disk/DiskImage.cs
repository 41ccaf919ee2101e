namespace Kpm.Tests.Disk;

/// <summary>How much of what was never synced is on the disk after the cut.</summary>
internal enum Loss
{
    /// <summary>All of it: the process was killed, and the machine went on.</summary>
    Nothing,

    /// <summary>None of it.</summary>
    Unsynced,

    /// <summary>Any part: sectors on their own and in any order, a later write without an earlier one, a torn one, names without content.</summary>
    Torn,
}

/// <summary>A recording played up to a cut: what is durable there, and what is only in the caches of system and disk.</summary>
internal sealed class DiskImage
{
    private readonly IReadOnlyList<DiskStep> _steps;
    private readonly Dictionary<string, DiskFile> _names = new(StringComparer.Ordinal);
    private readonly Dictionary<string, DiskFile> _durableNames;
    private readonly List<(string Name, DiskFile? File)> _pendingNames = [];

    public DiskImage(IReadOnlyDictionary<string, byte[]> initial, IReadOnlyList<DiskStep> steps)
    {
        _steps = steps;
        foreach (var (name, content) in initial)
        {
            _names.Add(name, new DiskFile(content));
        }

        _durableNames = new Dictionary<string, DiskFile>(_names, StringComparer.Ordinal);
    }

    public int Position { get; private set; }

    /// <summary>Plays on until so many steps were done; never back.</summary>
    public void Advance(int position)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(position, Position);
        for (; Position < position; Position++)
        {
            Apply(_steps[Position]);
        }
    }

    /// <summary>The files as they are found after the power is back. The same seed finds the same.</summary>
    public Dictionary<string, byte[]> Cut(Loss loss, Random random)
    {
        var found = new Dictionary<string, DiskFile>(_durableNames, StringComparer.Ordinal);
        foreach (var name in _pendingNames.GroupBy(p => p.Name, StringComparer.Ordinal))
        {
            var changes = name.ToList();
            var done = loss switch { Loss.Nothing => changes.Count, Loss.Unsynced => 0, _ => random.Next(changes.Count + 1) };
            if (done > 0)
            {
                Set(found, name.Key, changes[done - 1].File);
            }
        }

        return found.OrderBy(f => f.Key, StringComparer.Ordinal).ToDictionary(f => f.Key, f => f.Value.Cut(loss, random), StringComparer.Ordinal);
    }

    /// <summary>Writes the found files into a folder.</summary>
    public void Restore(string folder, Loss loss, Random random)
    {
        Directory.CreateDirectory(folder);
        foreach (var (name, content) in Cut(loss, random))
        {
            File.WriteAllBytes(Path.Combine(folder, name), content);
        }
    }

    private static void Set(Dictionary<string, DiskFile> names, string name, DiskFile? file)
    {
        if (file is null)
        {
            names.Remove(name);
        }
        else
        {
            names[name] = file;
        }
    }

    private void Apply(DiskStep step)
    {
        switch (step.Action)
        {
            case DiskAction.Create:
                Rename(step.File, new DiskFile([]));
                break;
            case DiskAction.Delete:
                Rename(step.File, null);
                break;
            case DiskAction.Sync:
                _names[step.File].Sync();
                break;
            default:
                _names[step.File].Add(step);
                break;
        }

        if (step.SyncsFolder)
        {
            foreach (var (name, file) in _pendingNames)
            {
                Set(_durableNames, name, file);
            }

            _pendingNames.Clear();
        }
    }

    private void Rename(string name, DiskFile? file)
    {
        Set(_names, name, file);
        _pendingNames.Add((name, file));
    }
}
