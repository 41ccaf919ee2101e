using Grpc.AspNetCore.HealthChecks;
using Grpc.HealthCheck;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Diagnostics.HealthChecks;

#pragma warning disable IDE0130 // The namespace that callers import anyway.
namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Adds the gRPC health service.</summary>
public static class GrpcHealthChecksServiceExtensions
{
    /// <summary>Adds the gRPC health service over the application's health checks.</summary>
    public static IHealthChecksBuilder AddGrpcHealthChecks(this IServiceCollection services)
    {
        ArgumentNullException.ThrowIfNull(services);
        services.AddGrpc();
        services.TryAddSingleton<HealthServiceImpl>();
        services.TryAddSingleton<HealthChecksService>();
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IHealthCheckPublisher, GrpcHealthChecksPublisher>());
        // First of all, so that a mapping of the application replaces it.
        services.Insert(0, ServiceDescriptor.Singleton<Options.IConfigureOptions<GrpcHealthChecksOptions>>(
            new Options.ConfigureNamedOptions<GrpcHealthChecksOptions>(Options.Options.DefaultName, options => options.Services.MapService("", _ => true))));
        return services.AddHealthChecks();
    }

    /// <summary>Adds the gRPC health service over the application's health checks.</summary>
    public static IHealthChecksBuilder AddGrpcHealthChecks(this IServiceCollection services, Action<GrpcHealthChecksOptions> configure)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(configure);
        var builder = services.AddGrpcHealthChecks();
        services.Configure(configure);
        return builder;
    }
}
