using Google.Protobuf;
using Grpc.Core;
using Kpm.Server.Accounts.Events;
using Kpm.Server.Accounts.Sessions;
using Kpm.Server.Messaging;
using Kpm.Server.Rpc;
using Kpm.V1;

namespace Kpm.Server.Accounts;

/// <summary>Ends the calling session and its streams, or every session of the account.</summary>
internal sealed class SignOut(ISessionStore sessions, SessionDirectory directory, NoticeMails mails, MailSignal mailSignal, SecurityFeed feed, TimeProvider time)
{
    public async Task<SignOutResponse> HandleAsync(SignOutRequest request, ServerCallContext context)
    {
        var caller = context.Caller();
        var now = time.Now();
        var result = await sessions.SignOutAsync(
            new SignOutWrite
            {
                AccountId = caller.AccountId,
                SessionId = caller.SessionId,
                Everywhere = request.Everywhere,
                Now = now,
                Entry = request.Everywhere
                    ? new SecurityEntry(new SecurityNote(SecurityEventKind.SignedOutEverywhere, Actor.Session, caller.DeviceId), mails.ByDevice("signed-out-everywhere", now))
                    : new SecurityEntry(new SecurityNote(SecurityEventKind.SignedOut, Actor.Session, caller.DeviceId)),
                Request = RequestKey.Of(caller.SessionId, context.Method, request.RequestId, request),
                Response = new SignOutResponse().ToByteArray(),
            },
            context.CancellationToken);
        directory.End(result.Ended, RevokedReason.SignedOut);
        mailSignal.Set();
        feed.Appended(caller.AccountId);
        return SignOutResponse.Parser.ParseFrom(result.Response);
    }
}
