using Grpc.Core;
using Kpm.Server.Rpc;
using Kpm.V1;

namespace Kpm.Server.Vaults;

/// <summary>One revision of an item, with its envelope.</summary>
internal sealed class GetRevision(IRevisionStore store)
{
    public Task<GetRevisionResponse> HandleAsync(GetRevisionRequest request, ServerCallContext context)
    {
        var revision = store.Revision(context.Caller().AccountId, Guid.ParseExact(request.ItemId, "D"), request.Rev);
        return Task.FromResult(new GetRevisionResponse { Revision = revision ?? throw Errors.Of(ErrorReason.NotFound) });
    }
}
