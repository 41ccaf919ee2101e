using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text.Json;
using System.Threading.Channels;
using Kpm.Server.Tests.Tidy;

namespace Kpm.Server.Tests.Hosting;

/// <summary>
/// A real part of tests/parts: a Node program that prints one JSON line when it is ready, then JSON lines about what happens, and ends when its
/// standard input does.
/// </summary>
internal sealed class NodePart : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(90);

    private readonly Process _process;
    private readonly Channel<JsonElement> _lines = Channel.CreateUnbounded<JsonElement>();
    private readonly ConcurrentQueue<string> _errors = [];
    private readonly Task _reading;

    private NodePart(Process process)
    {
        _process = process;
        process.ErrorDataReceived += (_, e) => _errors.Enqueue(e.Data ?? "");
        process.BeginErrorReadLine();
        _reading = ReadAsync();
    }

    /// <summary>What it said when it was ready.</summary>
    public JsonElement Ready { get; private set; }

    public static async Task<NodePart> StartAsync(string script, params string[] arguments)
    {
        var folder = Path.Combine(Repository.Root, "tests", "parts");
        Assert.True(Directory.Exists(Path.Combine(folder, "node_modules")), "tests/parts has no packages: run npm ci there, or tests/run, which does it.");
        var start = new ProcessStartInfo("node", [Path.Combine(folder, script), .. arguments])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = folder,
        };
        var part = new NodePart(Process.Start(start) ?? throw new InvalidOperationException("node could not be started."));
        try
        {
            part.Ready = await part.NextAsync();
            return part;
        }
        catch
        {
            await part.DisposeAsync();
            throw;
        }
    }

    /// <summary>The next line that it prints.</summary>
    public async Task<JsonElement> NextAsync()
    {
        try
        {
            return await _lines.Reader.ReadAsync(TestContext.Current.CancellationToken).AsTask().WaitAsync(Patience, TestContext.Current.CancellationToken);
        }
        catch (Exception e) when (e is TimeoutException or ChannelClosedException)
        {
            throw new InvalidOperationException($"{_process.StartInfo.ArgumentList[0]} says nothing more: {string.Join('\n', _errors)}", e);
        }
    }

    /// <summary>Sends a line and reads the answer.</summary>
    public async Task<JsonElement> AskAsync(string line)
    {
        await _process.StandardInput.WriteLineAsync(line);
        await _process.StandardInput.FlushAsync(TestContext.Current.CancellationToken);
        return await NextAsync();
    }

    public async ValueTask DisposeAsync()
    {
        _process.StandardInput.Close();
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        try
        {
            await _process.WaitForExitAsync(patience.Token);
        }
        catch (OperationCanceledException)
        {
            _process.Kill(entireProcessTree: true);
        }

        await _reading;
        _process.Dispose();
    }

    private async Task ReadAsync()
    {
        while (await _process.StandardOutput.ReadLineAsync() is { } line)
        {
            using var document = JsonDocument.Parse(line);
            await _lines.Writer.WriteAsync(document.RootElement.Clone());
        }

        _lines.Writer.Complete();
    }
}
