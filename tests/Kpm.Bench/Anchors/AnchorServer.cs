using System.Diagnostics;
using System.Net;
using Kpm.Bench.Harness;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Kpm.Bench.Anchors;

/// <summary>Kestrel in a child process of the bench: bare (with hand-framed gRPC) or with the gRPC runtime.</summary>
internal sealed class AnchorServer : IAsyncDisposable
{
    public const string Command = "serve";

    private const string Listening = "listening on ";

    private readonly ChildProcess _child;

    private AnchorServer(ChildProcess child, Uri address)
    {
        _child = child;
        Address = address;
    }

    public Uri Address { get; }

    public ChildProcess Process => _child;

    public static async Task<AnchorServer> StartAsync(string kind, CancellationToken cancel)
    {
        var start = new ProcessStartInfo("dotnet", [typeof(AnchorServer).Assembly.Location, Command, kind]);
        var (child, address) = await ChildProcess.StartAsync(
            $"{kind} Kestrel",
            start,
            line => line.StartsWith(Listening, StringComparison.Ordinal) ? new Uri(line[Listening.Length..]) : null,
            TimeSpan.FromSeconds(30),
            cancel);
        return new AnchorServer(child, address);
    }

    /// <summary>What the child process does: serves until its standard input ends, which it does with the parent.</summary>
    public static async Task ServeAsync(string kind, CancellationToken cancel)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.Listen(IPAddress.Loopback, 0, listen => listen.Protocols = HttpProtocols.Http2);
            if (kind == "bare")
            {
                // Streams have no end; a gRPC server sees to that itself.
                kestrel.Limits.MaxRequestBodySize = null;
                kestrel.Limits.MinRequestBodyDataRate = null;
            }
        });
        if (kind == "grpc")
        {
            builder.Services.AddGrpc();
        }

        await using var app = builder.Build();
        switch (kind)
        {
            case "grpc":
                app.MapGrpcService<EchoGrpcService>();
                break;
            case "bare":
                app.Run(HandFramedService.HandleAsync);
                break;
            default:
                throw new ArgumentException($"There is no server of kind '{kind}'.", nameof(kind));
        }

        await app.StartAsync(cancel);
        Console.WriteLine(Listening + app.Urls.First());
        while (await Console.In.ReadLineAsync(cancel) != null)
        {
            // Nothing is said to it; only the end counts.
        }

        await app.StopAsync(cancel);
    }

    public ValueTask DisposeAsync() => _child.DisposeAsync();
}
