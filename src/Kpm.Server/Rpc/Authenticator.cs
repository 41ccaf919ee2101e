using Grpc.Core;
using Kpm.Server.Accounts.Sessions;
using Kpm.Server.Support;
using Kpm.V1;

namespace Kpm.Server.Rpc;

/// <summary>Opens the session of the call's access token and holds it against what the rpc demands.</summary>
internal sealed class Authenticator(MethodPolicies policies, SessionDirectory sessions, Operators operators)
{
    private const string Scheme = "Bearer ";

    /// <summary>Null for an anonymous call; throws where the contract demands more than the call brings.</summary>
    public async ValueTask<Caller?> AuthenticateAsync(ServerCallContext context)
    {
        var demanded = policies.Of(context.Method);
        if (demanded == Authentication.Anonymous)
        {
            return null;
        }

        if (demanded == Authentication.Operator)
        {
            // No session: whoever calls as an operator is none of the account's own devices.
            context.SetOperator(await operators.AuthenticateAsync(TokenOf(context), context));
            return null;
        }

        var header = context.GetHttpContext().Request.Headers.Authorization;
        if (demanded == Authentication.OptionalSession && header.Count == 0)
        {
            return null;
        }

        var caller = header is [{ } value] && value.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase)
            ? await sessions.FindAsync(value.AsSpan(Scheme.Length), context.CancellationToken)
            : null;
        if (caller is null)
        {
            throw Errors.Of(ErrorReason.SessionInvalid);
        }

        return demanded == Authentication.ActivatedSession && !caller.Activated ? throw Errors.Of(ErrorReason.ActivationRequired) : caller;
    }

    /// <summary>The token as it was sent, for the answer to a repeated call.</summary>
    public static string? TokenOf(ServerCallContext context) =>
        context.GetHttpContext().Request.Headers.Authorization is [{ } value] && value.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase) ? value[Scheme.Length..] : null;
}
