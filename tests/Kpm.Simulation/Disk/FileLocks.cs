using System.Runtime.InteropServices;

namespace Kpm.Simulation.Disk;

/// <summary>SQLite's locks of one file and the memory that its connections share, as its VFS interface defines them. One thread.</summary>
internal sealed unsafe class FileLocks
{
    public const int None = 0;
    public const int Shared = 1;
    public const int Reserved = 2;
    public const int Exclusive = 4;

    private const int ShmSlots = 8;

    private readonly Dictionary<object, int> _levels = [];
    private readonly HashSet<object>[] _shmShared = [.. Enumerable.Range(0, ShmSlots).Select(_ => new HashSet<object>())];
    private readonly object?[] _shmExclusive = new object?[ShmSlots];
    private readonly List<nint> _regions = [];

    public bool IsReserved => _levels.Values.Any(level => level >= Reserved);

    public bool TryLock(object owner, int level)
    {
        if (_levels.GetValueOrDefault(owner) >= level)
        {
            return true;
        }

        var others = _levels.Where(l => l.Key != owner).Select(l => l.Value).ToList();
        var granted = level switch
        {
            Shared => others.TrueForAll(other => other < Exclusive),
            Reserved => others.TrueForAll(other => other < Reserved),
            _ => others.TrueForAll(other => other == None),
        };
        if (granted)
        {
            _levels[owner] = level;
        }

        return granted;
    }

    public void Unlock(object owner, int level)
    {
        if (level == None)
        {
            _levels.Remove(owner);
        }
        else if (_levels.GetValueOrDefault(owner) > level)
        {
            _levels[owner] = level;
        }
    }

    /// <summary>A region of the shared memory; zero when it is not there and must not be made.</summary>
    public nint Region(int index, int size, bool extend)
    {
        while (extend && _regions.Count <= index)
        {
            _regions.Add((nint)NativeMemory.AllocZeroed((nuint)size));
        }

        return index < _regions.Count ? _regions[index] : 0;
    }

    public bool TryLockShm(object owner, int first, int count, bool exclusive)
    {
        for (var slot = first; slot < first + count; slot++)
        {
            var taken = _shmExclusive[slot] is { } holder && holder != owner;
            if (taken || (exclusive && _shmShared[slot].Any(other => other != owner)))
            {
                return false;
            }
        }

        for (var slot = first; slot < first + count; slot++)
        {
            if (exclusive)
            {
                _shmExclusive[slot] = owner;
            }
            else
            {
                _shmShared[slot].Add(owner);
            }
        }

        return true;
    }

    public void UnlockShm(object owner, int first, int count)
    {
        for (var slot = first; slot < first + count; slot++)
        {
            _shmShared[slot].Remove(owner);
            if (_shmExclusive[slot] == owner)
            {
                _shmExclusive[slot] = null;
            }
        }
    }

    /// <summary>A connection has closed the shared memory, in whatever state.</summary>
    public void LeaveShm(object owner) => UnlockShm(owner, 0, ShmSlots);

    /// <summary>The memory goes with the last connection that may still look at it.</summary>
    public void Free()
    {
        foreach (var region in _regions)
        {
            NativeMemory.Free((void*)region);
        }

        _regions.Clear();
    }
}
