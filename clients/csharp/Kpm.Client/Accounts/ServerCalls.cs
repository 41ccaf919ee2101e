using Grpc.Core;
using Kpm.Client.Storage;
using Kpm.V1;

namespace Kpm.Client.Accounts;

/// <summary>Makes unary calls: deadline, session, and errors as ServerException.</summary>
internal sealed class ServerCalls(KpmOptions options, LocalStore store, SessionKeeper sessions)
{
    public TimeProvider Time => options.Time;

    /// <summary>A new id for one intent; repeating a call with it does nothing twice.</summary>
    public string NewId() => Guid.CreateVersion7(options.Time.GetUtcNow()).ToText();

    /// <summary>A call that anybody can make.</summary>
    public async Task<T> AnonymousAsync<T>(Func<CallOptions, AsyncUnaryCall<T>> call, CancellationToken cancellationToken)
    {
        try
        {
            var deadline = options.Time.GetUtcNow().Add(options.CallTimeout).UtcDateTime;
            return await call(new CallOptions(deadline: deadline, cancellationToken: cancellationToken));
        }
        catch (RpcException error)
        {
            cancellationToken.ThrowIfCancellationRequested();
            throw ServerException.From(error);
        }
    }

    /// <summary>A call of the session; throws SignedOutException where there is none, or it has ended.</summary>
    public async Task<T> SessionAsync<T>(Func<CallOptions, AsyncUnaryCall<T>> call, CancellationToken cancellationToken)
    {
        var token = await sessions.AccessTokenAsync(cancellationToken);
        try
        {
            return await AnonymousAsync(to => call(to.WithHeaders(SessionKeeper.Authorization(token))), cancellationToken);
        }
        catch (ServerException refused) when (refused.Reason == ErrorReason.SessionInvalid)
        {
            // The clocks may differ, or another device ended the session: the refresh tells which.
            token = await sessions.RenewAsync(token, cancellationToken);
            return await AnonymousAsync(to => call(to.WithHeaders(SessionKeeper.Authorization(token))), cancellationToken);
        }
    }

    /// <summary>A call of the session where there is one, else of anybody.</summary>
    public Task<T> OptionalSessionAsync<T>(Func<CallOptions, AsyncUnaryCall<T>> call, CancellationToken cancellationToken) =>
        store.Session() is null ? AnonymousAsync(call, cancellationToken) : SessionAsync(call, cancellationToken);

    /// <summary>All pages of a list.</summary>
    public static async Task<IReadOnlyList<TItem>> PagesAsync<TPage, TItem>(
        Func<string, Task<TPage>> page, Func<TPage, IEnumerable<TItem>> items, Func<TPage, string> next)
    {
        var all = new List<TItem>();
        var token = "";
        do
        {
            var read = await page(token);
            all.AddRange(items(read));
            token = next(read);
        }
        while (token.Length > 0);
        return all;
    }
}
