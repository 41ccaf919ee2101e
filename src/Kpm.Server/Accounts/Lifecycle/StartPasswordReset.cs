using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Kpm.Server.Rpc;
using Kpm.Server.Verification.Checks;
using Kpm.V1;

namespace Kpm.Server.Accounts.Lifecycle;

/// <summary>
/// Notes that somebody wants to reset the password of an address. Whether an account holds it is not looked at here: the same
/// row is written for every address, and <see cref="PasswordResetJob"/> goes on from it.
/// </summary>
internal sealed class StartPasswordReset(Guard guard, IPasswordStore passwords, PasswordResets resets, PasswordResetSignal signal, TimeProvider time, Limits limits)
{
    public async Task<StartPasswordResetResponse> HandleAsync(StartPasswordResetRequest request, ServerCallContext context)
    {
        var address = EmailAddress.Parse(request.Email);
        if (await guard.UseAsync(GuardedAct.PasswordReset, GuardSubject.Of(address), context, request.SecurityCheck) is { } check)
        {
            return new StartPasswordResetResponse { SecurityCheckRequired = check };
        }

        var hash = resets.HashOf(address);
        var result = await passwords.RequestResetAsync(hash, resets.Seal(hash, address), resets.Next, context.CancellationToken);
        if (result is ResetThrottle.TooSoon tooSoon)
        {
            throw Errors.RetryAfter(ErrorReason.RateLimited, tooSoon.At - time.Now());
        }

        signal.Set();
        var row = ((ResetThrottle.Allowed)result).Row;
        return new StartPasswordResetResponse
        {
            Started = new PasswordResetStarted
            {
                ExpiresAt = Timestamp.FromDateTimeOffset(row.AskedAt + limits.PasswordResetLifetime),
                ResendAt = Timestamp.FromDateTimeOffset(resets.AgainAt(row)),
            },
        };
    }
}
