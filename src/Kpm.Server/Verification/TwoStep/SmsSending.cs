using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Kpm.Server.Accounts;
using Kpm.Server.Messaging.Sms;
using Kpm.Server.Rpc;
using Kpm.Server.Secrets;
using Kpm.Server.Verification.Checks;
using Kpm.V1;

namespace Kpm.Server.Verification.TwoStep;

/// <summary>Sends codes, as often as a number bears it and a Security Check lets it.</summary>
internal sealed class SmsSending(ITwoStepStore store, SmsCodes codes, Guard guard, SmsSignal signal, TimeProvider time, Limits limits)
{
    /// <summary>RATE_LIMITED while the number must not be sent to.</summary>
    public async Task RequireTimeAsync(PhoneNumber number, CancellationToken cancellationToken)
    {
        var againAt = codes.AgainAt(await store.FindUseAsync(codes.HashOf(number), cancellationToken));
        if (time.Now() < againAt)
        {
            throw Errors.RetryAfter(ErrorReason.RateLimited, againAt - time.Now());
        }
    }

    /// <summary>Counts the message. Not null: it was not counted; answer with the check.</summary>
    public Task<SecurityCheckRequired?> CheckAsync(AccountRow account, SecurityCheckAnswer? answer, ServerCallContext context) =>
        guard.UseAsync(GuardedAct.Sms, GuardSubject.OfAccount(account.AccountId, EmailAddress.Parse(account.Email)), context, answer);

    /// <summary>Makes the code the newest one and queues its message.</summary>
    /// <param name="accountId">The account.</param>
    /// <param name="code">The code.</param>
    /// <param name="setUp">The set-up that it belongs to; null for a code to the account's own phone.</param>
    /// <param name="signInTicket">The sign-in that asks; null for none.</param>
    /// <param name="cancellationToken">Counts until the write begins.</param>
    public async Task<CodeSent> SendAsync(Guid accountId, NewSmsCode code, TicketRow? setUp, byte[]? signInTicket, CancellationToken cancellationToken)
    {
        var outcome = await store.SendAsync(
            new SendCode { AccountId = accountId, Code = code, SetUp = setUp, SignInTicket = signInTicket, Tries = limits.SmsCodeTries, AgainAt = codes.AgainAt },
            cancellationToken);
        if (outcome.TicketInvalid)
        {
            throw Errors.Of(ErrorReason.TicketInvalid);
        }

        if (outcome.TryAgainAt is { } againAt)
        {
            throw Errors.RetryAfter(ErrorReason.RateLimited, againAt - time.Now());
        }

        signal.Set();
        return new CodeSent
        {
            MaskedPhone = code.Number.Masked,
            ExpiresAt = Timestamp.FromDateTimeOffset(code.ExpiresAt),
            ResendAt = Timestamp.FromDateTimeOffset(outcome.AgainAt),
            Digits = limits.SmsCodeDigits,
        };
    }
}
