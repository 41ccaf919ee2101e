using Kpm.Server.Secrets;

namespace Kpm.Server.Support;

/// <summary>Opens calls by an operator's credential. Each call reads the database: a removed operator is out at once, and support makes few calls.</summary>
internal sealed class Operators(IOperatorStore store, TimeProvider time, Limits limits)
{
    public const string CredentialPrefix = "kpm-operator-";

    /// <summary>Null for whatever is no operator's credential.</summary>
    public async ValueTask<OperatorCaller?> FindAsync(string credential, CancellationToken cancellationToken)
    {
        if (!credential.StartsWith(CredentialPrefix, StringComparison.Ordinal) || await store.FindAsync(SecretToken.Hash(credential), cancellationToken) is not { } row)
        {
            return null;
        }

        var now = time.Now();
        if (row.LastUsedAt is not { } used || now - used >= limits.OperatorSeenInterval)
        {
            await store.TouchAsync(row.OperatorId, now, cancellationToken);
        }

        return new OperatorCaller(row.OperatorId, row.Name);
    }
}
