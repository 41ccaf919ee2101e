using System.CommandLine;
using System.Text.Json.Nodes;
using Kpm.Cli.Dialogues;
using Kpm.V1;

namespace Kpm.Cli;

/// <summary>Identities of other providers.</summary>
internal static class IdentityCommands
{
    private static readonly Argument<string> Provider = new("provider") { Description = "google, apple, facebook or another that the server offers" };
    private static readonly Argument<string> IdentityArgument = new("identity") { Description = "The identity's id or how it begins, or its provider" };

    public static IEnumerable<Command> All(KpmCommand kpm)
    {
        var identities = kpm.Command("identities", "Lists the identities of other providers that open the account.", ListAsync);
        identities.Add(kpm.Command("list", "Lists the identities of other providers that open the account.", ListAsync));
        var link = kpm.Command("link", "Links an identity, in the browser. " + Reauthentications.Input, LinkAsync);
        link.Add(Provider);
        identities.Add(link.Reauthenticated());
        var unlink = kpm.Command("unlink", "Unlinks an identity. " + Reauthentications.Input, UnlinkAsync);
        unlink.Add(IdentityArgument);
        identities.Add(unlink.Reauthenticated());
        yield return identities;
    }

    private static async Task<int> ListAsync(Invocation run, CancellationToken cancellationToken)
    {
        var identities = await run.Client.Identities.ListAsync(cancellationToken);
        run.Terminal.AnswerTable(["Identity", "Provider", "Address", "Linked", "Used"], identities.Select(Row), "No identity of another provider opens the account.");
        return ExitCodes.Done;
    }

    private static async Task<int> LinkAsync(Invocation run, CancellationToken cancellationToken)
    {
        // First the provider, then the proof: a flow at the provider may take minutes, and a one-time code would be stale.
        var credential = await Providers.AskAsync(run, run.Value(Provider), FederatedPurpose.Link, "", cancellationToken);
        var identity = await run.WithProofAsync(proof => run.Client.Identities.LinkAsync(proof, credential, cancellationToken), cancellationToken);
        run.Terminal.Answer($"{identity.ProviderId}{(identity.Email.Length > 0 ? $" ({identity.Email})" : "")} opens your account now.", Row(identity).Json);
        return ExitCodes.Done;
    }

    private static async Task<int> UnlinkAsync(Invocation run, CancellationToken cancellationToken)
    {
        var wanted = run.Value(IdentityArgument);
        var matches = (await run.Client.Identities.ListAsync(cancellationToken))
            .Where(identity => identity.ProviderId == wanted || identity.IdentityId.StartsWith(wanted, StringComparison.OrdinalIgnoreCase)).ToList();
        var identity = matches.Count == 1 ? matches[0] : throw new NotFoundException(matches.Count == 0 ? $"There is no identity {wanted}. See kpm identities." : $"{matches.Count} identities match {wanted}. Give more of the id.");
        await run.WithProofAsync(proof => run.Client.Identities.UnlinkAsync(proof, Guid.ParseExact(identity.IdentityId, "D"), cancellationToken), cancellationToken);
        run.Terminal.Answer($"{identity.ProviderId} does not open your account any more.", new JsonObject { ["unlinked"] = identity.IdentityId });
        return ExitCodes.Done;
    }

    private static (IReadOnlyList<string> Cells, JsonNode Json) Row(Identity identity) => (
        [identity.IdentityId, identity.ProviderId, identity.Email, $"{identity.LinkedAt.ToDateTimeOffset():u}", $"{identity.LastUsedAt?.ToDateTimeOffset():u}"],
        new JsonObject
        {
            ["identity_id"] = identity.IdentityId,
            ["provider_id"] = identity.ProviderId,
            ["email"] = identity.Email,
            ["linked_at"] = identity.LinkedAt.ToDateTimeOffset(),
            ["last_used_at"] = identity.LastUsedAt?.ToDateTimeOffset(),
        });
}
