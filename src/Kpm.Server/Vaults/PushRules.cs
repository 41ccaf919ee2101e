using Google.Protobuf.Collections;
using Kpm.Server.Rpc;
using Kpm.Server.Storage;
using Kpm.V1;

namespace Kpm.Server.Vaults;

/// <summary>What every way to push has in common: unary or in a stream.</summary>
internal static class PushRules
{
    /// <summary>Checks what needs no state, on the caller's thread.</summary>
    /// <exception cref="KpmException">The operations are not in rising op_seq.</exception>
    public static VaultOperation[] Prepare(RepeatedField<Operation> messages, Caller caller)
    {
        var operations = new VaultOperation[messages.Count];
        for (var i = 0; i < operations.Length; i++)
        {
            if (i > 0 && messages[i].OpSeq <= messages[i - 1].OpSeq)
            {
                throw Errors.Field($"operations[{i}].op_seq", "NOT_RISING", "must be greater than the one before it");
            }

            operations[i] = VaultOperation.From(messages[i], caller.AccountId, caller.DeviceId);
        }

        return operations;
    }

    /// <summary>Pushes and waits until everything is durable.</summary>
    public static async Task<IReadOnlyList<OperationResult>> PushAsync(IVaultStore store, Caller caller, VaultOperation[] operations, bool atomic)
    {
        var push = new AwaitedPush
        {
            AccountId = caller.AccountId,
            SessionId = caller.SessionId,
            DeviceId = caller.DeviceId,
            Operations = operations,
            Atomic = atomic,
        };
        IReadOnlyList<Outcome> outcomes;
        try
        {
            store.Push(push);
            outcomes = await push.Outcomes;
        }
        catch (Exception e) when (e is StorageBusyException or StorageUnavailableException or SessionEndedException)
        {
            throw ToError(e);
        }

        if (outcomes.Any(o => o.Reason == RejectionReason.KeysHeld))
        {
            throw Errors.Of(ErrorReason.KeysHeld);
        }

        var results = new OperationResult[operations.Length];
        for (var i = 0; i < results.Length; i++)
        {
            results[i] = VaultPush.ToMessage(operations[i], outcomes[i]);
        }

        return results;
    }

    /// <summary>What the caller is told of a Push that was not stored.</summary>
    public static Exception ToError(Exception reason) => reason switch
    {
        StorageBusyException => Errors.RetryAfter(ErrorReason.RateLimited, TimeSpan.FromSeconds(1), reason),
        StorageUnavailableException => Errors.RetryAfter(ErrorReason.Unavailable, TimeSpan.FromSeconds(5), reason),
        SessionEndedException => Errors.Of(ErrorReason.SessionInvalid),
        _ => reason,
    };
}
