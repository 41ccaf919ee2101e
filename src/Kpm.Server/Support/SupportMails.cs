using System.Text.Json.Serialization;
using Kpm.Server.Accounts;
using Kpm.Server.Catalogue;
using Kpm.Server.Messaging;
using Kpm.Server.Secrets;
using Kpm.V1;

namespace Kpm.Server.Support;

/// <summary>What a ticket to cancel a case stands for.</summary>
internal sealed record CancelTicket(Guid CaseId);

[JsonSerializable(typeof(CancelTicket))]
internal sealed partial class SupportJson : JsonSerializerContext;

/// <summary>What owners are told about support's doings.</summary>
internal sealed class SupportMails(NoticeMails mails, Tickets tickets, RegionCatalogue catalogue, TimeProvider time)
{
    /// <summary>Says what is going to happen or has happened, with the ticket that cancels it.</summary>
    public CaseMail Approved(AccountRow account, SupportCaseRow row)
    {
        var lifetime = row.UndoUntil!.Value - row.ApprovedAt!.Value;
        var ticket = tickets.New(TicketPurpose.CancelSupportCase, lifetime, new CancelTicket(row.CaseId), SupportJson.Default.CancelTicket, row.AccountId);
        var mail = row.Kind == SupportCaseKind.RegionChange
            ? mails.Of(account, "region-change", Values(
                ("former_region", NameOf(row.FormerRegion)), ("region", NameOf(row.Region)), ("reason", row.Reason), ("until", NoticeMails.Write(row.UndoUntil.Value)), ("token", ticket.Text)), lifetime)
            : mails.Of(account, "two-step-reset-scheduled", Values(
                ("reason", row.Reason), ("date", NoticeMails.Write(row.EffectiveAt!.Value)), ("token", ticket.Text)), lifetime);
        return new CaseMail(mail, ticket.Row);
    }

    /// <summary>The case is cancelled or undone; the row is the one before.</summary>
    public OutgoingMail TakenBack(AccountRow account, SupportCaseRow former) => former.State == SupportCaseState.Done
        ? mails.Of(account, "region-change-undone", Values(("region", NameOf(former.FormerRegion)), Now))
        : mails.Of(account, "support-case-cancelled", Values(Now));

    public OutgoingMail TwoStepReset(AccountRow account) => mails.Of(account, "two-step-reset-done", Values(Now));

    public OutgoingMail Suspension(AccountRow account, bool suspended, string reason) => suspended
        ? mails.Of(account, "account-suspended", Values(("reason", reason), Now))
        : mails.Of(account, "account-reinstated", Values(Now));

    /// <summary>The case that a ticket stands for.</summary>
    public Guid CaseOf(TicketRow ticket) => tickets.Open(ticket, SupportJson.Default.CancelTicket).CaseId;

    private (string Name, string Value) Now => ("time", NoticeMails.Write(time.Now()));

    private string NameOf(string region) => catalogue.Find(region) is { } known ? $"{known.Name} ({region})" : region;

    private static Dictionary<string, string> Values(params (string Name, string Value)[] values) => values.ToDictionary(v => v.Name, v => v.Value, StringComparer.Ordinal);
}
