using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace Kpm.Server.Tests.Hosting;

/// <summary>What the server logged, for asserting that something is in it, and that secrets are not.</summary>
internal sealed class RecordedLogs : ILoggerProvider
{
    private readonly ConcurrentQueue<(LogLevel Level, int Id, string Text)> _lines = [];

    public IEnumerable<(LogLevel Level, int Id, string Text)> Lines => _lines;

    public string Text => string.Join('\n', _lines.Select(l => l.Text));

    public ILogger CreateLogger(string categoryName) => new Recorder(_lines);

    public void Dispose()
    {
        // The lines outlive the server: a test reads them after a restart too.
    }

    private sealed class Recorder(ConcurrentQueue<(LogLevel Level, int Id, string Text)> lines) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            lines.Enqueue((logLevel, eventId.Id, exception is null ? formatter(state, exception) : $"{formatter(state, exception)} {exception}"));
    }
}
