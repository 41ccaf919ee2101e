using Google.Protobuf;
using Grpc.Core;
using Kpm.Server.Accounts.Sessions;
using Kpm.Server.Rpc;
using Kpm.V1;

namespace Kpm.Server.Accounts;

/// <summary>Ends the calling session and its streams.</summary>
internal sealed class SignOut(ISessionStore sessions, SessionDirectory directory, TimeProvider time)
{
    public async Task<SignOutResponse> HandleAsync(SignOutRequest request, ServerCallContext context)
    {
        var caller = context.Caller();
        var key = RequestKey.Of(caller.SessionId, context.Method, request.RequestId, request);
        var response = await sessions.SignOutAsync(caller.SessionId, time.Now(), key, new SignOutResponse().ToByteArray(), context.CancellationToken);
        directory.End([new EndedSession(caller.AccountId, caller.SessionId)], RevokedReason.SignedOut);
        return SignOutResponse.Parser.ParseFrom(response);
    }
}
