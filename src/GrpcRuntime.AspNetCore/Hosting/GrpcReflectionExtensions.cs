using Grpc.AspNetCore.Server.Reflection;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

#pragma warning disable MA0048, IDE0130 // The two halves of one feature, each in the namespace its callers import.
namespace Microsoft.Extensions.DependencyInjection
{
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
}

namespace Microsoft.AspNetCore.Builder
{
    /// <summary>Maps gRPC reflection.</summary>
    public static class GrpcReflectionEndpointRouteBuilderExtensions
    {
        /// <summary>Maps <c>grpc.reflection.v1</c> and <c>grpc.reflection.v1alpha</c>.</summary>
        /// <exception cref="InvalidOperationException"><c>AddGrpcReflection</c> was not called.</exception>
        public static IEndpointConventionBuilder MapGrpcReflectionService(this IEndpointRouteBuilder builder)
        {
            ArgumentNullException.ThrowIfNull(builder);
            if (builder.ServiceProvider.GetService<ReflectionAnswers>() is null)
            {
                throw new InvalidOperationException(
                    "Unable to find the required services. Please add all the required services by calling 'IServiceCollection.AddGrpcReflection' in the application startup code.");
            }

            return new GrpcServiceEndpointConventionBuilder(
                [builder.MapGrpcService<ReflectionV1Service>(), builder.MapGrpcService<ReflectionV1AlphaService>()]);
        }
    }
}
