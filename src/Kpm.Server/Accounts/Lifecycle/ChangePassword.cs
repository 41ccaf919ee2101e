using Google.Protobuf;
using Grpc.Core;
using Kpm.Server.Accounts.Events;
using Kpm.Server.Accounts.Passwords;
using Kpm.Server.Accounts.Sessions;
using Kpm.Server.Messaging;
using Kpm.Server.Rpc;
using Kpm.V1;

namespace Kpm.Server.Accounts.Lifecycle;

/// <summary>Changes or sets the account password. The calling session goes on; every other one, all trusted devices and all tickets end.</summary>
internal sealed class ChangePassword(
    IAccountStore accounts,
    IPasswordStore passwords,
    ISessionStore sessions,
    Reauthenticator reauthenticator,
    Passwords.PasswordRules rules,
    PasswordHashing hashing,
    SessionDirectory directory,
    NoticeMails mails,
    MailSignal mailSignal,
    SecurityFeed feed,
    TimeProvider time)
{
    public async Task<ChangePasswordResponse> HandleAsync(ChangePasswordRequest request, ServerCallContext context)
    {
        var caller = context.Caller();
        var key = RequestKey.Of(caller.SessionId, context.Method, request.RequestId, request);
        // First: a repetition brings the former password, which is wrong by now.
        if (await sessions.FindResponseAsync(key, context.CancellationToken) is { } former)
        {
            return ChangePasswordResponse.Parser.ParseFrom(former);
        }

        NewPassword.Check(rules, request.NewPassword, request.NewPasswordConfirmation);
        var account = await accounts.FindAsync(caller.AccountId, context.CancellationToken) ?? throw Errors.Of(ErrorReason.SessionInvalid);
        await reauthenticator.VerifyAsync(caller, account, request.Reauthentication, context.CancellationToken);
        var hash = await hashing.HashAsync(request.NewPassword, context.CancellationToken);
        var now = time.Now();
        var result = await passwords.ChangeAsync(
            new PasswordChange
            {
                AccountId = account.AccountId,
                SessionId = caller.SessionId,
                FormerHash = account.PasswordHash,
                Hash = hash,
                Now = now,
                Request = key,
                Response = new ChangePasswordResponse().ToByteArray(),
                Entry = new SecurityEntry(
                    new SecurityNote(SecurityEventKind.PasswordChanged, Actor.Session, caller.DeviceId, account.PasswordHash is null ? "set=first" : ""),
                    mails.ByDevice("password-changed", now)),
            },
            // Not cancelled any more: what was proven and hashed is carried out.
            CancellationToken.None) ?? throw Errors.Of(ErrorReason.WrongCredentials);

        directory.End(result.Ended, RevokedReason.PasswordChanged);
        mailSignal.Set();
        feed.Appended(account.AccountId);
        return ChangePasswordResponse.Parser.ParseFrom(result.Response);
    }
}
