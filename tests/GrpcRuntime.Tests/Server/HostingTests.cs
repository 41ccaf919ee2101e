using Grpc.AspNetCore.Server;
using Grpc.Core;
using Grpc.Core.Interceptors;
using GrpcRuntime.Tests.Protos;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace GrpcRuntime.Tests.Server;

/// <summary>Services, interceptors, options and endpoint metadata as an application sets them up.</summary>
public sealed class HostingTests
{
    private static readonly byte[] Hello = RawGrpc.Frame(new EchoRequest { Text = "hello", Count = 2 });

    [Fact]
    public async Task Interceptors_run_around_every_kind_of_call_in_order()
    {
        var trace = new Trace();
        await using var server = await TestServer.StartAsync(
            options =>
            {
                options.Interceptors.Add<TracingInterceptor>("outer");
                options.Interceptors.Add<SingletonInterceptor>();
            },
            services =>
            {
                services.AddSingleton(trace).AddSingleton<SingletonInterceptor>();
                services.AddGrpc().AddServiceOptions<EchoService>(own => own.Interceptors.Add<TracingInterceptor>("inner"));
            });

        foreach (var path in new[] { RawGrpc.Unary, RawGrpc.Collect, RawGrpc.Expand, RawGrpc.Chat })
        {
            trace.Entries.Clear();
            Assert.Equal(StatusCode.OK, (await server.PostAsync(path, Hello)).Status);
            var kind = path[(path.LastIndexOf('/') + 1)..];
            Assert.Equal(
                [$"outer {kind}", $"single {kind}", $"inner {kind}", "inner done", "inner disposed", "single done", "outer done", "outer disposed"],
                trace.Entries);
        }
    }

    [Fact]
    public async Task An_interceptor_may_turn_exceptions_into_statuses()
    {
        await using var server = await TestServer.StartAsync(options => options.Interceptors.Add<MappingInterceptor>());
        server.Hooks.Unary = (_, _) => throw new KeyNotFoundException("k");

        var response = await server.PostAsync(RawGrpc.Unary, Hello);

        response.AssertTrailersOnly(StatusCode.NotFound);
        Assert.Equal("mapped", response.Message);
    }

    [Fact]
    public async Task A_service_is_made_and_disposed_of_per_call_with_its_scoped_dependencies()
    {
        var trace = new Trace();
        await using var server = await TestServer.StartAsync(
            services: services => services.AddSingleton(trace).AddScoped<ScopedDependency>(),
            map: app => app.MapGrpcService<DisposableService>());

        for (var i = 0; i < 2; i++)
        {
            trace.Entries.Clear();
            Assert.Equal(StatusCode.OK, (await server.PostAsync("/hand.Bound/FailSecond", RawGrpc.Frame([]))).Status);
            Assert.Equal(["dependency made", "service made", "called", "service disposed", "dependency disposed"], trace.Entries);
        }
    }

    [Fact]
    public async Task A_service_whose_dependencies_have_keys_gets_those_of_its_call()
    {
        // Without its key the same type is a singleton: that must not be taken for what the service asks for.
        await using var server = await TestServer.StartAsync(
            services: services => services.AddSingleton(new Trace()).AddKeyedScoped<Trace>("own"),
            map: app => app.MapGrpcService<KeyedService>());

        for (var i = 0; i < 2; i++)
        {
            Assert.Equal("0", (await server.PostAsync("/hand.Bound/FailSecond", RawGrpc.Frame([]))).Headers["calls-before"]);
        }
    }

    [Fact]
    public async Task A_service_of_the_container_has_the_lifetime_it_was_given()
    {
        var trace = new Trace();
        await using var server = await TestServer.StartAsync(
            services: services => services.AddSingleton(trace).AddSingleton<ScopedDependency>().AddSingleton<DisposableService>(),
            map: app => app.MapGrpcService<DisposableService>());

        for (var i = 0; i < 3; i++)
        {
            Assert.Equal(StatusCode.OK, (await server.PostAsync("/hand.Bound/FailSecond", RawGrpc.Frame([]))).Status);
        }

        Assert.Equal(["dependency made", "service made", "called", "called", "called"], trace.Entries);
    }

    [Fact]
    public async Task Options_of_a_service_win_over_those_of_all()
    {
        await using var server = await TestServer.StartAsync(
            options => options.MaxReceiveMessageSize = 1,
            services => services.AddGrpc().AddServiceOptions<EchoService>(own => own.MaxReceiveMessageSize = null));

        Assert.Equal(StatusCode.OK, (await server.PostAsync(RawGrpc.Unary, Hello)).Status);
    }

    [Fact]
    public async Task Endpoints_carry_the_method_and_the_attributes_of_class_and_method()
    {
        Endpoint? endpoint = null;
        await using var server = await TestServer.StartAsync(map: app => app.MapGrpcService<MarkedService>());

        Assert.Equal(StatusCode.OK, (await server.PostAsync("/hand.Bound/FailSecond", RawGrpc.Frame([]))).Status);
        endpoint = MarkedService.Seen;

        Assert.NotNull(endpoint);
        var metadata = endpoint.Metadata.GetRequiredMetadata<GrpcMethodMetadata>();
        Assert.Equal((typeof(MarkedService), "/hand.Bound/FailSecond"), (metadata.ServiceType, metadata.Method.FullName));
        Assert.Equal(["class", "method"], endpoint.Metadata.GetOrderedMetadata<MarkAttribute>().Select(mark => mark.Name));
    }

