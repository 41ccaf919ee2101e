using System.Net;
using System.Text;
using Grpc.Core;
using Grpc.Net.Client;
using Grpc.Wire;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace GrpcRuntime.Tests.Client;

/// <summary>A foreign server: bare HTTP/2, on which a test answers byte by byte whatever it likes.</summary>
internal sealed class RawPeer : IAsyncDisposable
{
    private readonly WebApplication _app;

    private RawPeer(WebApplication app, string address)
    {
        _app = app;
        Address = address;
    }

    public string Address { get; }

    public static async Task<RawPeer> StartAsync(RequestDelegate answer, int port = 0, Action<KestrelServerOptions>? listen = null)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        listen ??= o => o.Listen(IPAddress.Loopback, port, l => l.Protocols = HttpProtocols.Http2);
        builder.WebHost.UseKestrelCore().UseKestrelHttpsConfiguration().ConfigureKestrel(listen);
        builder.Services.AddLogging(l => l.ClearProviders());
        var app = builder.Build();
        app.Run(answer);
        await app.StartAsync(TestContext.Current.CancellationToken);
        var address = app.Services.GetRequiredService<IServer>().Features.GetRequiredFeature<IServerAddressesFeature>().Addresses.Single();
        return new RawPeer(app, address);
    }

    public GrpcChannel Channel(Action<GrpcChannelOptions>? configure = null)
    {
        var options = new GrpcChannelOptions();
        configure?.Invoke(options);
        return GrpcChannel.ForAddress(Address, options);
    }

    public async ValueTask DisposeAsync()
    {
        // A test may leave a call open on purpose: do not wait for it.
        using var now = new CancellationTokenSource();
        await now.CancelAsync();
        await _app.StopAsync(now.Token);
        await _app.DisposeAsync();
    }
}

/// <summary>What tests write on the server's side, and call on the client's.</summary>
internal static class Raw
{
    public static readonly Method<string, string> Unary = Of(MethodType.Unary);
    public static readonly Method<string, string> ServerStream = Of(MethodType.ServerStreaming);
    public static readonly Method<string, string> ClientStream = Of(MethodType.ClientStreaming);
    public static readonly Method<string, string> Duplex = Of(MethodType.DuplexStreaming);

    public static void Begin(this HttpContext context, string contentType = "application/grpc")
    {
        context.Response.ContentType = contentType;
        // The features are asked for at once: Kestrel must not finish the response without trailers.
        context.Response.StatusCode = 200;
    }

    public static void End(this HttpContext context, int status, string? message = null, params (string Key, string Value)[] trailers)
    {
        context.Response.AppendTrailer("grpc-status", status.ToString(System.Globalization.CultureInfo.InvariantCulture));
        if (message is not null)
        {
            context.Response.AppendTrailer("grpc-message", message);
        }

        foreach (var (key, value) in trailers)
        {
            context.Response.AppendTrailer(key, value);
        }
    }

    public static byte[] Frame(string message, byte flag = 0) => Frame(Encoding.UTF8.GetBytes(message), flag);

    public static byte[] Frame(byte[] message, byte flag = 0)
    {
        var frame = new byte[MessageFrame.HeaderSize + message.Length];
        MessageFrame.WriteHeader(frame, false, (uint)message.Length);
        frame[0] = flag;
        message.CopyTo(frame, MessageFrame.HeaderSize);
        return frame;
    }

    public static async Task SendAsync(this HttpContext context, byte[] bytes)
    {
        await context.Response.Body.WriteAsync(bytes, context.RequestAborted);
        await context.Response.Body.FlushAsync(context.RequestAborted);
    }

    /// <summary>The messages of the request, to its end.</summary>
    public static async Task<List<string>> ReadAllAsync(this HttpContext context)
    {
        var messages = new List<string>();
        while (await context.ReadMessageAsync() is { } message)
        {
            messages.Add(message);
        }

        return messages;
    }

    /// <summary>The next message of the request; null at its end.</summary>
    public static async Task<string?> ReadMessageAsync(this HttpContext context)
    {
        var header = new byte[MessageFrame.HeaderSize];
        var read = await context.Request.Body.ReadAtLeastAsync(header, header.Length, throwOnEndOfStream: false, context.RequestAborted);
        if (read == 0)
        {
            return null;
        }

        Assert.Equal(header.Length, read);
        MessageFrame.ReadHeader(header, out var flag, out var length);
        Assert.Equal(0, flag);
        var payload = new byte[length];
        await context.Request.Body.ReadExactlyAsync(payload, context.RequestAborted);
        return Encoding.UTF8.GetString(payload);
    }

    public static void Reset(this HttpContext context, int errorCode) =>
        context.Features.GetRequiredFeature<IHttpResetFeature>().Reset(errorCode);

    public static AsyncUnaryCall<string> Call(this GrpcChannel channel, string request = "hello", CallOptions options = default) =>
        channel.CreateCallInvoker().AsyncUnaryCall(Unary, null, options, request);

    public static AsyncServerStreamingCall<string> CallServerStream(this GrpcChannel channel, string request = "hello", CallOptions options = default) =>
        channel.CreateCallInvoker().AsyncServerStreamingCall(ServerStream, null, options, request);

    public static AsyncClientStreamingCall<string, string> CallClientStream(this GrpcChannel channel, CallOptions options = default) =>
        channel.CreateCallInvoker().AsyncClientStreamingCall(ClientStream, null, options);

    public static AsyncDuplexStreamingCall<string, string> CallDuplex(this GrpcChannel channel, CallOptions options = default) =>
        channel.CreateCallInvoker().AsyncDuplexStreamingCall(Duplex, null, options);

    /// <summary>The failure that a test expects, but not for ever.</summary>
    public static async Task<RpcException> FailsAsync(this Task task, StatusCode code)
    {
        var exception = await Assert.ThrowsAnyAsync<RpcException>(() => task.WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken));
        Assert.True(code == exception.StatusCode, $"Expected {code}, got {exception.Status}.");
        return exception;
    }

    private static Method<string, string> Of(MethodType type) => new(type, "test.Raw", type.ToString(), Marshallers.StringMarshaller, Marshallers.StringMarshaller);
}
