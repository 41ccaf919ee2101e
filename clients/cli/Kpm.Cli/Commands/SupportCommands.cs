using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using Grpc.Core;
using Kpm.Client.Accounts;
using Kpm.Client.Support;
using Kpm.V1;

namespace Kpm.Cli;

/// <summary>What operators of support do, with a credential of their own and on the server's listener for it.</summary>
internal static class SupportCommands
{
    private static readonly Uri DefaultSupport = new("http://127.0.0.1:5082");
    private static readonly Option<string?> Server = new("--support") { Description = $"The server's support listener (KPM_SUPPORT; else {DefaultSupport.OriginalString})", Recursive = true };
    private static readonly Option<FileInfo?> TokenFile = new("--operator-token-file") { Description = "The file with your credential (KPM_OPERATOR_TOKEN_FILE; else it is the first line of standard input)", Recursive = true };
    private static readonly Option<string?> Reason = new("--reason") { Description = "Why; the owner reads it", Required = true };
    private static readonly Option<string?> Region = new("--region") { Description = "The region to change to, such as AT", Required = true };
    private static readonly Argument<string> Who = new("account") { Description = "The address or the account's id" };
    private static readonly Argument<Guid> AccountId = new("account") { Description = "The account's id, as kpm support find shows it" };
    private static readonly Argument<Guid> CaseId = new("case") { Description = "The case's id, as kpm support cases shows it" };

    public static IEnumerable<Command> All(KpmCommand kpm)
    {
        Command Add(string name, string description, Func<SupportClient, ParseResult, Terminal, CancellationToken, Task<int>> action, params Symbol[] symbols)
        {
            var command = kpm.PlainCommand(name, description, async (parsed, terminal, cancellationToken) =>
            {
                var server = ServerOf(parsed);
                using var client = Open(server, parsed, terminal);
                try
                {
                    return await action(client, parsed, terminal, cancellationToken);
                }
                catch (ServerException lost) when (lost.StatusCode == StatusCode.Unavailable && lost.Reason == ErrorReason.Unspecified)
                {
                    throw new SupportOfflineException($"The support listener at {server.OriginalString} can't be reached. Is it on (kpm-server --support-listen), and is --support right?");
                }
            });
            foreach (var symbol in symbols)
            {
                if (symbol is Argument argument)
                {
                    command.Add(argument);
                }
                else
                {
                    command.Add((Option)symbol);
                }
            }

            return command;
        }

        var support = KpmCommand.Group(
            "support",
            "For operators: every command is written into the account's security events. Two operators are needed for a reset and for another region.",
            Add("find", "Accounts by address or id, with their open cases.", FindAsync, Who),
            Add("cases", "The open cases of all accounts.", CasesAsync),
            Add("events", "The security events of an account.", EventsAsync, AccountId),
            KpmCommand.Group(
                "two-step-reset",
                "Resets two-step verification for an owner who has lost every factor, 72 hours after a second operator's approval.",
                Add("propose", "First of two operators.", ProposeResetAsync, AccountId, Reason),
                Add("approve", "Second of two operators; starts the 72 hours.", ApproveResetAsync, CaseId)),
            KpmCommand.Group(
                "region",
                "Moves an account to another region.",
                Add("propose", "First of two operators.", ProposeRegionAsync, AccountId, Region, Reason),
                Add("approve", "Second of two operators; the region changes now.", ApproveRegionAsync, CaseId),
                Add("undo", "Puts the former region back, within seven days.", UndoRegionAsync, CaseId, Reason)),
            Add("suspend", "Suspends an account and ends its sessions.", (client, parsed, terminal, cancellationToken) => SuspendAsync(client, true, parsed, terminal, cancellationToken), AccountId, Reason),
            Add("reinstate", "Ends the suspension.", (client, parsed, terminal, cancellationToken) => SuspendAsync(client, false, parsed, terminal, cancellationToken), AccountId, Reason));
        support.Add(Server);
        support.Add(TokenFile);
        yield return support;
    }

