using System.Diagnostics;
using System.Text;
using System.Text.Json.Nodes;

namespace Kpm.Client.Tests.EndToEnd;

/// <summary>What a run of kpm ended with.</summary>
internal sealed record Answer(int Code, string Output, string Notes)
{
    public JsonNode Json => JsonNode.Parse(Output)!;

    public Answer Succeeded()
    {
        Assert.True(Code == 0, $"kpm ended with {Code}: {Notes}");
        return this;
    }

    public Answer WithCode(int code)
    {
        Assert.True(Code == code, $"kpm ended with {Code}, not {code}: {Notes}");
        return this;
    }

    public Answer Failed(int code, string text)
    {
        Assert.Equal(code, Code);
        Assert.Contains(text, Notes, StringComparison.Ordinal);
        Assert.Empty(Output);
        Assert.DoesNotContain("   at ", Notes, StringComparison.Ordinal);
        return this;
    }
}

/// <summary>kpm as a person types it, each command a process of its own.</summary>
internal sealed class CommandLine(RealServer server)
{
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(90);

    /// <summary>Environment of every run; a key of apps that share the device only where a test names one.</summary>
    public Dictionary<string, string> Environment { get; } = new(StringComparer.Ordinal) { ["KPM_SHARED_KEY"] = "off" };

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <summary>Starts it; standard input stays open.</summary>
    public Process Start(string folder, params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet") { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["KPM_SERVER"] = server.Address.ToString();
        foreach (var (name, value) in Environment)
        {
            start.Environment[name] = value;
        }

        foreach (var argument in new[] { RealServer.Built("clients/cli/Kpm.Cli", "kpm.dll"), "--data", folder }.Concat(arguments))
        {
            start.ArgumentList.Add(argument);
        }

        return Process.Start(start)!;
    }

    /// <summary>Runs it with all of its input at once.</summary>
    public async Task<Answer> RunAsync(string folder, string[] input, params string[] arguments)
    {
        await using var dialogue = new Dialogue(Start(folder, arguments));
        foreach (var line in input)
        {
            await dialogue.SayAsync(line);
        }

        return await dialogue.EndAsync();
    }

    /// <summary>Runs it so that the test can read before it answers.</summary>
    public Dialogue Talk(string folder, params string[] arguments) => new(Start(folder, arguments));

    /// <summary>An activated account with a vault, whose first device is the folder's.</summary>
    public async Task<string> CreateAccountAsync(string folder)
    {
        var email = $"cli.{Guid.NewGuid():N}@example.com";
        (await RunAsync(folder, [RealServer.AccountPassword, RealServer.MainPasswordText], "create-account", "--email", email, "--region", "AT")).Succeeded();
        (await RunAsync(folder, [await server.CodeForAsync(email)], "activate")).Succeeded();
        return email;
    }

    /// <summary>One run, spoken with line by line.</summary>
    internal sealed class Dialogue : IAsyncDisposable
    {
        private readonly Process _process;
        private readonly StringBuilder _notes = new();
        private readonly Task _reading;
        private readonly Task<string> _output;

        public Dialogue(Process process)
        {
            _process = process;
            _output = process.StandardOutput.ReadToEndAsync(Cancellation);
            _reading = ReadAsync();
        }

        public async Task SayAsync(string line)
        {
            try
            {
                await _process.StandardInput.WriteLineAsync(line.AsMemory(), Cancellation);
                await _process.StandardInput.FlushAsync(Cancellation);
            }
            catch (IOException)
            {
                // It has ended before it read this; how shows in the answer.
            }
        }

        /// <summary>Waits until this is noted; all notes so far.</summary>
        public async Task<string> HearAsync(string text)
        {
            for (var waited = Stopwatch.StartNew(); waited.Elapsed < Patience; await Task.Delay(20, Cancellation))
            {
                var isOver = _reading.IsCompleted;
                var notes = Notes();
                if (notes.Contains(text, StringComparison.Ordinal))
                {
                    return notes;
                }

                Assert.False(isOver, $"kpm ended without \"{text}\": {notes}");
            }

            throw new TimeoutException($"kpm did not say \"{text}\": {Notes()}");
        }

        public async Task<Answer> EndAsync()
        {
            try
            {
                _process.StandardInput.Close();
            }
            catch (IOException)
            {
                // It has ended already.
            }

            await _process.WaitForExitAsync(Cancellation).WaitAsync(Patience, Cancellation);
            await _reading;
            return new Answer(_process.ExitCode, await _output, Notes());
        }

        public async ValueTask DisposeAsync()
        {
            if (!_process.HasExited)
            {
                _process.Kill(entireProcessTree: true);
                await _process.WaitForExitAsync(CancellationToken.None);
            }

            _process.Dispose();
        }

        private string Notes()
        {
            lock (_notes)
            {
                return _notes.ToString();
            }
        }

        private async Task ReadAsync()
        {
            var buffer = new char[1024];
            while (await _process.StandardError.ReadAsync(buffer, Cancellation) is var read and > 0)
            {
                lock (_notes)
                {
                    _notes.Append(buffer, 0, read);
                }
            }
        }
    }
}
