using Grpc.Core;
using Kpm.Server.Accounts.Sessions;
using Kpm.Server.Support;
using Kpm.V1;

namespace Kpm.Server.Rpc;

/// <summary>Opens the session of the call's access token, holds it against what the rpc demands, and leaves its caller with the call.</summary>
internal sealed class Authenticator(MethodPolicies policies, SessionDirectory sessions, Operators operators)
{
    private const string Scheme = "Bearer ";

    /// <summary>Throws where the contract demands more than the call brings. A session that is known costs no state machine.</summary>
    public ValueTask AuthenticateAsync(ServerCallContext context)
    {
        var demanded = policies.Of(context.Method);
        if (demanded == Authentication.Anonymous)
        {
            return ValueTask.CompletedTask;
        }

        if (demanded == Authentication.Operator)
        {
            return AuthenticateOperatorAsync(context);
        }

        var http = context.GetHttpContext();
        var header = http.Request.Headers.Authorization;
        if (demanded == Authentication.OptionalSession && header.Count == 0)
        {
            return ValueTask.CompletedTask;
        }

        if (header is not [{ } value] || !value.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase) || !TryHash(http, value.AsSpan(Scheme.Length), out var hash))
        {
            throw Errors.Of(ErrorReason.SessionInvalid);
        }

        if (!sessions.TryFind(hash, out var caller))
        {
            return LoadAsync(hash, demanded, context);
        }

        Admit(caller, demanded, context);
        return ValueTask.CompletedTask;
    }

    private static bool TryHash(HttpContext http, ReadOnlySpan<char> token, out TokenHash hash) =>
        http.Features.Get<TokenMemo>() is { } memo ? memo.TryHash(token, out hash) : TokenHash.TryOf(token, out hash);

    private async ValueTask LoadAsync(TokenHash hash, Authentication demanded, ServerCallContext context) =>
        Admit(await sessions.FindAsync(hash, context.CancellationToken), demanded, context);

    private static void Admit(Caller? caller, Authentication demanded, ServerCallContext context)
    {
        if (caller is null)
        {
            throw Errors.Of(ErrorReason.SessionInvalid);
        }

        if (demanded == Authentication.ActivatedSession && !caller.Activated)
        {
            throw Errors.Of(ErrorReason.ActivationRequired);
        }

        context.SetCaller(caller);
    }

    /// <summary>No session: whoever calls as an operator is none of the account's own devices.</summary>
    private async ValueTask AuthenticateOperatorAsync(ServerCallContext context) =>
        context.SetOperator(await operators.AuthenticateAsync(TokenOf(context), context));

    /// <summary>The token as it was sent, for the answer to a repeated call.</summary>
    public static string? TokenOf(ServerCallContext context) =>
        context.GetHttpContext().Request.Headers.Authorization is [{ } value] && value.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase) ? value[Scheme.Length..] : null;
}
