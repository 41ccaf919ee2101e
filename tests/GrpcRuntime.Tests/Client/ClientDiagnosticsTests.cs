using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;
using Grpc.Core;
using Microsoft.AspNetCore.Http;

namespace GrpcRuntime.Tests.Client;

public sealed class ClientDiagnosticsTests
{
    private static readonly CancellationToken Stop = TestContext.Current.CancellationToken;

    [Fact]
    public async Task Each_call_has_a_span_that_goes_along_with_it()
    {
        var spans = new ConcurrentBag<Activity>();
        string? traceParent = null;
        await using var peer = await RawPeer.StartAsync(context =>
        {
            traceParent = context.Request.Headers["traceparent"];
            return AnswerAsync(context);
        });
        using var listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name == "Grpc.Net.Client",
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllData,
            ActivityStopped = spans.Add,
        };
        ActivitySource.AddActivityListener(listener);
        using var channel = peer.Channel();
        using var parent = new Activity("test").Start();

        Assert.Equal("x", await channel.Call());
        await channel.CallServerStream().ResponseStream.MoveNext(Stop).FailsAsync(StatusCode.NotFound);

        Assert.Same(parent, Activity.Current);
        var own = spans.Where(s => s.TraceId == parent.TraceId).ToDictionary(s => s.DisplayName, StringComparer.Ordinal);
        var unary = own["test.Raw/Unary"];
        var port = new Uri(peer.Address).Port;
        Assert.Equal((ActivityKind.Client, ActivityStatusCode.Unset, "grpc", "OK", "127.0.0.1", port), (unary.Kind, unary.Status, unary.GetTagItem("rpc.system.name"), unary.GetTagItem("rpc.response.status_code"), unary.GetTagItem("server.address"), unary.GetTagItem("server.port")));
        var stream = own["test.Raw/ServerStreaming"];
        Assert.Equal((ActivityStatusCode.Error, "NOT_FOUND", "NOT_FOUND"), (stream.Status, stream.GetTagItem("rpc.response.status_code"), stream.GetTagItem("error.type")));
        Assert.Contains(parent.TraceId.ToString(), traceParent, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Each_call_is_measured()
    {
        await using var peer = await RawPeer.StartAsync(AnswerAsync);
        var port = new Uri(peer.Address).Port;
        var measured = new ConcurrentBag<(double Seconds, string Method, string Code, string? Error)>();
        using var listener = new MeterListener
        {
            InstrumentPublished = (instrument, listener) =>
            {
                if (instrument.Name == "rpc.client.call.duration")
                {
                    Assert.Equal("s", instrument.Unit);
                    listener.EnableMeasurementEvents(instrument);
                }
            },
        };
        listener.SetMeasurementEventCallback<double>((_, value, tags, _) =>
        {
            var all = tags.ToArray().ToDictionary(t => t.Key, t => t.Value, StringComparer.Ordinal);
            if (port.Equals(all["server.port"]))
            {
                measured.Add((value, (string)all["rpc.method"]!, (string)all["rpc.response.status_code"]!, (string?)all.GetValueOrDefault("error.type")));
            }
        });
        listener.Start();
        using var channel = peer.Channel();

        Assert.Equal("x", await channel.Call());
        await channel.Call(options: new CallOptions(cancellationToken: new CancellationToken(canceled: true))).ResponseAsync.FailsAsync(StatusCode.Cancelled);

        Assert.Equal([("test.Raw/Unary", "CANCELLED", "CANCELLED"), ("test.Raw/Unary", "OK", null)], measured.Select(m => (m.Method, m.Code, m.Error)).Order());
        Assert.All(measured, m => Assert.InRange(m.Seconds, 0, 60));
    }

    private static async Task AnswerAsync(HttpContext context)
    {
        context.Begin();
        if (context.Request.Path == Raw.ServerStream.FullName)
        {
            context.Response.Headers["grpc-status"] = "5";
            return;
        }

        await context.SendAsync(Raw.Frame("x"));
        context.End(0);
    }
}
