using System.Diagnostics;
using System.Globalization;

namespace Kpm.Bench.Harness;

/// <summary>A process that the bench started and ends, by its own id, with the last of its output at hand when it fails.</summary>
internal sealed class ChildProcess : IAsyncDisposable
{
    private const int KeptLines = 40;

    private readonly Process _process;
    private readonly Queue<string> _tail = new();
    private readonly Lock _gate = new();
    private readonly string _name;

    private ChildProcess(string name, Process process)
    {
        _name = name;
        _process = process;
    }

    public int Id => _process.Id;

    /// <summary>Starts a process and returns once <paramref name="ready"/> has accepted a line of its output.</summary>
    public static async Task<(ChildProcess Child, T Value)> StartAsync<T>(string name, ProcessStartInfo start, Func<string, T?> ready, TimeSpan timeout, CancellationToken cancel)
        where T : class
    {
        start.RedirectStandardOutput = true;
        start.RedirectStandardError = true;
        start.RedirectStandardInput = true;
        var found = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        var process = new Process { StartInfo = start, EnableRaisingEvents = true };
        var child = new ChildProcess(name, process);
        void OnLine(object sender, DataReceivedEventArgs e)
        {
            if (e.Data == null)
            {
                return;
            }

            child.Keep(e.Data);
            if (!found.Task.IsCompleted && ready(e.Data) is { } value)
            {
                found.TrySetResult(value);
            }
        }

        process.OutputDataReceived += OnLine;
        process.ErrorDataReceived += OnLine;
        process.Exited += (_, _) => found.TrySetException(new InvalidOperationException($"{name} ended before it was ready."));
        process.Start();
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        try
        {
            return (child, await found.Task.WaitAsync(timeout, cancel));
        }
        catch (Exception e) when (e is InvalidOperationException or TimeoutException)
        {
            await child.DisposeAsync();
            throw new InvalidOperationException($"{name} did not start:\n{child.Tail()}", e);
        }
        catch
        {
            await child.DisposeAsync();
            throw;
        }
    }

    /// <summary>Resident memory in bytes.</summary>
    public long ResidentBytes() => StatusBytes("VmRSS:");

    /// <summary>The most that was resident since <see cref="ResetPeak"/>.</summary>
    public long PeakResidentBytes() => StatusBytes("VmHWM:");

    /// <summary>The kernel takes the peak anew from what is resident now.</summary>
    public void ResetPeak() => File.WriteAllText($"/proc/{Id}/clear_refs", "5");

    /// <summary>Runs a load against the process and notes what the process used for it.</summary>
    public async Task<LoadResult> ChargeAsync(Func<Task<LoadResult>> load)
    {
        var before = Spent();
        var result = await load();
        return result with { Server = Spent() - before };
    }

    /// <summary>What the process has used so far.</summary>
    public Spent Spent()
    {
        _process.Refresh();
        var written = File.ReadLines($"/proc/{Id}/io").First(l => l.StartsWith("write_bytes:", StringComparison.Ordinal));
        return new Spent(_process.TotalProcessorTime, long.Parse(written.Split(' ')[1], CultureInfo.InvariantCulture));
    }

    /// <summary>Throws, with the process's last words, if it is no longer there.</summary>
    public void ThrowIfGone()
    {
        if (_process.HasExited)
        {
            throw new InvalidOperationException($"{_name} ended with {_process.ExitCode}:\n{Tail()}");
        }
    }

    public string Tail()
    {
        lock (_gate)
        {
            return string.Join('\n', _tail);
        }
    }

    public async ValueTask DisposeAsync()
    {
        try
        {
            if (!_process.HasExited)
            {
                _process.Kill(entireProcessTree: true);
            }

            await _process.WaitForExitAsync(CancellationToken.None);
        }
        catch (InvalidOperationException)
        {
            // It never started, or ended in between.
        }

        _process.Dispose();
    }

    private long StatusBytes(string field)
    {
        var line = File.ReadLines($"/proc/{Id}/status").First(l => l.StartsWith(field, StringComparison.Ordinal));
        return long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) * 1024;
    }

    private void Keep(string line)
    {
        lock (_gate)
        {
            _tail.Enqueue(line);
            if (_tail.Count > KeptLines)
            {
                _tail.Dequeue();
            }
        }
    }
}

/// <summary>Folders for the data of children.</summary>
internal sealed class ScratchFolder : IDisposable
{
    public ScratchFolder(string? parent, string name)
    {
        Path = System.IO.Path.Combine(parent ?? System.IO.Path.GetTempPath(), string.Create(CultureInfo.InvariantCulture, $"kpm-bench-{Environment.ProcessId}-{name}"));
        if (OperatingSystem.IsWindows())
        {
            Directory.CreateDirectory(Path);
        }
        else
        {
            Directory.CreateDirectory(Path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }
    }

    public string Path { get; }

    public void Dispose()
    {
        if (Directory.Exists(Path))
        {
            Directory.Delete(Path, recursive: true);
        }
    }
}
