using Grpc.Core;
using Kpm.Server.Accounts.Events;
using Kpm.Server.Messaging;
using Kpm.Server.Rpc;
using Kpm.Server.Secrets;
using Kpm.V1;

namespace Kpm.Server.Accounts.Lifecycle;

/// <summary>Keeps an account that was going to be deleted, with the token of the mail or of a sign-in.</summary>
internal sealed class CancelDeletion(IDeletionStore store, NoticeMails mails, MailSignal mailSignal, SecurityFeed feed, TimeProvider time)
{
    public async Task<CancelDeletionResponse> HandleAsync(CancelDeletionRequest request, ServerCallContext context)
    {
        var now = time.Now();
        var entry = new SecurityEntry(new SecurityNote(SecurityEventKind.DeletionCancelled, Actor.Anonymous), mails.At("deletion-cancelled", now));
        var kept = await store.CancelAsync(SecretToken.Hash(request.Token), now, entry, context.CancellationToken) ?? throw Errors.Of(ErrorReason.TokenInvalid);
        mailSignal.Set();
        feed.Appended(kept);
        return new CancelDeletionResponse();
    }
}
