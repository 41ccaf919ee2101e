using Grpc.Core;
using Kpm.Server.Accounts.Passwords;
using Kpm.Server.Accounts.Sessions;
using Kpm.Server.Catalogue;
using Kpm.Server.Messaging;
using Kpm.Server.Rpc;
using Kpm.Server.Verification;
using Kpm.V1;

namespace Kpm.Server.Accounts;

/// <summary>
/// Connects a device by address and password. A wrong password, an unknown address and a pending account
/// get the same answer after the same work.
/// </summary>
internal sealed class SignIn(
    IAccountStore accounts,
    ISessionStore sessions,
    IActivationStore activations,
    RegionCatalogue catalogue,
    PasswordHashing hashing,
    SignInThrottle throttle,
    SessionIssuer issuer,
    SessionDirectory directory,
    ActivationMails mails,
    MailSignal mailSignal,
    TimeProvider time)
{
    public async Task<SignInResponse> HandleAsync(SignInRequest request, ServerCallContext context)
    {
        if (!catalogue.HasApplication(request.Device.ApplicationId))
        {
            throw Errors.Field("device.application_id", "NOT_IN_CATALOGUE", "must be an application of the catalogue");
        }

        var address = EmailAddress.Parse(request.Email);
        using var attempt = await throttle.EnterAsync(address, context.CancellationToken);
        var account = await accounts.FindActiveAsync(address.Key, context.CancellationToken);
        if (!await hashing.VerifyAsync(request.Password, account?.PasswordHash, context.CancellationToken) || account is null)
        {
            await RecordFailureAsync(attempt, address, account, request.Device);
            throw Errors.Of(ErrorReason.WrongCredentials);
        }

        if (catalogue.Find(account.Region) is not { } region || !region.Applications.Contains(request.Device.ApplicationId, StringComparer.Ordinal))
        {
            throw Errors.Field("device.application_id", "NOT_IN_CATALOGUE", "must be an application of the account's region");
        }

        var now = time.Now();
        var device = request.Device.ToRow(account.AccountId, now);
        var session = issuer.Issue(account.AccountId, device.DeviceId);
        var result = await sessions.SignInAsync(device, session.Row, attempt.AddressHash, context.CancellationToken);
        switch (result.Outcome)
        {
            case SignInOutcome.NoAccount:
                throw Errors.Of(ErrorReason.WrongCredentials);
            case SignInOutcome.DeviceConflict:
                throw Errors.Of(ErrorReason.DeviceConflict);
        }

        directory.End(result.Ended, RevokedReason.SignedOut);
        await RenewHashAsync(account, request.Password, context.CancellationToken);
        return new SignInResponse { SignedIn = new SignedIn { Account = account.ToContract(), Session = session.Session } };
    }

    /// <summary>Not cancelled with the call: hanging up must not save a guess from being counted.</summary>
    private async Task RecordFailureAsync(SignInAttempt attempt, EmailAddress address, AccountRow? account, DeviceInfo device)
    {
        var pending = account is null ? await accounts.FindPendingAsync(address.Key, Guid.ParseExact(device.DeviceId, "D"), CancellationToken.None) : null;
        await activations.RecordFailedSignInAsync(
            new FailedSignIn(attempt.AddressHash, throttle.Next),
            pending is null ? null : new PendingRemail(pending.AccountId, row => mails.Again(row, pending)),
            CancellationToken.None);
        if (pending is not null)
        {
            mailSignal.Set();
        }
    }

    /// <summary>The password is at hand only now, so a hash of former parameters is replaced now.</summary>
    private async Task RenewHashAsync(AccountRow account, string password, CancellationToken cancellationToken)
    {
        if (hashing.IsOutdated(account.PasswordHash))
        {
            var hash = await hashing.HashAsync(password, cancellationToken);
            await accounts.SetPasswordHashAsync(account.AccountId, account.PasswordHash, hash, cancellationToken);
        }
    }
}
