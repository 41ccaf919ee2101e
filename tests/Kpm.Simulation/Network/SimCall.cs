using Grpc.Core;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Kpm.Simulation.Network;

/// <summary>The call around a stream, as far as the vault's handlers look at it: its end, and a way to abort it.</summary>
internal sealed class SimCall : ServerCallContext
{
    private readonly CancellationToken _gone;

    public SimCall(Action abort, CancellationToken gone)
    {
        _gone = gone;
        var http = new DefaultHttpContext();
        http.Features.Set<IHttpRequestLifetimeFeature>(new Lifetime(abort, gone));

        // Where GetHttpContext looks in a context that is not the server's own.
        UserState["__HttpContext"] = http;
    }

    protected override string MethodCore => "/kpm.v1.VaultService/Sync";

    protected override string HostCore => "simulation";

    protected override string PeerCore => "simulation";

    protected override DateTime DeadlineCore => DateTime.MaxValue;

    protected override Metadata RequestHeadersCore { get; } = [];

    protected override CancellationToken CancellationTokenCore => _gone;

    protected override Metadata ResponseTrailersCore { get; } = [];

    protected override Status StatusCore { get; set; }

    protected override WriteOptions? WriteOptionsCore { get; set; }

    protected override AuthContext AuthContextCore => throw new NotSupportedException();

    protected override Task WriteResponseHeadersAsyncCore(Metadata responseHeaders) => Task.CompletedTask;

    protected override ContextPropagationToken CreatePropagationTokenCore(ContextPropagationOptions? options) => throw new NotSupportedException();

    private sealed class Lifetime(Action abort, CancellationToken gone) : IHttpRequestLifetimeFeature
    {
        public CancellationToken RequestAborted { get; set; } = gone;

        public void Abort() => abort();
    }
}