    private static Uri ServerOf(ParseResult parsed)
    {
        var text = parsed.GetValue(Server) ?? Environment.GetEnvironmentVariable("KPM_SUPPORT");
        return text is null or "" ? DefaultSupport : KpmCommand.ToServer(text) ?? throw new UsageException("--support must be an address such as https://support.example.com or http://127.0.0.1:5082.");
    }

    private static SupportClient Open(Uri server, ParseResult parsed, Terminal terminal)
    {
        var file = parsed.GetValue(TokenFile)?.FullName ?? Environment.GetEnvironmentVariable("KPM_OPERATOR_TOKEN_FILE");
        try
        {
            return new SupportClient(server, (file is null or "" ? terminal.Secret("Operator's credential") : File.ReadAllText(file)).Trim(), TimeProvider.System);
        }
        catch (Exception failed) when (failed is IOException or UnauthorizedAccessException)
        {
            throw new UsageException($"The credential can't be read: {failed.Message}");
        }
    }

    private static async Task<int> FindAsync(SupportClient client, ParseResult parsed, Terminal terminal, CancellationToken cancellationToken)
    {
        var who = parsed.GetRequiredValue(Who);
        var accounts = Guid.TryParseExact(who, "D", out var id) ? await client.FindAsync(id, cancellationToken) : await client.FindAsync(who, cancellationToken);
        terminal.AnswerTable(["Account", "Address", "State", "Region", "Created", "Two-step", "Devices", "Open cases"], accounts.Select(Row), "There is no such account.");
        return accounts.Count == 0 ? ExitCodes.NotFound : ExitCodes.Done;
    }

    private static async Task<int> CasesAsync(SupportClient client, ParseResult parsed, Terminal terminal, CancellationToken cancellationToken)
    {
        terminal.AnswerTable(["Case", "Account", "What", "State", "Proposed", "Reason"], (await client.ListCasesAsync(cancellationToken)).Select(Row), "There are no open cases.");
        return ExitCodes.Done;
    }

    private static async Task<int> EventsAsync(SupportClient client, ParseResult parsed, Terminal terminal, CancellationToken cancellationToken)
    {
        SecurityCommands.Answer(terminal, await client.ListAuditLogAsync(parsed.GetRequiredValue(AccountId), cancellationToken), new Dictionary<string, string>(StringComparer.Ordinal));
        return ExitCodes.Done;
    }

    private static async Task<int> ProposeResetAsync(SupportClient client, ParseResult parsed, Terminal terminal, CancellationToken cancellationToken) => Answer(
        terminal, "Proposed. Another operator approves it with kpm support two-step-reset approve", await client.ProposeTwoStepResetAsync(parsed.GetRequiredValue(AccountId), parsed.GetRequiredValue(Reason)!, cancellationToken));

    private static async Task<int> ApproveResetAsync(SupportClient client, ParseResult parsed, Terminal terminal, CancellationToken cancellationToken)
    {
        var approved = await client.ApproveTwoStepResetAsync(parsed.GetRequiredValue(CaseId), cancellationToken);
        return Answer(terminal, $"Approved. The owner has a mail and can cancel it; it takes effect {approved.EffectiveAt.ToDateTimeOffset():u}:", approved);
    }

    private static async Task<int> ProposeRegionAsync(SupportClient client, ParseResult parsed, Terminal terminal, CancellationToken cancellationToken) => Answer(
        terminal,
        "Proposed. Another operator approves it with kpm support region approve",
        await client.ProposeRegionChangeAsync(parsed.GetRequiredValue(AccountId), parsed.GetRequiredValue(Region)!.ToUpperInvariant(), parsed.GetRequiredValue(Reason)!, cancellationToken));

    private static async Task<int> ApproveRegionAsync(SupportClient client, ParseResult parsed, Terminal terminal, CancellationToken cancellationToken)
    {
        var approved = await client.ApproveRegionChangeAsync(parsed.GetRequiredValue(CaseId), cancellationToken);
        return Answer(terminal, $"The account is in {approved.Region} now. Until {approved.UndoUntil.ToDateTimeOffset():u} it can be undone:", approved);
    }

