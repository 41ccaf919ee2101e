using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using GrpcRuntime.Tests.Server;

namespace GrpcRuntime.Tests.Interop;

/// <summary>Our server of the interoperability tests.</summary>
internal sealed class InteropServer : IAsyncDisposable
{
    private readonly WebApplication _app;

    private InteropServer(WebApplication app, InteropRecord record)
    {
        _app = app;
        Record = record;
        Address = app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single();
    }

    public string Address { get; }

    public InteropRecord Record { get; }

    public static async Task<InteropServer> StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.ListenLocalhostOnFreePort(HttpProtocols.Http2));
        builder.Services.AddGrpc();
        var app = builder.Build();
        var record = new InteropRecord();
        app.Use((http, next) => InteropService.NoteFlagsAsync(http, next, record));
        app.MapGrpcService<InteropService>();
        await app.StartAsync();
        return new InteropServer(app, record);
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();
}
