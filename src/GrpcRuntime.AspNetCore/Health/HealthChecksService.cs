using Grpc.Core;
using Grpc.Health.V1;
using Grpc.HealthCheck;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;

namespace Grpc.AspNetCore.HealthChecks;

/// <summary>The health service over the application's health checks, and over what was set on <see cref="HealthServiceImpl"/> by hand.</summary>
internal sealed class HealthChecksService(
    HealthServiceImpl statuses, HealthCheckService checks, IOptions<GrpcHealthChecksOptions> options, IHostApplicationLifetime lifetime)
    : Health.V1.Health.HealthBase
{
    public override async Task<HealthCheckResponse> Check(HealthCheckRequest request, ServerCallContext context) =>
        options.Value.UseHealthChecksCache || options.Value.Services.Find(request.Service) is not { } mapping
            ? await statuses.Check(request, context)
            : new HealthCheckResponse { Status = await RunAsync(mapping, context.CancellationToken) };

    public override async Task Watch(HealthCheckRequest request, IServerStreamWriter<HealthCheckResponse> responseStream, ServerCallContext context)
    {
        if (!options.Value.UseHealthChecksCache && options.Value.Services.Find(request.Service) is { } mapping)
        {
            statuses.SetStatus(mapping.Name, await RunAsync(mapping, context.CancellationToken));
        }

        if (options.Value.SuppressCompletionOnShutdown)
        {
            await statuses.WatchAsync(request.Service, responseStream, context.CancellationToken);
            return;
        }

        using var stop = CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken, lifetime.ApplicationStopping);
        try
        {
            await statuses.WatchAsync(request.Service, responseStream, stop.Token);
        }
        catch (OperationCanceledException) when (!context.CancellationToken.IsCancellationRequested)
        {
            throw new RpcException(new Status(StatusCode.Unavailable, "The server is stopping."));
        }
    }

    private async Task<HealthCheckResponse.Types.ServingStatus> RunAsync(ServiceMapping mapping, CancellationToken cancellationToken)
    {
        var report = await checks.CheckHealthAsync(mapping.Picks, cancellationToken);
        return ToServingStatus(report.Entries.Values);
    }

    internal static HealthCheckResponse.Types.ServingStatus ToServingStatus(IEnumerable<HealthReportEntry> entries) =>
        entries.Any(entry => entry.Status == HealthStatus.Unhealthy)
            ? HealthCheckResponse.Types.ServingStatus.NotServing
            : HealthCheckResponse.Types.ServingStatus.Serving;
}

/// <summary>Hands the results of the periodic health checks to those who watch.</summary>
internal sealed class GrpcHealthChecksPublisher(HealthServiceImpl statuses, IOptions<GrpcHealthChecksOptions> options) : IHealthCheckPublisher
{
    public Task PublishAsync(HealthReport report, CancellationToken cancellationToken)
    {
        foreach (var mapping in options.Value.Services)
        {
            var picked = report.Entries.Where(entry => mapping.Picks(entry.Key, entry.Value)).Select(entry => entry.Value);
            statuses.SetStatus(mapping.Name, HealthChecksService.ToServingStatus(picked));
        }

        return Task.CompletedTask;
    }
}
