using Google.Protobuf;
using Grpc.Core;
using Kpm.Simulation.Engine;
using Kpm.V1;

namespace Kpm.Simulation.Network;

/// <summary>What the client's end of a link tells.</summary>
internal interface ILinkClient
{
    void Received(SimLink link, SyncResponse message);

    /// <summary>The server ended the stream; null for a good end.</summary>
    void Ended(SimLink link, Exception? failure);

    /// <summary>The connection is gone.</summary>
    void Lost(SimLink link);
}

/// <summary>
/// One Sync stream over a connection that delays and breaks. Inside it messages keep their order and are not doubled, as over
/// TCP; whatever was on its way when it breaks may arrive or not, the two ends hear of it at different times, and the server's
/// end may live on beside the client's next connection.
/// </summary>
internal sealed class SimLink : IAsyncStreamReader<SyncRequest>, IServerStreamWriter<SyncResponse>, IDisposable
{
    private readonly Scheduler _scheduler;
    private readonly SimProcess _serverProcess;
    private readonly SimProcess _clientProcess;
    private readonly ILinkClient _client;
    private readonly NetworkWeather _weather;
    private readonly Queue<byte[]> _inbox = new();
    private readonly List<byte[]> _held = [];
    private readonly CancellationTokenSource _gone = new();
    private TaskCompletionSource<bool>? _reading;
    private CancellationToken _readingToken;
    private TaskCompletionSource? _writing;
    private CancellationToken _writingToken;
    private TimeSpan _lastUp;
    private TimeSpan _lastDown;
    private int _undelivered;
    private bool _clientClosed;
    private bool _serverGone;
    private bool _inboxEnded;

    public SimLink(Scheduler scheduler, SimProcess server, SimProcess clientProcess, ILinkClient client, NetworkWeather weather, int number)
    {
        (_scheduler, _serverProcess, _clientProcess, _client, _weather, Number) = (scheduler, server, clientProcess, client, weather, number);
        Call = new SimCall(Abort, _gone.Token);
    }

    public int Number { get; }

    public SimCall Call { get; }

    /// <summary>The client's end is closed: nothing more comes to it.</summary>
    public bool IsOver => _clientClosed;

    public SyncRequest Current { get; private set; } = null!;

    public WriteOptions? WriteOptions { get; set; }

    // ---- the client's end ----

    public void Send(SyncRequest message)
    {
        if (_clientClosed)
        {
            return;
        }

        var bytes = message.ToByteArray();
        _lastUp = Later(_lastUp);
        _scheduler.After(_serverProcess, _lastUp - _scheduler.Now, () =>
        {
            if (!_serverGone)
            {
                _inbox.Enqueue(bytes);
                Feed();
            }
        });
    }

    /// <summary>The client has nothing more to say, and hears the rest.</summary>
    public void Complete()
    {
        _lastUp = Later(_lastUp);
        _scheduler.After(_serverProcess, _lastUp - _scheduler.Now, () =>
        {
            _inboxEnded = true;
            Feed();
        });
    }

    /// <summary>The connection breaks. The client hears of it now; the server some time later, and until then gets what was on its way.</summary>
    public void Cut(bool tellClient)
    {
        if (_clientClosed)
        {
            return;
        }

        _clientClosed = true;
        if (tellClient)
        {
            _scheduler.After(_clientProcess, _weather.Delay(_scheduler.Random), () => _client.Lost(this));
        }

        _scheduler.After(_serverProcess, _weather.DeathNotice(_scheduler.Random), ServerHearsOfTheEnd);
    }

    /// <summary>The client reads nothing before.</summary>
    public void PauseDelivery(TimeSpan until) => _lastDown = until > _lastDown ? until : _lastDown;

    // ---- the server's end ----

    public Task<bool> MoveNext(CancellationToken cancellationToken)
    {
        _reading = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
        _readingToken = cancellationToken;
        var task = _reading.Task;
        if (_serverGone)
        {
            TakeReading()!.SetException(new IOException("The client reset the request stream."));
        }
        else
        {
            Feed();
        }

        return task;
    }

    public Task WriteAsync(SyncResponse message) => WriteAsync(message, CancellationToken.None);

    public Task WriteAsync(SyncResponse message, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (_serverGone)
        {
            throw new IOException("The client reset the request stream.");
        }

        _held.Add(message.ToByteArray());
        if (WriteOptions?.Flags.HasFlag(WriteFlags.BufferHint) != true)
        {
            Flush();
        }

        if (_undelivered < _weather.Window)
        {
            return Task.CompletedTask;
        }

        _writing = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _writingToken = cancellationToken;
        return _writing.Task;
    }

    /// <summary>The handler has returned.</summary>
    public void ServerEnds(Exception? failure)
    {
        if (_serverGone)
        {
            return;
        }

        Flush();
        _serverGone = true;
        Down(() => _client.Ended(this, failure), closes: true);
    }

    /// <summary>Tokens are looked at after each step: a callback of theirs would run on a thread of its own.</summary>
    public void LookAtTokens()
    {
        if (_reading is not null && _readingToken.IsCancellationRequested)
        {
            TakeReading()!.SetCanceled(_readingToken);
        }

        if (_writing is { } writing && _writingToken.IsCancellationRequested)
        {
            _writing = null;
            writing.SetCanceled(_writingToken);
        }
    }

    public void Dispose() => _gone.Dispose();

    private void Abort()
    {
        ServerHearsOfTheEnd();
        Cut(tellClient: true);
    }

    private void ServerHearsOfTheEnd()
    {
        if (_serverGone)
        {
            return;
        }

        _serverGone = true;
        _held.Clear();
        TakeReading()?.SetException(new IOException("The client reset the request stream."));
        _writing?.SetException(new IOException("The client reset the request stream."));
        _writing = null;
        _gone.Cancel();
    }

    private void Feed()
    {
        if (_reading is null)
        {
            return;
        }

        if (_inbox.TryDequeue(out var bytes))
        {
            Current = SyncRequest.Parser.ParseFrom(bytes);
            TakeReading()!.SetResult(true);
        }
        else if (_inboxEnded)
        {
            TakeReading()!.SetResult(false);
        }
    }

    private TaskCompletionSource<bool>? TakeReading()
    {
        var reading = _reading;
        _reading = null;
        return reading;
    }

    private void Flush()
    {
        foreach (var bytes in _held)
        {
            _undelivered++;
            Down(
                () =>
                {
                    _undelivered--;
                    if (_undelivered < _weather.Window && _writing is { } writing)
                    {
                        _writing = null;
                        _scheduler.Ready(_serverProcess, static state => ((TaskCompletionSource)state!).TrySetResult(), writing);
                    }

                    _client.Received(this, SyncResponse.Parser.ParseFrom(bytes));
                },
                closes: false);
        }

        _held.Clear();
    }

    private void Down(Action arrives, bool closes)
    {
        _lastDown = Later(_lastDown);
        _scheduler.After(_clientProcess, _lastDown - _scheduler.Now, () =>
        {
            if (!_clientClosed)
            {
                _clientClosed = closes;
                arrives();
            }
        });
    }

    private TimeSpan Later(TimeSpan last)
    {
        var at = _scheduler.Now + _weather.Delay(_scheduler.Random);
        return at > last ? at : last + TimeSpan.FromTicks(1);
    }
}
