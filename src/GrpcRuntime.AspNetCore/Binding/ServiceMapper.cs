using Grpc.AspNetCore.Server.Calls;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Routing.Matching;
using Microsoft.AspNetCore.Routing.Patterns;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Grpc.AspNetCore.Server.Binding;

/// <summary>Maps the methods of a service to endpoints, and what it lacks to UNIMPLEMENTED.</summary>
internal sealed class ServiceMapper<TService>(
    IServiceProvider services,
    MappedServices mapped,
    IOptions<GrpcServiceOptions> allOptions,
    IOptions<GrpcServiceOptions<TService>> ownOptions,
    IGrpcServiceActivator<TService> activator,
    ILoggerFactory loggers)
    where TService : class
{
    public IReadOnlyList<IEndpointConventionBuilder> Map(IEndpointRouteBuilder endpoints)
    {
        var binding = ServiceMethods<TService>.FindBinding(out var baseType);
        if (binding is null || baseType is null)
        {
            throw new InvalidOperationException($"{typeof(TService)} derives from no service that Grpc.Tools generated.");
        }

        var settings = CallSettings.Create(allOptions.Value, ownOptions.Value);
        var logger = loggers.CreateLogger($"Grpc.AspNetCore.Server.{typeof(TService).Name}");
        var pipeline = new InterceptorPipeline(settings.Interceptors, services);
        var methods = new ServiceMethods<TService>(new CallHandlerFactory<TService>(settings, activator, pipeline, logger), baseType);
        methods.Bind(binding);
        mapped.Add(binding);

        var result = new List<IEndpointConventionBuilder>();
        foreach (var method in methods.All)
        {
            var endpoint = endpoints.Map(RoutePatternFactory.Parse(method.Method.FullName), method.Handler.HandleAsync);
            endpoint.Add(builder =>
            {
                builder.DisplayName = $"gRPC - {method.Method.FullName}";
                builder.Metadata.Add(new GrpcMethodMetadata(typeof(TService), method.Method));
                builder.Metadata.Add(new HttpMethodMetadata(UnimplementedFallback.Verbs, acceptCorsPreflight: true));
                foreach (var item in method.Metadata)
                {
                    builder.Metadata.Add(item);
                }
            });
            result.Add(endpoint);
        }

        MapFallbacks(endpoints, settings, logger, methods.All, result);
        return result;
    }

    private void MapFallbacks(
        IEndpointRouteBuilder endpoints, CallSettings settings, ILogger logger, List<ServiceMethod> methods, List<IEndpointConventionBuilder> result)
    {
        if (settings.IgnoreUnknown)
        {
            return;
        }

        foreach (var service in methods.Select(method => method.Method.ServiceName).Distinct(StringComparer.Ordinal))
        {
            var unknownMethod = UnimplementedFallback.Map(
                endpoints, $"{service}/{{unimplementedMethod}}", $"gRPC - Unimplemented method for {service}",
                new UnimplementedHandler(settings, logger, "Method is unimplemented."));
            result.Add(unknownMethod);
        }

        var all = CallSettings.Create(allOptions.Value, new GrpcServiceOptions());
        if (!all.IgnoreUnknown && mapped.ClaimFallback())
        {
            UnimplementedFallback.Map(
                endpoints, "{unimplementedService}/{unimplementedMethod}", "gRPC - Unimplemented service",
                new UnimplementedHandler(all, logger, "Service is unimplemented."));
        }
    }
}

/// <summary>Endpoints for what no service has. They match gRPC calls only, after everything else.</summary>
internal static class UnimplementedFallback
{
    public static readonly string[] Verbs = [HttpMethods.Post];

    private static readonly RouteValueDictionary Policies = new()
    {
        ["unimplementedService"] = new GrpcCallConstraint(),
        ["unimplementedMethod"] = new GrpcCallConstraint(),
    };

    public static IEndpointConventionBuilder Map(IEndpointRouteBuilder endpoints, string pattern, string name, CallHandler handler)
    {
        var parsed = RoutePatternFactory.Parse(pattern, defaults: null, parameterPolicies: Policies);
        var endpoint = endpoints.Map(parsed, handler.HandleAsync);
        endpoint.Add(builder =>
        {
            builder.DisplayName = name;
            builder.Metadata.Add(new HttpMethodMetadata(Verbs, acceptCorsPreflight: true));
            ((RouteEndpointBuilder)builder).Order = int.MaxValue;
        });
        return endpoint;
    }

    private sealed class GrpcCallConstraint : IRouteConstraint, IParameterLiteralNodeMatchingPolicy
    {
        // What has an endpoint of its own needs no fallback: with one candidate left, routing decides without any more work.
        public bool MatchesLiteral(string parameterName, string literal) => false;

        public bool Match(HttpContext? httpContext, IRouter? route, string routeKey, RouteValueDictionary values, RouteDirection routeDirection) =>
            httpContext is not null && CallHandler.IsGrpcRequest(httpContext.Request);
    }
}
