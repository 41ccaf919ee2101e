using System.CommandLine;
using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using Kpm.Cli.Dialogues;
using Kpm.Client.Security;
using Kpm.V1;

namespace Kpm.Cli;

/// <summary>What happened to the account, and the proof of it.</summary>
internal static class SecurityCommands
{
    private static readonly Option<bool> Follow = new("--follow") { Description = "Print events as they happen, until Ctrl+C" };
    private static readonly Option<int> Most = new("--limit") { Description = "At most this many, newest first", DefaultValueFactory = _ => 50 };
    private static readonly Argument<FileInfo> Target = new("file") { Description = "Where to write the export" };
    private static readonly Argument<FileInfo> Export = new("file") { Description = "An export of kpm export" };
    private static readonly Option<FileInfo?> Earlier = new("--earlier") { Description = "An earlier export of the same account, which must be the beginning of this one" };

    public static IEnumerable<Command> All(KpmCommand kpm)
    {
        var events = kpm.Command("events", "Shows what happened to the account.", EventsAsync);
        events.Add(Follow);
        events.Add(Most);
        yield return KpmCommand.Group("security", "What happened to the account.", events);

        var export = kpm.Command("export", "Writes everything that the server knows about the account, but for secrets and the vault. " + Reauthentications.Input, ExportAsync);
        export.Add(Target);
        yield return export.Reauthenticated();

        var verify = kpm.PlainCommand("verify", "Verifies the security events of an export, without a connection.", VerifyAsync);
        verify.Add(Export);
        verify.Add(Earlier);
        yield return KpmCommand.Group("audit", "The proof of what happened to the account.", verify);
    }

    /// <summary>An event in words, with its details.</summary>
    public static string Describe(SecurityEvent happened) => Words(happened.Kind.ToString()) + (happened.Detail.Length > 0 ? $" ({happened.Detail})" : "");

    /// <summary>Events as rows; devices by their names where they are known.</summary>
    public static void Answer(Terminal terminal, IEnumerable<SecurityEvent> events, IReadOnlyDictionary<string, string> devices) => terminal.AnswerTable(
        ["No", "Time", "What", "Who", "Device", "Detail"],
        events.Select(happened => ((IReadOnlyList<string>)
            [
                happened.Seq.ToString(CultureInfo.InvariantCulture), $"{happened.Time.ToDateTimeOffset():u}", Words(happened.Kind.ToString()), Words(happened.Actor.ToString()),
                devices.GetValueOrDefault(happened.DeviceId, happened.DeviceId), happened.Detail,
            ],
            (JsonNode)ToJson(happened))),
        "Nothing has happened yet.");

