using System.Security.Cryptography;
using Google.Protobuf;

namespace Kpm.Server.Rpc;

/// <summary>
/// Names a call that may be repeated: session, rpc and request_id, with a hash of the content. The first
/// result is stored in the transaction of the change itself, so that a repetition can't run beside it.
/// </summary>
internal sealed record RequestKey(Guid SessionId, string Rpc, Guid RequestId, byte[] ContentHash)
{
    public static RequestKey Of(Guid sessionId, string rpc, string requestId, IMessage request) =>
        new(sessionId, rpc, Guid.ParseExact(requestId, "D"), SHA256.HashData(request.ToByteArray()));
}
