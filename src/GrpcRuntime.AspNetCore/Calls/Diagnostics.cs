using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Globalization;
using Grpc.Core;
using Grpc.Wire;
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
            var tags = new TagList
            {
                { "rpc.system.name", "grpc" },
                { "rpc.method", method?.FullName ?? "_OTHER" },
                { "rpc.response.status_code", StatusNames.Of(status) },
            };
            if (IsError(status))
            {
                tags.Add("error.type", StatusNames.Of(status));
            }

            Duration.Record(TimeProvider.System.GetElapsedTime(started).TotalSeconds, tags);
        }

        if (Activity.Current is null || http.Features.Get<IHttpActivityFeature>()?.Activity is not { IsAllDataRequested: true } activity)
        {
            return;
        }

        activity.SetTag("rpc.system.name", "grpc");
        activity.SetTag("rpc.method", method?.FullName ?? "_OTHER");
        activity.SetTag("rpc.response.status_code", StatusNames.Of(status));
        // Grpc.AspNetCore's own names: what OpenTelemetry's ASP.NET Core instrumentation reads.
        activity.SetTag("grpc.status_code", ((int)status).ToString(CultureInfo.InvariantCulture));
        if (method is not null)
        {
            activity.SetTag("grpc.method", $"/{method.FullName}");
            activity.DisplayName = method.FullName;
        }

        if (IsError(status))
        {
            activity.SetTag("error.type", StatusNames.Of(status));
            activity.SetStatus(ActivityStatusCode.Error);
        }
    }

    // The conventions count as the server's errors only these: the others are the caller's.
    private static bool IsError(StatusCode status) => status is StatusCode.Unknown or StatusCode.DeadlineExceeded or StatusCode.Unimplemented
        or StatusCode.Internal or StatusCode.Unavailable or StatusCode.DataLoss;

    /// <summary>The name of a method as it is tagged: service and method.</summary>
    public sealed record Method(string FullName);
}
