namespace Grpc.AspNetCore.Web;

/// <summary>Options of gRPC-Web.</summary>
public class GrpcWebOptions
{
    /// <summary>Whether methods are served to gRPC-Web where nothing is said of them; false where it is not set.</summary>
    public bool DefaultEnabled { get; set; }
}

/// <summary>On an endpoint: whether it is served to gRPC-Web.</summary>
public interface IGrpcWebEnabledMetadata
{
    /// <summary>Whether the endpoint is served to gRPC-Web.</summary>
    bool GrpcWebEnabled { get; }
}

/// <summary>Serves a service or a method to gRPC-Web.</summary>
[AttributeUsage(AttributeTargets.Class | AttributeTargets.Method)]
public sealed class EnableGrpcWebAttribute : Attribute, IGrpcWebEnabledMetadata
{
    /// <inheritdoc/>
    public bool GrpcWebEnabled => true;
}

/// <summary>Keeps a service or a method from gRPC-Web.</summary>
[AttributeUsage(AttributeTargets.Class | AttributeTargets.Method)]
public sealed class DisableGrpcWebAttribute : Attribute, IGrpcWebEnabledMetadata
{
    /// <inheritdoc/>
    public bool GrpcWebEnabled => false;
}
