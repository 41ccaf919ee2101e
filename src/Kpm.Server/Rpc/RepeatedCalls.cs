using Google.Protobuf;
using Grpc.Core;
using Kpm.Server.Accounts;
using Kpm.Server.Secrets;

namespace Kpm.Server.Rpc;

/// <summary>
/// Answers a repeated call whose first run ended its own session (SignOut, RevokeDevice of itself): the
/// token no longer opens anything, but it still names the session whose first result is remembered.
/// </summary>
internal sealed class RepeatedCalls(ISessionStore sessions)
{
    /// <summary>The request carries a request_id.</summary>
    public static bool MayRepeat<TRequest>() => RequestId<TRequest>.Read is not null;

    /// <summary>The first result, or null.</summary>
    public async Task<TResponse?> FindAsync<TRequest, TResponse>(TRequest request, ServerCallContext context)
        where TRequest : class
        where TResponse : class
    {
        Constraints.Check(request);
        if (Authenticator.TokenOf(context) is not { } token
            || await sessions.FindByAccessTokenAsync(SecretToken.Hash(token), context.CancellationToken) is not { Ended: true } row)
        {
            return null;
        }

        var key = RequestKey.Of(row.Caller.SessionId, context.Method, RequestId<TRequest>.Read!(request), (IMessage)request);
        var response = await sessions.FindResponseAsync(key, context.CancellationToken);
        if (response is null)
        {
            return null;
        }

        var first = Activator.CreateInstance<TResponse>();
        ((IMessage)(object)first).MergeFrom(response);
        return first;
    }

    private static class RequestId<TRequest>
    {
        public static readonly Func<TRequest, string>? Read =
            typeof(TRequest).GetProperty("RequestId", typeof(string))?.GetMethod?.CreateDelegate<Func<TRequest, string>>();
    }
}
