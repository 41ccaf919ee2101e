using Grpc.Core;
using Kpm.Server.Accounts.Sessions;
using Kpm.Server.Support;
using Kpm.V1;

namespace Kpm.Server.Rpc;

/// <summary>Opens the session of the call's access token and holds it against what the rpc demands.</summary>
internal sealed class Authenticator(MethodPolicies policies, SessionDirectory sessions, Operators operators)
{
    private const string Scheme = "Bearer ";

    /// <summary>Null for an anonymous call; throws where the contract demands more than the call brings. A known session costs no state machine.</summary>
    public ValueTask<Caller?> AuthenticateAsync(ServerCallContext context)
    {
        var demanded = policies.Of(context.Method);
        if (demanded == Authentication.Anonymous)
        {
            return ValueTask.FromResult<Caller?>(null);
        }

        if (demanded == Authentication.Operator)
        {
            return AuthenticateOperatorAsync(context);
        }

        var http = context.GetHttpContext();
        var header = http.Request.Headers.Authorization;
        if (demanded == Authentication.OptionalSession && header.Count == 0)
        {
            return ValueTask.FromResult<Caller?>(null);
        }

        if (header is not [{ } value] || !value.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase) || !TryHash(http, value.AsSpan(Scheme.Length), out var hash))
        {
            throw Errors.Of(ErrorReason.SessionInvalid);
        }

        var found = sessions.FindAsync(hash, context.CancellationToken);
        return found.IsCompletedSuccessfully ? ValueTask.FromResult<Caller?>(Admit(found.Result, demanded)) : AdmitAsync(found, demanded);
    }

    private static bool TryHash(HttpContext http, ReadOnlySpan<char> token, out TokenHash hash) =>
        http.Features.Get<TokenMemo>() is { } memo ? memo.TryHash(token, out hash) : TokenHash.TryOf(token, out hash);

    private static async ValueTask<Caller?> AdmitAsync(ValueTask<Caller?> found, Authentication demanded) => Admit(await found, demanded);

    private static Caller Admit(Caller? caller, Authentication demanded) =>
        caller is null ? throw Errors.Of(ErrorReason.SessionInvalid)
        : demanded == Authentication.ActivatedSession && !caller.Activated ? throw Errors.Of(ErrorReason.ActivationRequired)
        : caller;

    /// <summary>No session: whoever calls as an operator is none of the account's own devices.</summary>
    private async ValueTask<Caller?> AuthenticateOperatorAsync(ServerCallContext context)
    {
        context.SetOperator(await operators.AuthenticateAsync(TokenOf(context), context));
        return null;
    }

    /// <summary>The token as it was sent, for the answer to a repeated call.</summary>
    public static string? TokenOf(ServerCallContext context) =>
        context.GetHttpContext().Request.Headers.Authorization is [{ } value] && value.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase) ? value[Scheme.Length..] : null;
}