    [Fact]
    public void Mapping_without_AddGrpc_says_what_is_missing()
    {
        var app = WebApplication.CreateSlimBuilder().Build();

        var error = Assert.Throws<InvalidOperationException>(() => app.MapGrpcService<EchoService>());

        Assert.Contains("AddGrpc", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Mapping_what_is_no_service_says_so()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Services.AddGrpc();
        var app = builder.Build();

        Assert.Throws<InvalidOperationException>(() => app.MapGrpcService<Trace>());
    }

    [Fact]
    public void An_encoding_without_a_provider_is_refused_at_start()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Services.AddGrpc(options => options.ResponseCompressionAlgorithm = "snappy");
        var app = builder.Build();

        Assert.Throws<InvalidOperationException>(() => app.MapGrpcService<EchoService>());
    }

    public sealed class Trace
    {
        public IList<string> Entries { get; } = [];
    }

    public sealed class ScopedDependency : IDisposable
    {
        private readonly Trace _trace;

        public ScopedDependency(Trace trace)
        {
            _trace = trace;
            trace.Entries.Add("dependency made");
        }

        public void Dispose() => _trace.Entries.Add("dependency disposed");
    }

    public sealed class DisposableService : HandBoundService, IAsyncDisposable
    {
        private readonly Trace _trace;

        public DisposableService(ScopedDependency dependency, Trace trace)
        {
            Assert.NotNull(dependency);
            _trace = trace;
            trace.Entries.Add("service made");
        }

        public override async Task FailSecond(string request, IServerStreamWriter<string> responses, ServerCallContext context)
        {
            _trace.Entries.Add("called");
            await Task.Yield();
        }

        public ValueTask DisposeAsync()
        {
            _trace.Entries.Add("service disposed");
            return default;
        }
    }

    /// <summary>Tells how often its trace was used before: never, if it is that of the call.</summary>
    public sealed class KeyedService([FromKeyedServices("own")] Trace trace) : HandBoundService
    {
        public override Task FailSecond(string request, IServerStreamWriter<string> responses, ServerCallContext context)
        {
            context.ResponseTrailers.Add("calls-before", trace.Entries.Count.ToString(System.Globalization.CultureInfo.InvariantCulture));
            trace.Entries.Add("called");
            return Task.CompletedTask;
        }
    }

    [AttributeUsage(AttributeTargets.All, AllowMultiple = true)]
    public sealed class MarkAttribute(string name) : Attribute
    {
        public string Name { get; } = name;
    }

    [Mark("class")]
    public sealed class MarkedService : HandBoundService
    {
        public static Endpoint? Seen { get; private set; }

        [Mark("method")]
        public override Task FailSecond(string request, IServerStreamWriter<string> responses, ServerCallContext context)
        {
            Seen = context.GetHttpContext().GetEndpoint();
            return Task.CompletedTask;
        }
    }

    public sealed class MappingInterceptor : Interceptor
    {
        public override async Task<TResponse> UnaryServerHandler<TRequest, TResponse>(
            TRequest request, ServerCallContext context, UnaryServerMethod<TRequest, TResponse> continuation)
        {
            try
            {
                return await continuation(request, context);
            }
            catch (KeyNotFoundException)
            {
                throw new RpcException(new Status(StatusCode.NotFound, "mapped"));
            }
        }
    }

    public sealed class SingletonInterceptor(Trace trace) : NamedInterceptor("single", trace);

    public sealed class TracingInterceptor(string name, Trace trace) : NamedInterceptor(name, trace), IDisposable
    {
        public void Dispose() => Entries.Add($"{Name} disposed");
    }

    public abstract class NamedInterceptor(string name, Trace trace) : Interceptor
    {
        protected string Name => name;

        protected IList<string> Entries => trace.Entries;

        public override async Task<TResponse> UnaryServerHandler<TRequest, TResponse>(
            TRequest request, ServerCallContext context, UnaryServerMethod<TRequest, TResponse> continuation)
        {
            Enter(context);
            var response = await continuation(request, context);
            Entries.Add($"{Name} done");
            return response;
        }

        public override async Task<TResponse> ClientStreamingServerHandler<TRequest, TResponse>(
            IAsyncStreamReader<TRequest> requestStream, ServerCallContext context, ClientStreamingServerMethod<TRequest, TResponse> continuation)
        {
            Enter(context);
            var response = await continuation(requestStream, context);
            Entries.Add($"{Name} done");
            return response;
        }

        public override async Task ServerStreamingServerHandler<TRequest, TResponse>(
            TRequest request, IServerStreamWriter<TResponse> responseStream, ServerCallContext context, ServerStreamingServerMethod<TRequest, TResponse> continuation)
        {
            Enter(context);
            await continuation(request, responseStream, context);
            Entries.Add($"{Name} done");
        }

        public override async Task DuplexStreamingServerHandler<TRequest, TResponse>(
            IAsyncStreamReader<TRequest> requestStream,
            IServerStreamWriter<TResponse> responseStream,
            ServerCallContext context,
            DuplexStreamingServerMethod<TRequest, TResponse> continuation)
        {
            Enter(context);
            await continuation(requestStream, responseStream, context);
            Entries.Add($"{Name} done");
        }

        private void Enter(ServerCallContext context) => Entries.Add($"{Name} {context.Method[(context.Method.LastIndexOf('/') + 1)..]}");
    }
}
