using Kpm.Server.Accounts.Events;
using Kpm.Server.Accounts.Lifecycle;
using Kpm.Server.Catalogue;
using Kpm.Server.Messaging;
using Kpm.Server.Rpc;
using Kpm.Server.Verification.TwoStep;
using Kpm.V1;

namespace Kpm.Server.Accounts.Sessions;

/// <summary>A sign-in whose first factor is proven.</summary>
internal sealed record ProvenSignIn
{
    public required AccountRow Account { get; init; }
    public required DeviceInfo Device { get; init; }
    public required SignInMethod Method { get; init; }

    /// <summary>The device has proven the key that it was linked with.</summary>
    public bool DeviceKeyProven { get; init; }

    /// <summary>The second step, which is passed with the sign-in's own unit; null before it.</summary>
    public TwoStepPass? TwoStep { get; init; }

    /// <summary>The sign-in ends with a second factor.</summary>
    public bool TwoStepPassed => TwoStep is not null;

    /// <summary>What may spare the device the second step; empty for none.</summary>
    public string TrustedDeviceToken { get; init; } = "";

    /// <summary>Whose wrong passwords are forgotten with the sign-in; null for a way without a password.</summary>
    public byte[]? AddressHash { get; init; }
}

/// <summary>What a proven first factor leads to; each rpc has the cases in its own response.</summary>
internal abstract record SignInStep
{
    private SignInStep()
    {
    }

    public sealed record Connected(SignedIn SignedIn) : SignInStep;

    public sealed record TwoStep(TwoStepRequired Required) : SignInStep;

    public sealed record Deletion(DeletionScheduled Scheduled) : SignInStep;
}

/// <summary>The one way from a proven first factor to a session, whatever the factor was.</summary>
internal sealed class SignInCompletion(
    ISessionStore sessions,
    IDeviceStore devices,
    Deletions deletions,
    RegionCatalogue catalogue,
    SessionIssuer issuer,
    SessionDirectory directory,
    TwoStepSignIns twoStep,
    NoticeMails mails,
    MailSignal mailSignal,
    SecurityFeed feed,
    TimeProvider time,
    Limits limits)
{
    public async Task<SignInStep> CompleteAsync(ProvenSignIn proven, CancellationToken cancellationToken)
    {
        if (proven.Account.SuspendedAt is not null)
        {
            throw Errors.Of(ErrorReason.AccountSuspended);
        }

        if (proven.Account.DeletesAt is not null)
        {
            return new SignInStep.Deletion(await deletions.OfferAsync(proven.Account, cancellationToken));
        }

        RequireApplication(proven);
        if (!proven.TwoStepPassed && await twoStep.BeginAsync(proven, cancellationToken) is { } required)
        {
            return new SignInStep.TwoStep(required);
        }

        return new SignInStep.Connected(await ConnectAsync(proven, cancellationToken));
    }

    private void RequireApplication(ProvenSignIn proven)
    {
        if (catalogue.IsTooOld(proven.Device.ApplicationId, proven.Device.ApplicationVersion))
        {
            throw Errors.Of(ErrorReason.UpgradeRequired);
        }

        if (catalogue.Find(proven.Account.Region) is not { } region || !region.Applications.Contains(proven.Device.ApplicationId, StringComparer.Ordinal))
        {
            throw Errors.Field("device.application_id", "NOT_IN_CATALOGUE", "must be an application of the account's region");
        }
    }

    /// <summary>
    /// Until when the wrapped keys are withheld from the session: for a day after a password reset by mail, unless the device was
    /// linked before it and proves its key, or a second factor was shown. A stolen mailbox has neither.
    /// </summary>
    private async ValueTask<DateTimeOffset?> KeysHeldUntilAsync(ProvenSignIn proven, DateTimeOffset now, CancellationToken cancellationToken)
    {
        if (proven.Account.PasswordResetAt is not { } resetAt || now >= resetAt + limits.KeysHold || proven.TwoStepPassed)
        {
            return null;
        }

        var known = proven.DeviceKeyProven && await devices.FindAsync(Guid.ParseExact(proven.Device.DeviceId, "D"), cancellationToken) is { } device
            && device.AccountId == proven.Account.AccountId && device.RevokedAt is null && device.LinkedAt < resetAt;
        return known ? null : resetAt + limits.KeysHold;
    }

    private async Task<SignedIn> ConnectAsync(ProvenSignIn proven, CancellationToken cancellationToken)
    {
        var account = proven.Account;
        var now = time.Now();
        var device = proven.Device.ToRow(account.AccountId, now);
        var session = issuer.Issue(account.AccountId, device.DeviceId, await KeysHeldUntilAsync(proven, now, cancellationToken));
        var result = await sessions.SignInAsync(
            new SignInWrite
            {
                Account = account,
                Device = device,
                Session = session.Row,
                AddressHash = proven.AddressHash,
                Method = proven.Method,
                TwoStep = proven.TwoStep,
                NewDeviceMail = mails.Of(account, "new-device", new Dictionary<string, string>(StringComparer.Ordinal)
                {
                    ["device"] = device.Name,
                    ["application"] = catalogue.NameOfApplication(device.ApplicationId),
                    ["time"] = NoticeMails.Write(now),
                }),
            },
            cancellationToken);
        RequireSignedIn(result.Outcome, account.AccountId);
        directory.End(result.Ended, RevokedReason.SignedOut);
        mailSignal.Set();
        feed.Appended(account.AccountId);
        return new SignedIn { Account = account.ToContract(), Session = session.Session };
    }

    private void RequireSignedIn(SignInOutcome outcome, Guid accountId)
    {
        switch (outcome)
        {
            case SignInOutcome.NoAccount:
                throw Errors.Of(ErrorReason.WrongCredentials);
            case SignInOutcome.DeviceConflict:
                throw Errors.Of(ErrorReason.DeviceConflict);
            case SignInOutcome.Suspended:
                throw Errors.Of(ErrorReason.AccountSuspended);
            case SignInOutcome.AccountChanged:
                throw Errors.RetryAfter(ErrorReason.Unavailable, TimeSpan.FromSeconds(1));
            case SignInOutcome.TicketInvalid:
                throw Errors.Of(ErrorReason.TicketInvalid);
            case SignInOutcome.FactorNotSetUp:
                throw Errors.Of(ErrorReason.FactorNotSetUp);
            case SignInOutcome.SecondFactorInvalid:
                feed.Appended(accountId);
                throw Errors.Of(ErrorReason.SecondFactorInvalid);
        }
    }
}
