using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;
using Grpc.Core;
using GrpcRuntime.Tests.Protos;

namespace GrpcRuntime.Tests.Server;

/// <summary>What a listener of activities and metrics is told of calls.</summary>
public sealed class DiagnosticsTests
{
    [Theory]
    [InlineData(StatusCode.NotFound, "NOT_FOUND", false)]
    [InlineData(StatusCode.Internal, "INTERNAL", true)]
    public async Task The_activity_of_the_request_is_tagged_by_the_rpc_conventions(StatusCode expected, string name, bool isError)
    {
        using var listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name == "Microsoft.AspNetCore",
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
        };
        ActivitySource.AddActivityListener(listener);
        await using var server = await TestServer.StartAsync();
        Activity? activity = null;
        server.Hooks.Unary = (_, _) =>
        {
            activity = Activity.Current;
            throw new RpcException(new Status(expected, ""));
        };

        await server.PostAsync(RawGrpc.Unary, RawGrpc.Frame([]));

        Assert.NotNull(activity);
        Assert.Equal(expected.ToString(), activity.GetTagItem("grpc.status_code") is string code ? ((StatusCode)int.Parse(code, System.Globalization.CultureInfo.InvariantCulture)).ToString() : null);
        Assert.Equal("grpc", activity.GetTagItem("rpc.system.name"));
        Assert.Equal("grpcruntime.tests.Echo/Unary", activity.GetTagItem("rpc.method"));
        Assert.Equal("grpcruntime.tests.Echo/Unary", activity.DisplayName);
        Assert.Equal(name, activity.GetTagItem("rpc.response.status_code"));
        // What the caller did wrong is no error of the server's.
        Assert.Equal(isError ? name : null, activity.GetTagItem("error.type"));
        Assert.Equal(isError ? ActivityStatusCode.Error : ActivityStatusCode.Unset, activity.Status);
        Assert.Equal("/grpcruntime.tests.Echo/Unary", activity.GetTagItem("grpc.method"));
    }

    [Fact]
    public async Task Durations_of_calls_are_measured_with_their_status()
    {
        var measured = new ConcurrentBag<(double Seconds, Dictionary<string, object?> Tags)>();
        using var listener = new MeterListener
        {
            InstrumentPublished = (instrument, self) =>
            {
                if (instrument is { Meter.Name: "Grpc.AspNetCore.Server", Name: "rpc.server.call.duration", Unit: "s" })
                {
                    self.EnableMeasurementEvents(instrument);
                }
            },
        };
        listener.SetMeasurementEventCallback<double>((_, value, tags, _) =>
            measured.Add((value, tags.ToArray().ToDictionary(tag => tag.Key, tag => tag.Value, StringComparer.Ordinal))));
        listener.Start();
        await using var server = await TestServer.StartAsync();

        // A status that no other test has, since the meter is the process's own.
        await server.PostAsync(RawGrpc.Collect, RawGrpc.Frame(new EchoRequest { StatusCode = (int)StatusCode.DataLoss }));
        await server.PostAsync("/grpcruntime.tests.Made/Up", []);

        await WaitUntilAsync(() => measured.Any(each => Is(each, "grpcruntime.tests.Echo/Collect", "DATA_LOSS")));
        await WaitUntilAsync(() => measured.Any(each => Is(each, "_OTHER", "UNIMPLEMENTED")));
        Assert.All(measured, each => Assert.True(each.Seconds >= 0));
    }

    private static bool Is((double, Dictionary<string, object?> Tags) each, string method, string status) =>
        Equals(each.Tags["rpc.system.name"], "grpc") && Equals(each.Tags["rpc.method"], method)
        && Equals(each.Tags["rpc.response.status_code"], status) && Equals(each.Tags["error.type"], status);

    // The response is sent a moment before the call is measured.
    private static async Task WaitUntilAsync(Func<bool> condition)
    {
        for (var i = 0; i < 1_000 && !condition(); i++)
        {
            await Task.Delay(10, TestContext.Current.CancellationToken);
        }

        Assert.True(condition());
    }
}
