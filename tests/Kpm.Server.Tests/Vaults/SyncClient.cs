using Google.Protobuf;
using Grpc.Core;
using Grpc.Net.Client;
using Kpm.Server.Tests.Hosting;
using Kpm.V1;

namespace Kpm.Server.Tests.Vaults;

/// <summary>A Sync stream as a device holds it, message by message.</summary>
internal sealed class SyncClient : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly AsyncDuplexStreamingCall<SyncRequest, SyncResponse> _call;
    private readonly SemaphoreSlim _turn = new(1);

    private SyncClient(AsyncDuplexStreamingCall<SyncRequest, SyncResponse> call, ulong cursor)
    {
        _call = call;
        Cursor = cursor;
    }

    /// <summary>The last seq received.</summary>
    public ulong Cursor { get; private set; }

    /// <summary>Everything received as a change.</summary>
    public List<Change> Changes { get; } = [];

    /// <summary>A Ping was received.</summary>
    public bool Pinged { get; private set; }

    /// <summary>The last announcement that the token expires.</summary>
    public TokenExpiring? TokenExpiring { get; private set; }

    /// <summary>Every result received.</summary>
    public List<OperationResult> Results { get; } = [];

    /// <summary>Starts a call without a word.</summary>
    public static SyncClient Call(TestServer server, TestDevice device, GrpcChannel? channel = null) =>
        new(new VaultService.VaultServiceClient(channel ?? server.Channel).Sync(device.Headers), 0);

    /// <summary>Says Hello and takes Welcome.</summary>
    public static async Task<SyncClient> OpenAsync(TestServer server, TestDevice device, ulong cursor = 0, ByteString? chainHash = null, Action<Hello>? bend = null, GrpcChannel? channel = null)
    {
        var client = Call(server, device, channel);
        client.Cursor = cursor;
        await client.SendAsync(new SyncRequest { Hello = Hello(device, cursor, chainHash, bend) });
        client.Welcome = await client.NextAsync(m => m.Welcome);
        return client;
    }

    /// <summary>Opens, and takes everything up to CaughtUp.</summary>
    public static async Task<SyncClient> LiveAsync(TestServer server, TestDevice device, ulong cursor = 0, ByteString? chainHash = null, GrpcChannel? channel = null)
    {
        var client = await OpenAsync(server, device, cursor, chainHash, channel: channel);
        await client.UntilCaughtUpAsync();
        return client;
    }

    public List<SecurityEvent> Events { get; } = [];

    public Welcome? Welcome { get; private set; }

    public static Hello Hello(TestDevice device, ulong cursor = 0, ByteString? chainHash = null, Action<Hello>? bend = null)
    {
        var hello = new Hello
        {
            Versions = { 1 },
            Generation = cursor == 0 ? 0UL : 1,
            Cursor = cursor,
            ChainHash = chainHash ?? ByteString.Empty,
            Proof = device.Prove(TestDevice.SyncMethod, device.Session!.AccessToken),
        };
        bend?.Invoke(hello);
        return hello;
    }

    /// <summary>Several tasks of a test may send: each message waits for its turn.</summary>
    public async Task SendAsync(SyncRequest message)
    {
        await _turn.WaitAsync();
        try
        {
            await _call.RequestStream.WriteAsync(message);
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <summary>Sends what will be refused: the server may have ended the stream before it is written whole.</summary>
    public async Task OfferAsync(SyncRequest message)
    {
        try
        {
            await SendAsync(message);
        }
        catch (RpcException)
        {
            // RefusedAsync reads the same answer.
        }
    }

    public Task PushAsync(params Operation[] operations) => SendAsync(new SyncRequest { Push = new Push { Operations = { operations } } });

    public Task PushAtomicAsync(params Operation[] operations) => SendAsync(new SyncRequest { Push = new Push { Operations = { operations }, Atomic = true } });

    /// <summary>After a snapshot: the changes go on behind this seq.</summary>
    public void GoOnAt(ulong seq) => Cursor = seq;

    public Task AckAsync() => SendAsync(new SyncRequest { Ack = new Ack { Seq = Cursor } });

    public Task CompleteAsync() => _call.RequestStream.CompleteAsync();

    /// <summary>The next message; null at the end of a stream that ended well. Security events come whenever they like, and are set aside.</summary>
    public async Task<SyncResponse?> NextAsync()
    {
        while (true)
        {
            var message = await TakeAsync();
            if (message is not { MessageCase: SyncResponse.MessageOneofCase.SecurityEvent })
            {
                return message;
            }
        }
    }

    /// <summary>The next security event of a kind; one that came before counts.</summary>
    public async Task<SecurityEvent> UntilEventAsync(SecurityEventKind kind)
    {
        while (true)
        {
            if (Events.Find(e => e.Kind == kind) is { } found)
            {
                return found;
            }

            Assert.True(await TakeAsync() is not null, $"The stream ended before {kind}.");
        }
    }

    /// <summary>The next message of any kind; null at the end.</summary>
    public async Task<SyncResponse?> TakeAsync()
    {
        using var patience = new CancellationTokenSource(Patience);
        if (!await _call.ResponseStream.MoveNext(patience.Token))
        {
            return null;
        }

        var message = _call.ResponseStream.Current;
        switch (message.MessageCase)
        {
            case SyncResponse.MessageOneofCase.Changes:
                Assert.Equal(Cursor, message.Changes.PrevSeq);
                Assert.Equal(Enumerable.Range(1, message.Changes.Entries.Count).Select(i => Cursor + (ulong)i), message.Changes.Entries.Select(e => e.Seq));
                Assert.Equal(message.Changes.Entries[^1].Seq, message.Changes.LastSeq);
                Changes.AddRange(message.Changes.Entries);
                Cursor = message.Changes.LastSeq;
                break;
            case SyncResponse.MessageOneofCase.GoAway:
                await CompleteAsync();
                break;
            case SyncResponse.MessageOneofCase.Ping:
                Pinged = true;
                break;
            case SyncResponse.MessageOneofCase.TokenExpiring:
                TokenExpiring = message.TokenExpiring;
                break;
            case SyncResponse.MessageOneofCase.SecurityEvent:
                Events.Add(message.SecurityEvent);
                break;
            case SyncResponse.MessageOneofCase.OpResult:
                Results.Add(message.OpResult);
                break;
        }

        return message;
    }

    /// <summary>The next message, which must be of one kind.</summary>
    public async Task<T> NextAsync<T>(Func<SyncResponse, T?> kind)
        where T : class
    {
        var message = await NextAsync();
        Assert.NotNull(message);
        var found = kind(message);
        Assert.True(found is not null, $"Expected {typeof(T).Name}, got {message}.");
        return found;
    }

    /// <summary>The next message of one kind; those before it are taken in and passed over.</summary>
    public async Task<T> UntilAsync<T>(Func<SyncResponse, T?> kind)
        where T : class
    {
        while (true)
        {
            var message = await NextAsync();
            Assert.True(message is not null, $"The stream ended before {typeof(T).Name}.");
            if (kind(message) is { } found)
            {
                return found;
            }
        }
    }

    public async Task UntilCaughtUpAsync()
    {
        var bookmark = await UntilAsync(m => m.CaughtUp);
        Assert.Equal(Cursor, bookmark.Seq);
    }

    /// <summary>Takes messages until so many changes or results have come.</summary>
    public async Task UntilAsync(Func<bool> reached)
    {
        while (!reached())
        {
            Assert.NotNull(await NextAsync());
        }
    }

    /// <summary>The end of the stream, which must be a good one.</summary>
    public async Task EndAsync()
    {
        Assert.Null(await NextAsync());
        Assert.Equal(StatusCode.OK, _call.GetStatus().StatusCode);
    }

    /// <summary>The end of the stream, which must be this error.</summary>
    public Task<RefusedCall> RefusedAsync(ErrorReason reason) => Refused.WithAsync(reason, async () =>
    {
        while (await NextAsync() is not null)
        {
        }
    });

    public ValueTask DisposeAsync()
    {
        _call.Dispose();
        _turn.Dispose();
        return ValueTask.CompletedTask;
    }
}
