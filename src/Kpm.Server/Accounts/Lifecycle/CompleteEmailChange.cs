using Grpc.Core;
using Kpm.Server.Accounts.Events;
using Kpm.Server.Messaging;
using Kpm.Server.Rpc;
using Kpm.Server.Secrets;
using Kpm.V1;

namespace Kpm.Server.Accounts.Lifecycle;

/// <summary>Confirms one side of a change of address; the second confirmation carries it out. Sessions go on.</summary>
internal sealed class CompleteEmailChange(IEmailChangeStore changes, AccountEndings endings, NoticeMails mails, MailSignal mailSignal, SecurityFeed feed, TimeProvider time)
{
    public async Task<CompleteEmailChangeResponse> HandleAsync(CompleteEmailChangeRequest request, ServerCallContext context)
    {
        var now = time.Now();
        var changed = NoticeMails.Values([("time", NoticeMails.Write(now))]);
        var entries = new EmailChangeEntries(
            (_, _) => new SecurityNote(SecurityEventKind.EmailChanged, Actor.Anonymous),
            (account, _) => mails.Of(account, "email-changed", changed),
            (account, address) => mails.To(address.Mailbox, account.Language, "email-changed", changed));
        var confirmed = await changes.ConfirmAsync(SecretToken.Hash(request.Token), now, entries, context.CancellationToken) ?? throw Errors.Of(ErrorReason.TokenInvalid);
        if (confirmed.Changed)
        {
            endings.Removed(confirmed.Removed);
            mailSignal.Set();
            feed.Appended(confirmed.AccountId);
        }

        return new CompleteEmailChangeResponse { FormerConfirmed = confirmed.FormerConfirmed, NewConfirmed = confirmed.NewConfirmed, Changed = confirmed.Changed };
    }
}
