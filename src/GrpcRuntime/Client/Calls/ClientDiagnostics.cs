using System.Diagnostics;
using System.Diagnostics.Metrics;
using Grpc.Core;
using Grpc.Wire;

namespace Grpc.Net.Client.Calls;

/// <summary>
/// A span and a measurement for each call, named by OpenTelemetry's conventions for RPC. Neither costs anything while
/// nobody listens. A call that ended before it was sent has a measurement alone.
/// </summary>
internal static class ClientDiagnostics
{
    public const string Name = "Grpc.Net.Client";

    private static readonly ActivitySource Source = new(Name);
    private static readonly Meter Meter = new(Name);
    private static readonly Histogram<double> Duration = Meter.CreateHistogram(
        "rpc.client.call.duration",
        "s",
        "Duration of outgoing calls.",
        advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10] });

    /// <summary>Whether the duration of a call is asked for.</summary>
    public static bool IsMeasuring => Duration.Enabled;

    public static Activity? Start(IMethod method, Uri address)
    {
        if (!Source.HasListeners())
        {
            return null;
        }

        var name = MethodName(method);
        return Source.StartActivity(
            ActivityKind.Client,
            tags: [new("rpc.system.name", "grpc"), new("rpc.method", name), new("server.address", address.Host), new("server.port", address.Port)],
            name: name);
    }

    public static void Stop(Activity activity, Status status)
    {
        var code = StatusNames.Of(status.StatusCode);
        activity.SetTag("rpc.response.status_code", code);
        if (status.StatusCode != StatusCode.OK)
        {
            activity.SetTag("error.type", code);
            activity.SetStatus(ActivityStatusCode.Error);
        }

        activity.Stop();
    }

    public static void Record(TimeSpan elapsed, IMethod method, Uri address, Status status)
    {
        var code = StatusNames.Of(status.StatusCode);
        var tags = new TagList
        {
            { "rpc.system.name", "grpc" },
            { "rpc.method", MethodName(method) },
            { "server.address", address.Host },
            { "server.port", address.Port },
            { "rpc.response.status_code", code },
        };
        if (status.StatusCode != StatusCode.OK)
        {
            tags.Add("error.type", code);
        }

        Duration.Record(elapsed.TotalSeconds, tags);
    }

    private static string MethodName(IMethod method) => method.FullName[1..];
}
