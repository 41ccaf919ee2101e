using System.Diagnostics;
using System.Globalization;
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
    private readonly ScratchFolder _folder;

    private AnchorServer(ChildProcess child, ScratchFolder folder, Uri address, string probe)
    {
        _child = child;
        _folder = folder;
        Address = address;
        Probe = new Probe(probe);
    }

    public Uri Address { get; }

    public ChildProcess Process => _child;

    public Probe Probe { get; }

    public static async Task<AnchorServer> StartAsync(string kind, CancellationToken cancel)
    {
        var folder = new ScratchFolder(parent: null, string.Create(CultureInfo.InvariantCulture, $"{kind}-{Environment.TickCount64}"));
        var probe = Path.Combine(folder.Path, "probe");
        var assembly = typeof(AnchorServer).Assembly.Location;
        var start = new ProcessStartInfo("dotnet", [assembly, Command, kind])
        {
            Environment = { ["DOTNET_STARTUP_HOOKS"] = assembly, [Probe.Variable] = probe },
        };
        try
        {
            var (child, address) = await ChildProcess.StartAsync(
                $"{kind} Kestrel",
                start,
                line => line.StartsWith(Listening, StringComparison.Ordinal) ? new Uri(line[Listening.Length..]) : null,
                TimeSpan.FromSeconds(30),
                cancel);
            return new AnchorServer(child, folder, address, probe);
        }
        catch
        {
            folder.Dispose();
            throw;
        }
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

    public async ValueTask DisposeAsync()
    {
        Probe.Dispose();
        await _child.DisposeAsync();
        _folder.Dispose();
    }
}
