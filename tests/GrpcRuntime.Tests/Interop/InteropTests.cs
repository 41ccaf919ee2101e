using Grpc.Net.Client;
using GrpcRuntime.Tests.Server;

namespace GrpcRuntime.Tests.Interop;

/// <summary>
/// The standard interoperability cases of gRPC: our client against the servers of grpc-js and grpcio and our own, and
/// their clients against our server. Whether messages were compressed is read off the wire.
/// </summary>
public sealed class InteropTests(InteropPeers peers) : IClassFixture<InteropPeers>
{
    private static readonly string[] Names =
    [
        "empty_unary", "cacheable_unary", "large_unary", "client_compressed_unary", "server_compressed_unary", "client_streaming",
        "client_compressed_streaming", "server_streaming", "server_compressed_streaming", "ping_pong", "empty_stream", "custom_metadata",
        "status_code_and_message", "special_status_message", "unimplemented_method", "unimplemented_service", "cancel_after_begin",
        "cancel_after_first_response", "timeout_on_sleeping_server",
    ];

    // The grpc-js server never compresses a response, and the grpcio client cannot leave one message of a stream uncompressed.
    public static TheoryData<string, string> ClientCases => Cases(["ours", "grpc-js", "grpcio"], ("grpc-js", "server_compressed_unary"), ("grpc-js", "server_compressed_streaming"));

    public static TheoryData<string, string> ServerCases => Cases(["grpc-js", "grpcio"], ("grpcio", "client_compressed_streaming"));

    [Theory]
    [MemberData(nameof(ClientCases))]
    public async Task Our_client_against(string server, string name)
    {
        Assert.SkipWhen(await InteropPeer.MissingAsync(server) is not null, "Debian's python3-grpcio and python3-protobuf are not installed.");
        using var flags = new FlagHandler();
        using var channel = GrpcChannel.ForAddress(await peers.ServerAsync(server), new GrpcChannelOptions { HttpHandler = flags });
        // Only our server sees the flag of a request; what the others get is read off the wire all the same.
        var client = new InteropClient(channel, flags, name, canProbe: server == "ours");
        var method = name == "unimplemented_service" ? nameof(InteropClient.UnimplementedServiceCase) : string.Concat(name.Split('_').Select(word => char.ToUpperInvariant(word[0]) + word[1..]));

        await (Task)typeof(InteropClient).GetMethod(method)!.Invoke(client, null)!;
    }

    [Theory]
    [MemberData(nameof(ServerCases))]
    public async Task Our_server_against(string client, string name)
    {
        Assert.SkipWhen(await InteropPeer.MissingAsync(client) is not null, "Debian's python3-grpcio and python3-protobuf are not installed.");

        var run = await peers.ClientAsync(client);

        Assert.True(run.Output.Split('\n').Contains($"ok {name}"), run.Output);
        var calls = run.Record.Of(name);
        switch (name)
        {
            // The first call is the probe: it is not compressed where that is expected, and refused.
            case "client_compressed_unary":
                Assert.Equal("0 1 0", string.Join(' ', calls.SelectMany(call => call.Requests.All)));
                break;
            case "client_compressed_streaming":
                Assert.Equal([[0], [1, 0]], calls.Select(call => call.Requests.All));
                break;
            case "server_compressed_unary":
                Assert.Equal([[1], [0]], calls.Select(call => call.Responses.All));
                break;
            case "server_compressed_streaming":
                Assert.Equal([[1, 0]], calls.Select(call => call.Responses.All));
                break;
            default:
                Assert.NotEmpty(calls);
                break;
        }
    }

    private static TheoryData<string, string> Cases(string[] peers, params (string Peer, string Name)[] without)
    {
        var cases = new TheoryData<string, string>();
        foreach (var peer in peers)
        {
            foreach (var name in Names.Where(name => !without.Contains((peer, name))))
            {
                cases.Add(peer, name);
            }
        }

        return cases;
    }
}

/// <summary>The servers of all, and one run of each foreign client, shared by the cases.</summary>
public sealed class InteropPeers : IAsyncLifetime
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, Task<string>> _servers = [];
    private readonly Dictionary<string, Task<ClientRun>> _clients = [];
    private readonly List<IAsyncDisposable> _running = [];

    public ValueTask InitializeAsync() => default;

    public Task<string> ServerAsync(string peer)
    {
        lock (_gate)
        {
            return _servers.TryGetValue(peer, out var server) ? server : _servers[peer] = StartAsync(peer);
        }
    }

    internal Task<ClientRun> ClientAsync(string peer)
    {
        lock (_gate)
        {
            return _clients.TryGetValue(peer, out var run) ? run : _clients[peer] = RunAsync(peer);
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var server in _running)
        {
            await server.DisposeAsync();
        }
    }

    private async Task<string> StartAsync(string peer)
    {
        if (peer == "ours")
        {
            var ours = await InteropServer.StartAsync();
            Add(ours);
            return ours.Address;
        }

        var server = await InteropPeerServer.StartAsync(peer);
        Add(server);
        return server.Address;
    }

    private void Add(IAsyncDisposable server)
    {
        lock (_gate)
        {
            _running.Add(server);
        }
    }

    private static async Task<ClientRun> RunAsync(string peer)
    {
        await using var server = await InteropServer.StartAsync();
        var (program, arguments, folder) = await InteropPeer.CommandAsync(peer, "client", new Uri(server.Address).Authority);
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(2));
        var (_, output) = await Peers.RunAsync(program, arguments, folder, limit.Token);
        return new ClientRun(output, server.Record);
    }

    internal sealed record ClientRun(string Output, InteropRecord Record);
}
