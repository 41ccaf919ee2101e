using Grpc.Core;
using Grpc.Health.V1;
using Grpc.HealthCheck;
using Grpc.Net.Client;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using static Grpc.Health.V1.HealthCheckResponse.Types;

namespace GrpcRuntime.Tests.Server;

/// <summary>grpc.health.v1 as its specification says.</summary>
public sealed class HealthTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Check_runs_the_health_checks_that_are_mapped_to_the_service()
    {
        var database = HealthStatus.Healthy;
        await using var server = await StartAsync(
            checks => checks
                .AddCheck("database", () => new HealthCheckResult(database), ["store"])
                .AddCheck("mail", () => HealthCheckResult.Degraded()),
            options => options.Services.MapService("kpm.Store", check => check.Tags.Contains("store")));
        using var channel = GrpcChannel.ForAddress(server.Address);
        var health = new Health.HealthClient(channel);

        Assert.Equal(ServingStatus.Serving, (await CheckAsync(health, "")).Status);
        Assert.Equal(ServingStatus.Serving, (await CheckAsync(health, "kpm.Store")).Status);
        database = HealthStatus.Unhealthy;
        Assert.Equal(ServingStatus.NotServing, (await CheckAsync(health, "")).Status);
        Assert.Equal(ServingStatus.NotServing, (await CheckAsync(health, "kpm.Store")).Status);
    }

    [Fact]
    public async Task Check_of_an_unknown_service_is_not_found()
    {
        await using var server = await StartAsync();
        using var channel = GrpcChannel.ForAddress(server.Address);

        var error = await Assert.ThrowsAsync<RpcException>(() => CheckAsync(new Health.HealthClient(channel), "nobody"));

        Assert.Equal(StatusCode.NotFound, error.StatusCode);
    }

    [Fact]
    public async Task Watch_sends_service_unknown_and_goes_on()
    {
        await using var server = await StartAsync();
        using var channel = GrpcChannel.ForAddress(server.Address);
        using var watch = new Health.HealthClient(channel).Watch(new HealthCheckRequest { Service = "late" }, cancellationToken: Cancellation);
        var statuses = server.Services.GetRequiredService<HealthServiceImpl>();

        Assert.Equal(ServingStatus.ServiceUnknown, await NextAsync(watch));
        statuses.SetStatus("late", ServingStatus.Serving);
        Assert.Equal(ServingStatus.Serving, await NextAsync(watch));
        // The same status again is no news.
        statuses.SetStatus("late", ServingStatus.Serving);
        statuses.SetStatus("late", ServingStatus.NotServing);
        Assert.Equal(ServingStatus.NotServing, await NextAsync(watch));
        statuses.ClearStatus("late");
        Assert.Equal(ServingStatus.ServiceUnknown, await NextAsync(watch));
    }

    [Fact]
    public async Task Watch_follows_what_the_health_checks_publish()
    {
        var status = HealthStatus.Healthy;
        await using var server = await StartAsync(checks => checks.AddCheck("one", () => new HealthCheckResult(status)));
        using var channel = GrpcChannel.ForAddress(server.Address);
        using var watch = new Health.HealthClient(channel).Watch(new HealthCheckRequest(), cancellationToken: Cancellation);
        Assert.Equal(ServingStatus.Serving, await NextAsync(watch));

        status = HealthStatus.Unhealthy;
        var report = await server.Services.GetRequiredService<HealthCheckService>().CheckHealthAsync(Cancellation);
        await server.Services.GetServices<IHealthCheckPublisher>().Single().PublishAsync(report, Cancellation);

        Assert.Equal(ServingStatus.NotServing, await NextAsync(watch));
    }

    [Fact]
    public async Task Watch_ends_when_the_server_stops()
    {
        await using var server = await StartAsync();
        using var channel = GrpcChannel.ForAddress(server.Address);
        using var watch = new Health.HealthClient(channel).Watch(new HealthCheckRequest(), cancellationToken: Cancellation);
        await NextAsync(watch);

        var stopping = server.StopAsync();

        var error = await Assert.ThrowsAsync<RpcException>(() => watch.ResponseStream.MoveNext(Cancellation));
        Assert.Equal(StatusCode.Unavailable, error.StatusCode);
        await stopping;
    }

    private static Task<TestServer> StartAsync(
        Action<IHealthChecksBuilder>? checks = null, Action<Grpc.AspNetCore.HealthChecks.GrpcHealthChecksOptions>? options = null) => TestServer.StartAsync(
        services: services =>
        {
            var builder = services.AddGrpcHealthChecks(each => options?.Invoke(each));
            checks?.Invoke(builder);
        },
        map: app => app.MapGrpcHealthChecksService());

    private static async Task<HealthCheckResponse> CheckAsync(Health.HealthClient health, string service) =>
        await health.CheckAsync(new HealthCheckRequest { Service = service }, cancellationToken: Cancellation);

    private static async Task<ServingStatus> NextAsync(AsyncServerStreamingCall<HealthCheckResponse> watch)
    {
        Assert.True(await watch.ResponseStream.MoveNext(Cancellation));
        return watch.ResponseStream.Current.Status;
    }
}
