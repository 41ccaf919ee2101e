namespace Kpm.Simulation.Disk;

/// <summary>
/// A file as programs see it, and as it would be after a power loss: what was written since the last sync may be there or
/// not, whole or in part, in any order.
/// </summary>
internal sealed class SimFile
{
    /// <summary>What a disk writes whole or not at all.</summary>
    private const int Sector = 512;

    private readonly List<Pending> _pending = [];
    private byte[] _content = [];
    private byte[] _durable = [];
    private int _durableLength;

    public int Length { get; private set; }

    public FileLocks Locks { get; private set; } = new();

    public static SimFile Of(ReadOnlySpan<byte> content)
    {
        var file = new SimFile();
        file.Write(0, content);
        file.Sync();
        return file;
    }

    public byte[] ToArray() => _content[..Length];

    /// <summary>False when the file ends before; the rest is zeros.</summary>
    public bool Read(long offset, Span<byte> into)
    {
        var there = (int)Math.Clamp(Length - offset, 0, into.Length);
        _content.AsSpan((int)Math.Min(offset, Length), there).CopyTo(into);
        into[there..].Clear();
        return there == into.Length;
    }

    public void Write(long offset, ReadOnlySpan<byte> data)
    {
        Length = Put(ref _content, Length, (int)offset, data);
        _pending.Add(new Pending((int)offset, data.ToArray()));
    }

    public void Truncate(long size)
    {
        Length = Cut(ref _content, Length, (int)size);
        _pending.Add(new Pending((int)size, null));
    }

    /// <summary>Everything up to here survives a power loss.</summary>
    public void Sync()
    {
        foreach (var pending in _pending)
        {
            Settle(pending.Offset, pending.Data);
        }

        _pending.Clear();
    }

    /// <summary>The machine has stopped: of what was not synced, the disk decides.</summary>
    public void LosePower(Random random)
    {
        var mode = random.Next(4);
        var kept = random.Next(_pending.Count + 1);
        for (var i = 0; i < _pending.Count; i++)
        {
            var (offset, data) = _pending[i];
            switch (mode)
            {
                // Nothing; everything up to some point, which is torn; any sectors; everything.
                case 0:
                    break;
                case 1 when i < kept:
                case 3:
                    Settle(offset, data);
                    break;
                case 1 when i == kept && data is not null:
                    Settle(offset, data[..Math.Min(data.Length, random.Next(data.Length / Sector + 1) * Sector)]);
                    break;
                case 2 when data is null:
                    if (random.Next(2) == 0)
                    {
                        Settle(offset, null);
                    }

                    break;
                case 2:
                    SettleSome(random, offset, data);
                    break;
            }
        }

        _pending.Clear();
        _content = _durable[.._durableLength];
        Length = _durableLength;
    }

    /// <summary>Nobody holds the file open any more, whether he closed it or not.</summary>
    public void ForgetLocks() => Locks = new FileLocks();

    private void SettleSome(Random random, int offset, byte[] data)
    {
        for (var at = 0; at < data.Length; at += Sector)
        {
            if (random.Next(2) == 0)
            {
                Settle(offset + at, data[at..Math.Min(data.Length, at + Sector)]);
            }
        }
    }

    private void Settle(int offset, byte[]? data) =>
        _durableLength = data is null ? Cut(ref _durable, _durableLength, offset) : Put(ref _durable, _durableLength, offset, data);

    private static int Put(ref byte[] content, int length, int offset, ReadOnlySpan<byte> data)
    {
        var end = offset + data.Length;
        if (end > content.Length)
        {
            Array.Resize(ref content, Math.Max(end, Math.Max(4096, content.Length * 2)));
        }

        data.CopyTo(content.AsSpan(offset));
        return Math.Max(length, end);
    }

    private static int Cut(ref byte[] content, int length, int size)
    {
        if (size > content.Length)
        {
            Array.Resize(ref content, size);
        }

        if (size < length)
        {
            content.AsSpan(size, length - size).Clear();
        }

        return size;
    }

    /// <param name="Offset">Where, or the new size.</param>
    /// <param name="Data">What; null for a truncation.</param>
    private readonly record struct Pending(int Offset, byte[]? Data);
}
