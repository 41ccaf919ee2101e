using Grpc.AspNetCore.Server.Reflection;
using Microsoft.Extensions.DependencyInjection.Extensions;

#pragma warning disable IDE0130 // The namespace that callers import anyway.
namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Adds gRPC reflection.</summary>
public static class GrpcReflectionServiceExtensions
{
    /// <summary>Adds gRPC reflection over every service that is mapped.</summary>
    public static IServiceCollection AddGrpcReflection(this IServiceCollection services)
    {
        ArgumentNullException.ThrowIfNull(services);
        services.AddGrpc();
        services.TryAddSingleton<ReflectionAnswers>();
        services.TryAddSingleton<ReflectionV1Service>();
        services.TryAddSingleton<ReflectionV1AlphaService>();
        return services;
    }
}
