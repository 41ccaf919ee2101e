namespace Kpm.Tests.Disk;

/// <summary>A file's durable content, and what was done to it since its last sync.</summary>
internal sealed class DiskFile(byte[] durable)
{
    private static readonly int[] SectorSizes = [512, 4096];

    private readonly List<DiskStep> _pending = [];
    private byte[] _durable = durable;

    public void Add(DiskStep step) => _pending.Add(step);

    public void Sync()
    {
        _durable = Whole();
        _pending.Clear();
    }

    public byte[] Cut(Loss loss, Random random) => _pending.Count == 0 || loss == Loss.Unsynced ? _durable : loss == Loss.Nothing ? Whole() : Torn(random);

    private static long SizeAfter(long size, DiskStep step) => step.Action == DiskAction.Truncate ? step.Offset : Math.Max(size, step.Offset + step.Bytes.Length);

    private byte[] Whole()
    {
        var content = Room(_durable, _pending.Aggregate((long)_durable.Length, (size, s) => Math.Max(size, SizeAfter(size, s))));
        var size = (long)_durable.Length;
        foreach (var step in _pending)
        {
            if (step.Action == DiskAction.Truncate)
            {
                Array.Clear(content, (int)step.Offset, content.Length - (int)step.Offset);
            }
            else
            {
                step.Bytes.CopyTo(content.AsMemory((int)step.Offset));
            }

            size = SizeAfter(size, step);
        }

        return content.Length == size ? content : content[..(int)size];
    }

    private static byte[] Room(byte[] content, long size)
    {
        var room = new byte[Math.Max(size, content.Length)];
        content.CopyTo(room, 0);
        return room;
    }

    /// <summary>
    /// The length as it was at any time since the sync; each sector as it was at any time since the sync, independently
    /// of the others, its newest bytes perhaps not all there.
    /// </summary>
    private byte[] Torn(Random random)
    {
        var sector = SectorSizes[random.Next(SectorSizes.Length)];
        var keep = random.Next(1, 10) / 10.0;
        var sizes = new List<long> { _durable.Length };
        foreach (var step in _pending)
        {
            sizes.Add(SizeAfter(sizes[^1], step));
        }

        var content = Room(_durable, sizes.Max());
        foreach (var (at, versions) in Versions(sector, content.Length).OrderBy(v => v.Key))
        {
            var count = random.NextDouble() < keep ? versions.Count : random.Next(versions.Count);
            for (var i = 0; i < count; i++)
            {
                var tornAt = i == count - 1 && random.Next(8) == 0 ? random.Next(versions[i].Bytes.Length + 1) : versions[i].Bytes.Length;
                versions[i].Bytes[..tornAt].CopyTo(content.AsMemory((int)versions[i].Offset));
            }
        }

        var size = random.NextDouble() < keep ? sizes[^1] : sizes[random.Next(sizes.Count)];
        Array.Resize(ref content, (int)size);
        return content;
    }

    /// <summary>What happened to each sector, in order; a truncation leaves zeros.</summary>
    private Dictionary<long, List<(long Offset, ReadOnlyMemory<byte> Bytes)>> Versions(int sector, int length)
    {
        var versions = new Dictionary<long, List<(long, ReadOnlyMemory<byte>)>>();
        foreach (var step in _pending)
        {
            var bytes = step.Action == DiskAction.Truncate ? new byte[Math.Max(0, length - step.Offset)] : step.Bytes;
            for (var done = 0; done < bytes.Length;)
            {
                var offset = step.Offset + done;
                var part = (int)Math.Min(sector - (offset % sector), bytes.Length - done);
                if (!versions.TryGetValue(offset / sector, out var list))
                {
                    versions.Add(offset / sector, list = []);
                }

                list.Add((offset, bytes.Slice(done, part)));
                done += part;
            }
        }

        return versions;
    }
}
