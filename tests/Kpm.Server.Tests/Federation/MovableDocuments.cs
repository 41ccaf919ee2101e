using Kpm.Server.Federation;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;

namespace Kpm.Server.Tests.Federation;

internal static class MovableDocuments
{
    /// <summary>
    /// Gives the documents of providers a clock that the test moves. The rest of the server keeps the system's: the providers are
    /// real programs, and their tokens carry real times.
    /// </summary>
    public static void Put(IServiceCollection services, TimeProvider time) => services.Replace(ServiceDescriptor.Singleton(s => new ProviderMetadata(
        s.GetRequiredService<ProviderHttp>(), time, s.GetRequiredService<Limits>(), s.GetRequiredService<ILogger<ProviderMetadata>>())));
}
