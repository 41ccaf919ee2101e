using System.Buffers;
using System.Text;
using Grpc.Core;
using GrpcRuntime.Surface.Protos;

namespace GrpcRuntime.Surface;

/// <summary>Services and clients under test without a network: contexts, calls, invokers and bindings of the test's own.</summary>
public sealed class UnitTestingTests
{
    [Fact]
    public async Task A_handler_runs_in_a_context_of_the_tests_own()
    {
        var context = new OwnContext(new Metadata { { "greeting", "good evening" } });

        var reply = await new GreeterService().Greet(new GreetRequest { Name = "Dan" }, context);

        Assert.Equal("Hello Dan, good evening", reply.Text);
        Assert.Equal("yes", context.SentHeaders!.GetValue("peer-known"));
        Assert.Equal("own/Method", context.ResponseTrailers.GetValue("method"));
        Assert.Equal("Dan", context.UserState["greeted"]);
        Assert.Equal((DateTime.MaxValue, "host", false), (context.Deadline, context.Host, context.AuthContext.IsPeerAuthenticated));
    }

    [Fact]
    public async Task A_client_runs_on_an_invoker_of_the_tests_own()
    {
        var client = new Greeter.GreeterClient(new OwnInvoker());

        Assert.Equal("made up", (await client.GreetAsync(new GreetRequest())).Text);
        Assert.Equal("blocking", client.Greet(new GreetRequest()).Text);
        using var often = client.GreetOften(new GreetRequest());
        Assert.True(await often.ResponseStream.MoveNext(CancellationToken.None));
        Assert.Equal("streamed", often.ResponseStream.Current.Text);
        using var all = client.GreetAll();
        await all.RequestStream.WriteAsync(new GreetRequest());
        await all.RequestStream.CompleteAsync();
        Assert.Equal("collected", (await all.ResponseAsync).Text);
        using var each = client.GreetEach();
        await each.RequestStream.CompleteAsync();
        Assert.True(await each.ResponseStream.MoveNext(CancellationToken.None));
        Assert.Equal(StatusCode.OK, each.GetStatus().StatusCode);
    }

    [Fact]
    public void A_service_is_bound_without_a_server()
    {
        var binder = new OwnBinder();
        Greeter.BindService(binder, new GreeterService());

        Assert.Equal(
            [(MethodType.Unary, "Greet"), (MethodType.ClientStreaming, "GreetAll"), (MethodType.ServerStreaming, "GreetOften"), (MethodType.DuplexStreaming, "GreetEach")],
            binder.Methods.Select(method => (method.Type, method.Name)));
        Assert.All(binder.Methods, method => Assert.Equal(("grpcruntime.surface.Greeter", $"/grpcruntime.surface.Greeter/{method.Name}"), (method.ServiceName, method.FullName)));
        Assert.NotNull(Greeter.BindService(new GreeterService()));
    }

    [Fact]
    public async Task Marshallers_metadata_and_credentials_are_values_of_their_own()
    {
        var marshaller = Marshallers.Create<string>(
            (text, context) =>
            {
                context.SetPayloadLength(text.Length);
                context.GetBufferWriter().Write(Encoding.ASCII.GetBytes(text));
                context.Complete();
            },
            context => Encoding.ASCII.GetString(context.PayloadAsReadOnlySequence()));
        var simple = Marshallers.Create(text => Encoding.ASCII.GetBytes(text), bytes => Encoding.ASCII.GetString(bytes));
        Assert.Equal("abc", simple.Deserializer(simple.Serializer("abc")));
        Assert.NotNull(marshaller.ContextualSerializer);
        Assert.NotNull(marshaller.ContextualDeserializer);

        var metadata = new Metadata { new Metadata.Entry("A-Key", "text"), new Metadata.Entry("a-bin", [1]) };
        Assert.Equal(("a-key", "text", false), (metadata[0].Key, metadata[0].Value, metadata[0].IsBinary));
        Assert.Equal((byte[])[1], metadata.Get("a-bin")!.ValueBytes);
        Assert.Equal(2, metadata.Count);

        var named = CallCredentials.FromInterceptor((context, headers) =>
        {
            headers.Add("method", context.MethodName);
            return Task.CompletedTask;
        });
        var credentials = CallCredentials.Compose(named, CallCredentials.FromInterceptor((_, _) => Task.CompletedTask));
        Assert.NotNull(ChannelCredentials.Create(ChannelCredentials.SecureSsl, credentials));
        await Assert.ThrowsAsync<RpcException>(() => Task.FromException(new RpcException(Status.DefaultCancelled, "message")));
        Assert.Equal(0, (int)Status.DefaultSuccess.StatusCode);
    }