    private static async Task<int> EventsAsync(Invocation run, CancellationToken cancellationToken)
    {
        var devices = (await run.Client.Devices.ListAsync(cancellationToken)).ToDictionary(device => device.DeviceId, device => device.Name, StringComparer.Ordinal);
        if (!run.Value(Follow))
        {
            Answer(run.Terminal, await run.Client.Security.ListEventsAsync(run.Value(Most), cancellationToken), devices);
            return ExitCodes.Done;
        }

        run.Terminal.Note("Waiting for what happens. Ctrl+C ends it.");
        try
        {
            await foreach (var happened in run.Client.Security.FollowAsync(cancellationToken))
            {
                var device = happened.DeviceId.Length == 0 ? "" : $"  on {devices.GetValueOrDefault(happened.DeviceId, happened.DeviceId)}";
                run.Terminal.Answer($"{happened.Time.ToDateTimeOffset():u}  {Describe(happened)}{device}", ToJson(happened));
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // Ctrl+C is how it ends.
        }

        return ExitCodes.Done;
    }

    private static async Task<int> ExportAsync(Invocation run, CancellationToken cancellationToken)
    {
        var path = run.Value(Target).FullName;
        var events = await run.WithProofAsync(proof => WriteAsync(run, proof, path, cancellationToken), cancellationToken);
        run.Terminal.Answer(
            $"{path} has everything that the server knows about the account, {events} security events among it. kpm audit verify proves them without a connection.",
            new JsonObject { ["file"] = path, ["events"] = events });
        return ExitCodes.Done;
    }

    /// <summary>Written beside its place and then put there: a broken connection leaves no half export under that name.</summary>
    private static async Task<ulong> WriteAsync(Invocation run, Reauthentication proof, string path, CancellationToken cancellationToken)
    {
        var draft = path + ".part";
        try
        {
            ulong events = 0;
            var whole = false;
            var options = new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.Write, Options = FileOptions.Asynchronous };
            if (!OperatingSystem.IsWindows())
            {
                options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
            }

            await using (var file = new StreamWriter(draft, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false), options))
            {
                await foreach (var part in run.Client.Security.ExportAsync(proof, cancellationToken))
                {
                    await file.WriteLineAsync(AccountExport.ToLine(part).AsMemory(), cancellationToken);
                    events += part.Event is null ? 0UL : 1;
                    whole = part.PartCase == ExportAccountDataResponse.PartOneofCase.End;
                }
            }

            if (!whole)
            {
                throw new IOException("The export was cut off.");
            }

            File.Move(draft, path, overwrite: true);
            return events;
        }
        catch (Exception failed) when (failed is IOException or UnauthorizedAccessException)
        {
            throw new Client.Storage.LocalStoreException($"{path} can't be written: {failed.Message}", failed);
        }
        finally
        {
            File.Delete(draft);
        }
    }

    private static async Task<int> VerifyAsync(ParseResult parsed, Terminal terminal, CancellationToken cancellationToken)
    {
        AuditFinding? before = null;
        if (parsed.GetValue(Earlier) is { } earlierFile)
        {
            before = await VerifyAsync(earlierFile, null, cancellationToken);
            if (before.Problem is not null)
            {
                return Answer(terminal, earlierFile, before);
            }
        }

        var export = parsed.GetRequiredValue(Export);
        return Answer(terminal, export, await VerifyAsync(export, before, cancellationToken));
    }

    private static async Task<AuditFinding> VerifyAsync(FileInfo file, AuditFinding? earlier, CancellationToken cancellationToken)
    {
        if (!file.Exists)
        {
            throw new NotFoundException($"There is no file {file.FullName}.");
        }

        using var reader = new StreamReader(file.FullName, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true));
        try
        {
            return await AuditVerifier.VerifyAsync(reader, earlier, cancellationToken);
        }
        catch (DecoderFallbackException)
        {
            return new AuditFinding { AccountId = "", VerifiedEvents = 0, HeadHash = "", Problem = "The file is no UTF-8 text.", Line = 1 };
        }
    }

    private static int Answer(Terminal terminal, FileInfo file, AuditFinding finding)
    {
        terminal.Answer(
            finding.Problem is null
                ? $"{file.Name} verifies: {finding.VerifiedEvents} events of account {finding.AccountId}, none changed, missing or added. Last hash {finding.HeadHash}."
                : $"{file.Name} does not verify. Line {finding.Line}: {finding.Problem} The {finding.VerifiedEvents} events before are proved.",
            new JsonObject
            {
                ["file"] = file.FullName,
                ["verified"] = finding.Problem is null,
                ["account_id"] = finding.AccountId,
                ["events"] = finding.VerifiedEvents,
                ["head_hash"] = finding.HeadHash,
                ["problem"] = finding.Problem,
                ["line"] = finding.Problem is null ? null : finding.Line,
            });
        return finding.Problem is null ? ExitCodes.Done : ExitCodes.Untrusted;
    }

    private static JsonObject ToJson(SecurityEvent happened) => new()
    {
        ["seq"] = happened.Seq,
        ["time"] = happened.Time.ToDateTimeOffset(),
        ["kind"] = Words(happened.Kind.ToString()).Replace(' ', '_'),
        ["actor"] = Words(happened.Actor.ToString()),
        ["device_id"] = happened.DeviceId.Length == 0 ? null : happened.DeviceId,
        ["detail"] = happened.Detail,
        ["hash"] = Convert.ToHexStringLower(happened.Hash.Span),
    };

    /// <summary>"PasswordChanged" as "password changed".</summary>
    private static string Words(string name) => string.Concat(name.Select((letter, index) => char.IsAsciiLetterUpper(letter) ? (index == 0 ? "" : " ") + char.ToLowerInvariant(letter) : letter.ToString()));
}
