using Grpc.Core;
using Kpm.Server.Rpc;
using Kpm.V1;

namespace Kpm.Server.Vaults;

/// <summary>Writes of a client without a stream.</summary>
internal sealed class Push(IVaultStore store)
{
    public async Task<PushResponse> HandleAsync(PushRequest request, ServerCallContext context)
    {
        var caller = context.Caller();
        var response = new PushResponse();
        response.Results.AddRange(await PushRules.PushAsync(store, caller, PushRules.Prepare(request.Operations, caller), request.Atomic));
        return response;
    }
}
