using Google.Protobuf.WellKnownTypes;
using Google.Rpc;
using Grpc.Core;
using Kpm.Server.Accounts.Hints;
using Kpm.Server.Accounts.Passwords;
using Kpm.Server.Accounts.Sessions;
using Kpm.Server.Catalogue;
using Kpm.Server.Federation;
using Kpm.Server.Messaging;
using Kpm.Server.Rpc;
using Kpm.Server.Verification;
using Kpm.Server.Verification.Checks;
using Kpm.V1;

namespace Kpm.Server.Accounts;

/// <summary>
/// Creates a pending account, connects the calling device at once and queues the activation mail. With the ticket of an
/// identity whose provider vouches for the very address, the account is active at once.
/// </summary>
internal sealed class CreateAccount(
    IAccountStore accounts,
    RegionCatalogue catalogue,
    Passwords.PasswordRules rules,
    PasswordHashing hashing,
    SharedKeys sharedKeys,
    SessionIssuer sessions,
    ActivationMails mails,
    FederatedRegistration registration,
    IdentityNotices notices,
    AccountEndings endings,
    MailSignal mailSignal,
    Guard guard,
    TimeProvider time,
    Limits limits)
{
    public async Task<CreateAccountResponse> HandleAsync(CreateAccountRequest request, ServerCallContext context)
    {
        if (catalogue.IsTooOld(request.Device.ApplicationId, request.Device.ApplicationVersion))
        {
            throw Errors.Of(ErrorReason.UpgradeRequired);
        }

        sharedKeys.Verify(request.Device, context);
        var address = EmailAddress.Parse(request.Email);
        var subject = GuardSubject.OfDevice(Guid.ParseExact(request.Device.DeviceId, "D"), address);
        using var attempt = await guard.EnterAsync(GuardedAct.Registration, subject, context, request.SecurityCheck);
        if (attempt.Check is { } check)
        {
            return new CreateAccountResponse { SecurityCheckRequired = check };
        }

        try
        {
            return await CreateAsync(request, address, context);
        }
        catch (KpmException e) when (RefusedRegistrations.Counts(e))
        {
            await guard.FailedAsync(attempt);
            throw;
        }
    }

    private async Task<CreateAccountResponse> CreateAsync(CreateAccountRequest request, EmailAddress address, ServerCallContext context)
    {
        Check(request);
        var proof = await registration.FindAsync(request.RegistrationTicket, request.Region, context.CancellationToken);
        if (await accounts.FindActiveAsync(address.Key, context.CancellationToken) is not null)
        {
            throw Errors.Of(ErrorReason.EmailInUse);
        }

        var passwordHash = HasPassword(request) ? await hashing.HashAsync(request.Password, context.CancellationToken) : null;
        var now = time.Now();
        var account = ToRow(request, address, passwordHash, proof?.Verifies(address) == true ? AccountState.Active : AccountState.Pending, now);
        var session = sessions.Issue(account.AccountId, Guid.ParseExact(request.Device.DeviceId, "D"));
        var activation = account.State == AccountState.Pending ? mails.New(account) : ((NewActivation Row, OutgoingMail Mail)?)null;
        var result = await accounts.CreateAsync(
            new NewAccount
            {
                Account = account,
                Consent = new ConsentRow { Given = request.MarketingConsent, TextVersion = request.ConsentVersion, Source = $"CreateAccount {request.Device.ApplicationId}", DecidedAt = now },
                Device = request.Device.ToRow(account.AccountId, now),
                Session = session.Row,
                Activation = activation?.Row,
                Mail = activation?.Mail ?? notices.Welcome(account, proof!.Provider.Name),
                Identity = proof is null ? null : new NewIdentity(proof.ToRow(Ids.New(time), account.AccountId, account.State == AccountState.Active, now), proof.TicketHash),
                MostInDay = limits.RegistrationsPerAddressPerDay,
            },
            context.CancellationToken);
        switch (result.Outcome)
        {
            case CreateOutcome.EmailInUse:
                throw Errors.Of(ErrorReason.EmailInUse);
            case CreateOutcome.IdentityInUse:
                throw Errors.Of(ErrorReason.IdentityInUse);
            case CreateOutcome.TicketInvalid:
                throw Errors.Of(ErrorReason.TicketInvalid);
            case CreateOutcome.DeviceConflict:
                throw Errors.Of(ErrorReason.DeviceConflict);
            case CreateOutcome.TooMany:
                throw Errors.RetryAfter(ErrorReason.RateLimited, result.TryAgainAt!.Value - now);
        }

        endings.Removed(result.Removed);
        mailSignal.Set();
        return new CreateAccountResponse
        {
            Created = new AccountCreated
            {
                Account = account.ToContract(),
                Session = session.Session,
                Activation = activation is null ? null : new Activation
                {
                    ExpiresAt = Timestamp.FromDateTimeOffset(activation.Value.Row.ExpiresAt),
                    ResendAt = Timestamp.FromDateTimeOffset(now + limits.ActivationResendInterval),
                },
            },
        };
    }

    /// <summary>Who comes with an identity needs no password, but may have one.</summary>
    private static bool HasPassword(CreateAccountRequest request) =>
        request.RegistrationTicket.Length == 0 || request.Password.Length > 0 || request.PasswordConfirmation.Length > 0;

    /// <summary>Everything that the person can correct, at once.</summary>
    private void Check(CreateAccountRequest request)
    {
        List<BadRequest.Types.FieldViolation> violations = HasPassword(request) ? [.. rules.Judge("password", request.Password)] : [];
        var passwordRejected = violations.Count > 0;
        if (request.PasswordConfirmation != request.Password)
        {
            passwordRejected = true;
            violations.Add(Errors.Violation("password_confirmation", "PASSWORD_CONFIRMATION_DIFFERS", "must equal the password"));
        }

        var region = catalogue.Find(request.Region);
        if (region is null)
        {
            violations.Add(Errors.Violation("region", "NOT_IN_CATALOGUE", "must be a region of the catalogue"));
        }
        else
        {
            if (!region.Languages.Contains(request.Language, StringComparer.Ordinal))
            {
                violations.Add(Errors.Violation("language", "NOT_IN_CATALOGUE", "must be a language of the region"));
            }

            if (!region.Applications.Contains(request.Device.ApplicationId, StringComparer.Ordinal))
            {
                violations.Add(Errors.Violation("device.application_id", "NOT_IN_CATALOGUE", "must be an application of the region"));
            }
        }

        if (request.ConsentVersion != catalogue.File.MarketingConsent.Version)
        {
            violations.Add(Errors.Violation("consent_version", "NOT_IN_CATALOGUE", "must be the version of the text that GetSignInOptions shows"));
        }

        if (violations.Count > 0)
        {
            throw Errors.Fields(passwordRejected ? ErrorReason.PasswordRejected : ErrorReason.InvalidRequest, violations);
        }
    }

    private AccountRow ToRow(CreateAccountRequest request, EmailAddress address, string? passwordHash, AccountState state, DateTimeOffset now) => new()
    {
        AccountId = Ids.New(time),
        Email = address.Text,
        EmailKey = address.Key,
        PasswordHash = passwordHash,
        State = state,
        Region = request.Region,
        Language = request.Language,
        MarketingConsent = request.MarketingConsent,
        CreatedAt = now,
        LapsesAt = state == AccountState.Pending ? now + limits.PendingAccountLifetime : null,
    };
}
