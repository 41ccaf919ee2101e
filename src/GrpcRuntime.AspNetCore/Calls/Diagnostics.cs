using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Globalization;
using Grpc.Core;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Grpc.AspNetCore.Server.Calls;

/// <summary>
/// What OpenTelemetry's conventions for rpc ask for: tags on the activity that hosting keeps for the request, and the
/// durations of calls. Nothing is measured while nobody listens.
/// </summary>
internal static class Diagnostics
{
    public const string MeterName = "Grpc.AspNetCore.Server";
    public const string DurationName = "rpc.server.call.duration";

    private static readonly Meter Meter = new(MeterName);

    private static readonly Histogram<double> Duration = Meter.CreateHistogram<double>(
        DurationName, "s", "How long the server was busy with a call.", tags: null,
        new InstrumentAdvice<double> { HistogramBucketBoundaries = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10] });

    /// <summary>What <see cref="CallEnded"/> wants to have back; 0 while nobody listens.</summary>
    public static long CallStarted() => Duration.Enabled ? TimeProvider.System.GetTimestamp() : 0;

    public static void CallEnded(HttpContext http, Method? method, StatusCode status, long started)
    {
        if (started != 0)
        {
            // An unknown method goes by one name: what callers make up must not become a tag each.
            Duration.Record(
                TimeProvider.System.GetElapsedTime(started).TotalSeconds,
                new("rpc.system", "grpc"),
                new("rpc.service", method?.Service ?? "_OTHER"),
                new("rpc.method", method?.Name ?? "_OTHER"),
                new("rpc.grpc.status_code", (int)status));
        }

        if (Activity.Current is null || http.Features.Get<IHttpActivityFeature>()?.Activity is not { IsAllDataRequested: true } activity)
        {
            return;
        }

        activity.SetTag("rpc.system", "grpc");
        activity.SetTag("rpc.grpc.status_code", (int)status);
        activity.SetTag("grpc.status_code", ((int)status).ToString(CultureInfo.InvariantCulture));
        if (method is not null)
        {
            activity.SetTag("grpc.method", $"/{method.Service}/{method.Name}");
            activity.SetTag("rpc.service", method.Service);
            activity.SetTag("rpc.method", method.Name);
        }
    }

    /// <summary>The names of a method, as they are tagged.</summary>
    public sealed record Method(string Service, string Name);
}
