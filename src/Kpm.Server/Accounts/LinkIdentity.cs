using Google.Protobuf;
using Grpc.Core;
using Kpm.Server.Accounts.Events;
using Kpm.Server.Federation;
using Kpm.Server.Messaging;
using Kpm.Server.Rpc;
using Kpm.V1;

namespace Kpm.Server.Accounts;

/// <summary>Links an identity to the account of a session that has proven once more whose it is, and mails the owner.</summary>
internal sealed class LinkIdentity(
    FederatedFlows flows,
    IIdentityStore identities,
    IdentityProviders providers,
    IAccountStore accounts,
    ISessionStore sessions,
    Reauthenticator reauthenticator,
    IdentityNotices notices,
    MailSignal mailSignal,
    SecurityFeed feed,
    TimeProvider time,
    Limits limits,
    ILogger<LinkIdentity> logger)
{
    private static readonly FederatedPurpose[] Purposes = [FederatedPurpose.Link];

    public async Task<LinkIdentityResponse> HandleAsync(LinkIdentityRequest request, ServerCallContext context)
    {
        var caller = context.Caller();
        var key = RequestKey.Of(caller.SessionId, context.Method, request.RequestId, request);
        if (await sessions.FindResponseAsync(key, context.CancellationToken) is { } former)
        {
            return LinkIdentityResponse.Parser.ParseFrom(former);
        }

        var account = await accounts.FindAsync(caller.AccountId, context.CancellationToken) ?? throw Errors.Of(ErrorReason.SessionInvalid);
        await reauthenticator.VerifyAsync(caller, account, request.Reauthentication, context.CancellationToken);
        var completed = await flows.CompleteAsync(request.Credential, Purposes, caller, context.CancellationToken);
        var now = time.Now();
        var result = await identities.LinkAsync(
            new LinkWrite
            {
                Identity = ToRow(account.AccountId, completed.Identity, now),
                Note = new SecurityNote(SecurityEventKind.IdentityLinked, Actor.Session, caller.DeviceId, $"provider={completed.Provider.Id}"),
                Mail = await notices.LinkedAsync(account, caller.DeviceId, completed.Provider.Name, now, context.CancellationToken),
                Request = key,
                Respond = row => new LinkIdentityResponse { Identity = providers.ToContract(row) }.ToByteArray(),
                Most = limits.IdentitiesPerAccount,
            },
            context.CancellationToken);
        switch (result.Outcome)
        {
            case LinkOutcome.InUse:
                throw Errors.Of(ErrorReason.IdentityInUse);
            case LinkOutcome.TooMany:
                throw Errors.Field("credential", "TOO_MANY", $"the account has {limits.IdentitiesPerAccount} identities already");
            case LinkOutcome.NoAccount:
                throw Errors.Of(ErrorReason.SessionInvalid);
            case LinkOutcome.Linked:
                mailSignal.Set();
                feed.Appended(account.AccountId);
                Federation.Log.IdentityLinked(logger, account.AccountId, completed.Provider.Id);
                break;
        }

        return LinkIdentityResponse.Parser.ParseFrom(result.Response);
    }

    private IdentityRow ToRow(Guid accountId, VerifiedIdentity identity, DateTimeOffset now) => new()
    {
        IdentityId = Ids.New(time),
        AccountId = accountId,
        ProviderId = identity.ProviderId,
        Issuer = identity.Issuer,
        Subject = identity.Subject,
        Email = identity.Email,
        Active = true,
        LinkedAt = now,
        LastUsedAt = null,
    };
}
