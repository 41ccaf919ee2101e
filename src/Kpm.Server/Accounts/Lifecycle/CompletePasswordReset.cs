using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Kpm.Server.Accounts.Events;
using Kpm.Server.Accounts.Passwords;
using Kpm.Server.Accounts.Sessions;
using Kpm.Server.Messaging;
using Kpm.Server.Rpc;
using Kpm.Server.Secrets;
using Kpm.V1;

namespace Kpm.Server.Accounts.Lifecycle;

/// <summary>
/// Sets a new account password with the mailed token. Every session ends; the wrapped keys are held back for a day from
/// devices that can't prove that they were linked before, since a mailbox may be stolen.
/// </summary>
internal sealed class CompletePasswordReset(
    IPasswordStore passwords,
    Passwords.PasswordRules rules,
    PasswordHashing hashing,
    SessionDirectory directory,
    NoticeMails mails,
    MailSignal mailSignal,
    SecurityFeed feed,
    TimeProvider time,
    Limits limits)
{
    public async Task<CompletePasswordResetResponse> HandleAsync(CompletePasswordResetRequest request, ServerCallContext context)
    {
        NewPassword.Check(rules, request.NewPassword, request.NewPasswordConfirmation);
        var token = SecretToken.Hash(request.Token);
        // Before anything is hashed: made-up tokens must not cost the server bcrypt.
        if (!await passwords.IsResetOpenAsync(token, time.Now(), context.CancellationToken))
        {
            throw Errors.Of(ErrorReason.TokenInvalid);
        }

        var hash = await hashing.HashAsync(request.NewPassword, context.CancellationToken);
        var now = time.Now();
        var heldUntil = now + limits.KeysHold;
        var result = await passwords.ResetAsync(
            new PasswordReset
            {
                TokenHash = token,
                Hash = hash,
                Now = now,
                Entry = new SecurityEntry(
                    new SecurityNote(SecurityEventKind.PasswordReset, Actor.Anonymous),
                    mails.At("password-was-reset", now, ("hold_until", NoticeMails.Write(heldUntil)))),
            },
            CancellationToken.None) ?? throw Errors.Of(ErrorReason.TokenInvalid);

        directory.End(result.Ended, RevokedReason.PasswordChanged);
        mailSignal.Set();
        feed.Appended(result.AccountId);
        return new CompletePasswordResetResponse { KeysHeldUntil = Timestamp.FromDateTimeOffset(heldUntil) };
    }
}
