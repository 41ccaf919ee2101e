using Google.Protobuf;
using Grpc.Core;
using Kpm.Server.Accounts.Events;
using Kpm.Server.Federation;
using Kpm.Server.Messaging;
using Kpm.Server.Rpc;
using Kpm.V1;

namespace Kpm.Server.Accounts;

/// <summary>
/// Unlinks an identity, unless nothing else signs in to the account: no password, and no other identity of a provider that is
/// open in the account's region.
/// </summary>
internal sealed class UnlinkIdentity(
    IIdentityStore identities,
    IdentityProviders providers,
    IAccountStore accounts,
    ISessionStore sessions,
    Reauthenticator reauthenticator,
    IdentityNotices notices,
    MailSignal mailSignal,
    SecurityFeed feed,
    TimeProvider time,
    ILogger<UnlinkIdentity> logger)
{
    public async Task<UnlinkIdentityResponse> HandleAsync(UnlinkIdentityRequest request, ServerCallContext context)
    {
        var caller = context.Caller();
        var key = RequestKey.Of(caller.SessionId, context.Method, request.RequestId, request);
        if (await sessions.FindResponseAsync(key, context.CancellationToken) is { } former)
        {
            return UnlinkIdentityResponse.Parser.ParseFrom(former);
        }

        var account = await accounts.FindAsync(caller.AccountId, context.CancellationToken) ?? throw Errors.Of(ErrorReason.SessionInvalid);
        await reauthenticator.VerifyAsync(caller, account, request.Reauthentication, context.CancellationToken);
        var now = time.Now();
        var device = await notices.DeviceNameAsync(caller.DeviceId, context.CancellationToken);
        var result = await identities.UnlinkAsync(
            new UnlinkWrite
            {
                AccountId = account.AccountId,
                IdentityId = Guid.ParseExact(request.IdentityId, "D"),
                Opens = provider => providers.IsOpen(account.Region, provider),
                Note = row => new SecurityNote(SecurityEventKind.IdentityUnlinked, Actor.Session, caller.DeviceId, $"provider={row.ProviderId}"),
                Mail = row => notices.Unlinked(account, device, providers.NameOf(row.ProviderId), now),
                Request = key,
                Response = new UnlinkIdentityResponse().ToByteArray(),
                Now = now,
            },
            context.CancellationToken);
        switch (result.Outcome)
        {
            case UnlinkOutcome.NotFound:
                throw Errors.Of(ErrorReason.NotFound);
            case UnlinkOutcome.LastWayIn:
                throw Errors.Of(ErrorReason.LastSignInMethod);
        }

        if (result.ProviderId is { } unlinked)
        {
            mailSignal.Set();
            feed.Appended(account.AccountId);
            Federation.Log.IdentityUnlinked(logger, account.AccountId, unlinked);
        }

        return UnlinkIdentityResponse.Parser.ParseFrom(result.Response);
    }
}
