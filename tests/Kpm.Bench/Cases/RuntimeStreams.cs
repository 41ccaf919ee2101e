using Google.Protobuf;
using Kpm.Bench.Anchors;
using Kpm.Bench.Harness;
using Kpm.Bench.Load;
using Kpm.Bench.V1;

namespace Kpm.Bench.Cases;

/// <summary>P4: the gRPC runtime against the same service framed by hand on bare Kestrel.</summary>
internal sealed class RuntimeStreams : BenchCase
{
    public override string Name => "P4";

    public override string Title => "gRPC runtime against hand-framed gRPC on bare Kestrel, 1 KiB messages";

    public override async Task RunAsync(BenchContext context, CancellationToken cancel)
    {
        await using var ours = await AnchorServer.StartAsync("grpc", cancel);
        await using var hand = await AnchorServer.StartAsync("bare", cancel);
        var body = RawRequest.Frame(new Payload { Data = ByteString.CopyFrom(new byte[1024]) }.ToByteArray());
        var (pairs, duration) = (context.Options.Pairs, context.Options.Duration);

        foreach (var streams in (int[])[1, 32])
        {
            var request = new RawRequest(EchoGrpcService.Path + nameof(EchoService.EchoServiceBase.PingPong), body);
            await RawLoad.PingPongAsync(ours.Address, request, streams, WarmUp);
            await RawLoad.PingPongAsync(hand.Address, request, streams, WarmUp);
            var results = await Paired.MeasureAsync(
                pairs,
                _ => ours.Process.ChargeAsync(() => RawLoad.PingPongAsync(ours.Address, request, streams, duration)),
                _ => hand.Process.ChargeAsync(() => RawLoad.PingPongAsync(hand.Address, request, streams, duration)),
                cancel);
            context.Report.AddRates(Name, $"ping-pong, {streams} streams on one connection", results, Bound.Min(0.8), Bound.Min(0.95));
        }

        foreach (var calls in (int[])[1, 8])
        {
            var request = new RawRequest(EchoGrpcService.Path + nameof(EchoService.EchoServiceBase.ServerStream), body);
            var responseBytes = (long)HandFramedService.StreamedMessages * body.Length;
            var results = await Paired.MeasureAsync(
                pairs,
                _ => ours.Process.ChargeAsync(() => RawLoad.CallsAsync(ours.Address, request, 1, calls, responseBytes, duration)),
                _ => hand.Process.ChargeAsync(() => RawLoad.CallsAsync(hand.Address, request, 1, calls, responseBytes, duration)),
                cancel);
            context.Report.AddRates(Name, $"server streams of 1,000 messages, {calls} at a time", results, Bound.Min(0.8), Bound.Min(0.95));
        }

        foreach (var (connections, concurrency) in ((int, int)[])[(1, 100), (32, 1)])
        {
            var empty = RawRequest.Frame([]);
            var request = new RawRequest(EchoGrpcService.Path + nameof(EchoService.EchoServiceBase.Echo), empty);
            var results = await Paired.MeasureAsync(
                pairs,
                _ => ours.Process.ChargeAsync(() => RawLoad.CallsAsync(ours.Address, request, connections, concurrency, empty.Length, duration)),
                _ => hand.Process.ChargeAsync(() => RawLoad.CallsAsync(hand.Address, request, connections, concurrency, empty.Length, duration)),
                cancel);
            context.Report.AddRates(Name, $"unary echo of an empty message, {connections} x {concurrency}", results);
        }
    }
}
