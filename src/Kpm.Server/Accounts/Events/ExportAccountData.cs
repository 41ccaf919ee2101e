using Google.Protobuf;
using Grpc.Core;
using Kpm.Server.Federation;
using Kpm.Server.Messaging;
using Kpm.Server.Rpc;
using Kpm.Server.Vaults;
using Kpm.V1;
using Part = Kpm.V1.ExportAccountDataResponse;

namespace Kpm.Server.Accounts.Events;

/// <summary>
/// Everything that the server knows about an account, but for secrets and the vault's ciphertext. It is read in pages while it is
/// sent, so that a long log costs no memory and a slow reader holds back no checkpoint. The export notes itself first:
/// what came after that note is not in it.
/// </summary>
internal sealed class ExportAccountData(
    IAccountStore accounts,
    IExportStore store,
    ISecurityEventStore events,
    ISessionStore sessions,
    IDeviceStore devices,
    IIdentityStore identities,
    IdentityProviders providers,
    IDeviceActivity activity,
    Reauthenticator reauthenticator,
    NoticeMails mails,
    MailSignal mailSignal,
    SecurityFeed feed,
    TimeProvider time,
    Limits limits)
{
    public async Task HandleAsync(ExportAccountDataRequest request, IServerStreamWriter<Part> responses, ServerCallContext context)
    {
        var caller = context.Caller();
        var account = await accounts.FindAsync(caller.AccountId, context.CancellationToken) ?? throw Errors.Of(ErrorReason.SessionInvalid);
        await reauthenticator.VerifyAsync(caller, account, request.Reauthentication, context.CancellationToken);
        var now = time.Now();
        var bounds = await store.BeginAsync(
            caller.AccountId,
            new SecurityEntry(new SecurityNote(SecurityEventKind.DataExported, Actor.Session, caller.DeviceId), mails.ByDevice("data-exported", now)),
            now,
            context.CancellationToken) ?? throw Errors.Of(ErrorReason.SessionInvalid);
        mailSignal.Set();
        feed.Appended(caller.AccountId);

        await SendAsync(responses, new Part { Account = bounds.Account.ToContract() }, context.CancellationToken);
        await foreach (var part in PartsAsync(caller, bounds, now, context.CancellationToken))
        {
            await SendAsync(responses, part, context.CancellationToken);
        }

        await SendAsync(responses, new Part { End = new ExportEnd { EventCount = bounds.LastEventSeq, HeadHash = ByteString.CopyFrom(bounds.HeadHash) } }, context.CancellationToken);
    }

    private async IAsyncEnumerable<Part> PartsAsync(Caller caller, ExportBounds bounds, DateTimeOffset now, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await foreach (var consent in PagesAsync(caller, (ConsentRow? last) => store.ConsentsAsync(caller.AccountId, last?.DecidedAt, limits.ExportPageSize, cancellationToken), cancellationToken))
        {
            yield return new Part { Consent = consent.ToContract() };
        }

        var (active, headSeq) = (activity.Of(caller.AccountId), activity.HeadSeq(caller.AccountId));
        await foreach (var device in PagesAsync(
            caller, (DeviceRow? last) => devices.ListAsync(caller.AccountId, last is null ? null : new DevicePosition(last.LinkedAt, last.DeviceId), limits.ExportPageSize, cancellationToken), cancellationToken))
        {
            yield return new Part { Device = device.ToContract(caller.DeviceId, active.GetValueOrDefault(device.DeviceId), headSeq, now) };
        }

        await foreach (var session in PagesAsync(
            caller, (SessionRecord? last) => store.SessionsAsync(caller.AccountId, last is null ? null : Guid.ParseExact(last.SessionId, "D"), limits.ExportPageSize, cancellationToken), cancellationToken))
        {
            yield return new Part { Session = session };
        }

        await foreach (var identity in PagesAsync(
            caller, (IdentityRow? last) => identities.ListAsync(caller.AccountId, last is null ? null : new IdentityPosition(last.LinkedAt, last.IdentityId), limits.ExportPageSize, cancellationToken), cancellationToken))
        {
            yield return new Part { Identity = providers.ToContract(identity) };
        }

        await foreach (var securityEvent in PagesAsync(caller, (SecurityEvent? last) => events.AfterAsync(caller.AccountId, last?.Seq ?? 0, limits.ExportPageSize, cancellationToken), cancellationToken))
        {
            if (securityEvent.Seq > bounds.LastEventSeq)
            {
                yield break;
            }

            yield return new Part { Event = securityEvent };
        }
    }

    /// <summary>Row after row, read a page at a time; a session that was ended meanwhile reads no further.</summary>
    private async IAsyncEnumerable<T> PagesAsync<T>(Caller caller, Func<T?, ValueTask<IReadOnlyList<T>>> next, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
        where T : class
    {
        T? last = null;
        while (true)
        {
            if (await sessions.FindAsync(caller.SessionId, cancellationToken) is not { EndedAt: null })
            {
                throw Errors.Of(ErrorReason.SessionInvalid);
            }

            var page = await next(last);
            foreach (var row in page)
            {
                yield return last = row;
            }

            if (page.Count < limits.ExportPageSize)
            {
                yield break;
            }
        }
    }

    /// <summary>A reader that takes nothing for long is gone.</summary>
    private async ValueTask SendAsync(IServerStreamWriter<Part> responses, Part part, CancellationToken cancellationToken)
    {
        using var late = new CancellationTokenSource(limits.StallTimeout, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(late.Token, cancellationToken);
        try
        {
            await responses.WriteAsync(part, either.Token);
        }
        catch (OperationCanceledException) when (late.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            throw Errors.Of(ErrorReason.StreamStalled);
        }
    }
}