    private static async Task<int> UndoRegionAsync(SupportClient client, ParseResult parsed, Terminal terminal, CancellationToken cancellationToken)
    {
        var undone = await client.UndoRegionChangeAsync(parsed.GetRequiredValue(CaseId), parsed.GetRequiredValue(Reason)!, cancellationToken);
        return Answer(terminal, $"The account is in {undone.FormerRegion} again:", undone);
    }

    private static async Task<int> SuspendAsync(SupportClient client, bool suspended, ParseResult parsed, Terminal terminal, CancellationToken cancellationToken)
    {
        var account = await client.SuspendAsync(parsed.GetRequiredValue(AccountId), suspended, parsed.GetRequiredValue(Reason)!, cancellationToken);
        terminal.Answer(suspended ? $"The account {account.AccountId} is suspended, and its sessions have ended." : $"The account {account.AccountId} is not suspended any more.", Row(account).Json);
        return ExitCodes.Done;
    }

    private static int Answer(Terminal terminal, string text, SupportCase support)
    {
        terminal.Answer($"{text} {support.CaseId}", Row(support).Json);
        return ExitCodes.Done;
    }

    private static (IReadOnlyList<string> Cells, JsonNode Json) Row(SupportAccount account)
    {
        var state = account.SuspendedAt is not null ? "suspended" : account.DeletesAt is not null ? $"deleted on {account.DeletesAt.ToDateTimeOffset():yyyy-MM-dd}" : account.State == AccountState.Active ? "active" : "pending";
        return (
            [
                account.AccountId, account.Email, state, account.Region, $"{account.CreatedAt.ToDateTimeOffset():u}", account.TwoStepEnabled ? "on" : "off",
                account.Devices.ToString(CultureInfo.InvariantCulture), string.Join(' ', account.OpenCases.Select(support => support.CaseId)),
            ],
            new JsonObject
            {
                ["account_id"] = account.AccountId,
                ["email"] = account.Email,
                ["state"] = account.State == AccountState.Active ? "active" : "pending",
                ["region"] = account.Region,
                ["language"] = account.Language,
                ["created_at"] = account.CreatedAt.ToDateTimeOffset(),
                ["two_step_enabled"] = account.TwoStepEnabled,
                ["suspended_at"] = account.SuspendedAt?.ToDateTimeOffset(),
                ["deletes_at"] = account.DeletesAt?.ToDateTimeOffset(),
                ["devices"] = account.Devices,
                ["open_cases"] = new JsonArray([.. account.OpenCases.Select(support => Row(support).Json)]),
            });
    }

    private static (IReadOnlyList<string> Cells, JsonNode Json) Row(SupportCase support)
    {
        var what = support.Kind == SupportCaseKind.RegionChange ? $"region {support.FormerRegion} to {support.Region}" : "two-step reset";
        return (
            [support.CaseId, support.AccountId, what, support.State.ToString(), $"{support.ProposedAt.ToDateTimeOffset():u} by {support.ProposedBy}", support.Reason],
            new JsonObject
            {
                ["case_id"] = support.CaseId,
                ["account_id"] = support.AccountId,
                ["kind"] = support.Kind == SupportCaseKind.RegionChange ? "region_change" : "two_step_reset",
                ["state"] = support.State.ToString(),
                ["reason"] = support.Reason,
                ["proposed_by"] = support.ProposedBy,
                ["proposed_at"] = support.ProposedAt.ToDateTimeOffset(),
                ["approved_by"] = support.ApprovedBy.Length == 0 ? null : support.ApprovedBy,
                ["approved_at"] = support.ApprovedAt?.ToDateTimeOffset(),
                ["effective_at"] = support.EffectiveAt?.ToDateTimeOffset(),
                ["undo_until"] = support.UndoUntil?.ToDateTimeOffset(),
                ["region"] = support.Region.Length == 0 ? null : support.Region,
                ["former_region"] = support.FormerRegion.Length == 0 ? null : support.FormerRegion,
            });
    }
}

/// <summary>The server's listener for operators can't be reached; the message says so.</summary>
internal sealed class SupportOfflineException(string message) : Exception(message);
