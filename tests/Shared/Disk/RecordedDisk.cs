namespace Kpm.Tests.Disk;

/// <summary>Keeps every request to a folder's files in order, with content. What is there when it begins counts as durable.</summary>
internal sealed class RecordedDisk : DiskTap, IDisposable
{
    private readonly string _folder;
    private readonly Lock _gate = new();
    private readonly List<DiskStep> _steps = [];
    private readonly HashSet<string> _known = new(StringComparer.Ordinal);
    private readonly IDisposable _attachment;

    public RecordedDisk(string folder)
    {
        _folder = folder;
        Initial = Directory.GetFiles(folder).ToDictionary(f => Path.GetFileName(f), File.ReadAllBytes, StringComparer.Ordinal);
        _known.UnionWith(Initial.Keys);
        _attachment = DiskShim.Attach(folder, this);
    }

    /// <summary>The files when the recording began.</summary>
    public IReadOnlyDictionary<string, byte[]> Initial { get; }

    /// <summary>Answers in the disk's place; see <see cref="DiskTap.Before"/>. A request that it answers is not recorded.</summary>
    public Func<DiskStep, int>? Fault { get; set; }

    /// <summary>How many requests there were so far.</summary>
    public int Position
    {
        get
        {
            lock (_gate)
            {
                return _steps.Count;
            }
        }
    }

    public IReadOnlyList<DiskStep> Steps
    {
        get
        {
            lock (_gate)
            {
                return [.. _steps];
            }
        }
    }

    public override int Before(DiskStep step) => Fault?.Invoke(step) ?? Proceed;

    public override void After(DiskStep step)
    {
        lock (_gate)
        {
            if (step.Action == DiskAction.Create)
            {
                if (!_known.Add(step.File))
                {
                    return;
                }

                _steps.Add(step);

                // Made by other means than SQLite: its content was written, and nobody synced it.
                var content = File.ReadAllBytes(Path.Combine(_folder, step.File));
                if (content.Length > 0)
                {
                    _steps.Add(new DiskStep(DiskAction.Write, step.File) { Bytes = content });
                }

                return;
            }

            if (step.Action == DiskAction.Delete)
            {
                _known.Remove(step.File);
            }

            _steps.Add(step);
        }
    }

    public void Dispose() => _attachment.Dispose();
}