    private sealed class OwnContext(Metadata headers) : ServerCallContext
    {
        public Metadata? SentHeaders { get; private set; }

        protected override string MethodCore => "own/Method";

        protected override string HostCore => "host";

        protected override string PeerCore => "peer";

        protected override DateTime DeadlineCore => DateTime.MaxValue;

        protected override Metadata RequestHeadersCore => headers;

        protected override CancellationToken CancellationTokenCore => CancellationToken.None;

        protected override Metadata ResponseTrailersCore { get; } = [];

        protected override Status StatusCore { get; set; }

        protected override WriteOptions? WriteOptionsCore { get; set; }

        protected override AuthContext AuthContextCore { get; } = new(null, []);

        protected override IDictionary<object, object> UserStateCore { get; } = new Dictionary<object, object>();

        protected override ContextPropagationToken CreatePropagationTokenCore(ContextPropagationOptions? options) => throw new NotSupportedException();

        protected override Task WriteResponseHeadersAsyncCore(Metadata responseHeaders)
        {
            SentHeaders = responseHeaders;
            return Task.CompletedTask;
        }
    }

    private sealed class OwnInvoker : CallInvoker
    {
        public override TResponse BlockingUnaryCall<TRequest, TResponse>(Method<TRequest, TResponse> method, string? host, CallOptions options, TRequest request) =>
            Reply<TResponse>("blocking");

        public override AsyncUnaryCall<TResponse> AsyncUnaryCall<TRequest, TResponse>(Method<TRequest, TResponse> method, string? host, CallOptions options, TRequest request) =>
            new(Task.FromResult(Reply<TResponse>("made up")), Headers(), Ok, Trailers, Nothing);

        public override AsyncServerStreamingCall<TResponse> AsyncServerStreamingCall<TRequest, TResponse>(Method<TRequest, TResponse> method, string? host, CallOptions options, TRequest request) =>
            new(new OneReply<TResponse>("streamed"), Headers(), Ok, Trailers, Nothing);

        public override AsyncClientStreamingCall<TRequest, TResponse> AsyncClientStreamingCall<TRequest, TResponse>(Method<TRequest, TResponse> method, string? host, CallOptions options) =>
            new(new Ignore<TRequest>(), Task.FromResult(Reply<TResponse>("collected")), Headers(), Ok, Trailers, Nothing);

        public override AsyncDuplexStreamingCall<TRequest, TResponse> AsyncDuplexStreamingCall<TRequest, TResponse>(Method<TRequest, TResponse> method, string? host, CallOptions options) =>
            new(new Ignore<TRequest>(), new OneReply<TResponse>("each"), Headers(), Ok, Trailers, Nothing);

        private static TResponse Reply<TResponse>(string text) => (TResponse)(object)new GreetReply { Text = text };

        private static Task<Metadata> Headers() => Task.FromResult(new Metadata());

        private static Status Ok() => Status.DefaultSuccess;

        private static Metadata Trailers() => [];

        private static void Nothing()
        {
        }

        private sealed class OneReply<T>(string text) : IAsyncStreamReader<T>
        {
            private int _read;

            public T Current => (T)(object)new GreetReply { Text = text };

            public Task<bool> MoveNext(CancellationToken cancellationToken) => Task.FromResult(_read++ == 0);
        }

        private sealed class Ignore<T> : IClientStreamWriter<T>
        {
            public WriteOptions? WriteOptions { get; set; }

            public Task WriteAsync(T message) => Task.CompletedTask;

            public Task CompleteAsync() => Task.CompletedTask;
        }
    }

    private sealed class OwnBinder : ServiceBinderBase
    {
        public List<IMethod> Methods { get; } = [];

        public override void AddMethod<TRequest, TResponse>(Method<TRequest, TResponse> method, UnaryServerMethod<TRequest, TResponse>? handler) => Methods.Add(method);

        public override void AddMethod<TRequest, TResponse>(Method<TRequest, TResponse> method, ClientStreamingServerMethod<TRequest, TResponse>? handler) => Methods.Add(method);

        public override void AddMethod<TRequest, TResponse>(Method<TRequest, TResponse> method, ServerStreamingServerMethod<TRequest, TResponse>? handler) => Methods.Add(method);

        public override void AddMethod<TRequest, TResponse>(Method<TRequest, TResponse> method, DuplexStreamingServerMethod<TRequest, TResponse>? handler) => Methods.Add(method);
    }
}
