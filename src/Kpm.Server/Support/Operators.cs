using Grpc.Core;
using Kpm.Server.Rpc;
using Kpm.Server.Secrets;
using Kpm.Server.Verification.Checks;
using Kpm.V1;

namespace Kpm.Server.Support;

/// <summary>Opens calls by an operator's credential. Each call reads the database: a removed operator is out at once, and support makes few calls.</summary>
internal sealed class Operators(IOperatorStore store, Guard guard, TimeProvider time, Limits limits, ILogger<Operators> logger)
{
    public const string CredentialPrefix = "kpm-operator-";

    /// <summary>The operator; throws for whatever is no operator's credential.</summary>
    /// <param name="credential">As it came; null for none.</param>
    /// <param name="context">The call.</param>
    public async ValueTask<OperatorCaller> AuthenticateAsync(string? credential, ServerCallContext context)
    {
        if (credential is null || !credential.StartsWith(CredentialPrefix, StringComparison.Ordinal))
        {
            throw Errors.Of(ErrorReason.OperatorInvalid);
        }

        if (await store.FindAsync(SecretToken.Hash(credential), context.CancellationToken) is not { } row)
        {
            await RefuseAsync(context);
            throw Errors.Of(ErrorReason.OperatorInvalid);
        }

        var now = time.Now();
        if (row.LastUsedAt is not { } used || now - used >= limits.OperatorSeenInterval)
        {
            await store.TouchAsync(row.OperatorId, now, context.CancellationToken);
        }

        return new OperatorCaller(row.OperatorId, row.Name);
    }

    /// <summary>
    /// 256 bits can't be guessed, so a right credential is never made to wait; a wrong one is, lest whoever keeps trying
    /// keeps the writer busy and the log full.
    /// </summary>
    private async Task RefuseAsync(ServerCallContext context)
    {
        using var attempt = await guard.EnterAsync(GuardedAct.Operator, GuardSubject.OfNetwork(context.ClientAddress()), context.CancellationToken);
        await guard.FailedAsync(attempt);
        Log.CredentialRefused(logger);
    }
}
