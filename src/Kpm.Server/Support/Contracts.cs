using Google.Protobuf.WellKnownTypes;
using Kpm.Server.Accounts;
using Kpm.V1;

namespace Kpm.Server.Support;

/// <summary>Stored rows as the contract shows them to operators.</summary>
internal static class Contracts
{
    public static SupportCase ToContract(this SupportCaseRow row) => new()
    {
        CaseId = row.CaseId.ToWire(),
        AccountId = row.AccountId.ToWire(),
        Kind = row.Kind,
        State = row.State,
        Reason = row.Reason,
        ProposedBy = row.ProposedName,
        ProposedAt = Timestamp.FromDateTimeOffset(row.ProposedAt),
        ApprovedBy = row.ApprovedName ?? "",
        ApprovedAt = ToContract(row.ApprovedAt),
        EffectiveAt = ToContract(row.EffectiveAt),
        UndoUntil = ToContract(row.UndoUntil),
        Region = row.Region,
        FormerRegion = row.FormerRegion,
    };

    /// <param name="seen">The account.</param>
    /// <param name="wholeAddress">The operator knows the address: it is what was asked for.</param>
    public static SupportAccount ToContract(this SeenAccount seen, bool wholeAddress)
    {
        var account = seen.Account;
        var response = new SupportAccount
        {
            AccountId = account.AccountId.ToWire(),
            Email = wholeAddress ? account.Email : EmailAddress.Parse(account.Email).Masked,
            State = account.State,
            Region = account.Region,
            Language = account.Language,
            CreatedAt = Timestamp.FromDateTimeOffset(account.CreatedAt),
            TwoStepEnabled = seen.TwoStepEnabled,
            SuspendedAt = ToContract(account.SuspendedAt),
            DeletesAt = ToContract(account.DeletesAt),
            Devices = seen.Devices,
        };
        response.OpenCases.Add(seen.OpenCases.Select(c => c.ToContract()));
        return response;
    }

    private static Timestamp? ToContract(DateTimeOffset? time) => time is { } at ? Timestamp.FromDateTimeOffset(at) : null;
}
