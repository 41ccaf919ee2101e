using Google.Protobuf;
using Google.Rpc;
using Grpc.Core;
using Kpm.Server.Accounts.Events;
using Kpm.Server.Catalogue;
using Kpm.Server.Rpc;
using Kpm.V1;

namespace Kpm.Server.Accounts.Lifecycle;

/// <summary>Changes language and marketing consent. Every decision about marketing mail is kept, with its time, text version and source.</summary>
internal sealed class UpdateAccount(IAccountStore accounts, IDeviceStore devices, RegionCatalogue catalogue, SecurityFeed feed, TimeProvider time)
{
    public async Task<UpdateAccountResponse> HandleAsync(UpdateAccountRequest request, ServerCallContext context)
    {
        var caller = context.Caller();
        var account = await accounts.FindAsync(caller.AccountId, context.CancellationToken) ?? throw Errors.Of(ErrorReason.SessionInvalid);
        Check(request, account);
        var device = await devices.FindAsync(caller.DeviceId, context.CancellationToken) ?? throw Errors.Of(ErrorReason.SessionInvalid);
        var now = time.Now();
        var response = await accounts.UpdateAsync(
            new SettingsChange
            {
                AccountId = account.AccountId,
                Language = request.HasLanguage ? request.Language : null,
                Consent = request.HasMarketingConsent
                    ? new ConsentRow { Given = request.MarketingConsent, TextVersion = request.ConsentVersion, Source = $"UpdateAccount {device.ApplicationId}", DecidedAt = now }
                    : null,
                Now = now,
                Entry = new SecurityEntry(new SecurityNote(SecurityEventKind.SettingsChanged, Actor.Session, caller.DeviceId, Detail(request))),
                Request = RequestKey.Of(caller.SessionId, context.Method, request.RequestId, request),
            },
            row => new UpdateAccountResponse { Account = row.ToContract() }.ToByteArray(),
            context.CancellationToken) ?? throw Errors.Of(ErrorReason.SessionInvalid);
        feed.Appended(account.AccountId);
        return UpdateAccountResponse.Parser.ParseFrom(response);
    }

    private void Check(UpdateAccountRequest request, AccountRow account)
    {
        var violations = new List<BadRequest.Types.FieldViolation>();
        if (request.HasLanguage && catalogue.Find(account.Region)?.Languages.Contains(request.Language, StringComparer.Ordinal) != true)
        {
            violations.Add(Errors.Violation("language", "NOT_IN_CATALOGUE", "must be a language of the region"));
        }

        if (request.HasMarketingConsent && request.ConsentVersion != catalogue.File.MarketingConsent.Version)
        {
            violations.Add(Errors.Violation("consent_version", "NOT_IN_CATALOGUE", "must be the version of the text that GetSignInOptions shows"));
        }

        if (violations.Count > 0)
        {
            throw Errors.Fields(ErrorReason.InvalidRequest, violations);
        }
    }

    private static string Detail(UpdateAccountRequest request) => string.Join(
        "; ",
        (string[])[.. request.HasLanguage ? [$"language={request.Language}"] : Array.Empty<string>(), .. request.HasMarketingConsent ? [$"marketing_consent={(request.MarketingConsent ? "given" : "withdrawn")}"] : Array.Empty<string>()]);
}
