using System.Text.Json.Nodes;

namespace Kpm.Client.Tests.EndToEnd;

/// <summary>What becomes of an account, through kpm: settings, password, address, deletion, devices, and the proof of it all.</summary>
public sealed class LifecycleCommandLineTests(RealServer server) : IClassFixture<RealServer>
{
    private const string NewPassword = "Another-Horse-8";
    private static readonly string[] Main = [RealServer.MainPasswordText];
    private static readonly string[] Password = [RealServer.AccountPassword];
    private readonly CommandLine _kpm = new(server);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private Task<Answer> RunAsync(string folder, string[] input, params string[] arguments) => _kpm.RunAsync(folder, input, arguments);

    private async Task<string> SecondDeviceAsync(string email, string password = RealServer.AccountPassword)
    {
        var folder = server.NewFolder();
        (await RunAsync(folder, [password, .. Main], "sign-in", "--email", email)).Succeeded();
        return folder;
    }

    [Fact]
    public async Task Settings_and_what_the_region_offers()
    {
        var folder = server.NewFolder();
        var email = await _kpm.CreateAccountAsync(folder);
        var account = (await RunAsync(folder, [], "--json", "account", "set", "--language", "en", "--marketing", "on")).Succeeded().Json;
        Assert.Equal((email, "en", true), ((string)account["email"]!, (string)account["language"]!, (bool)account["marketing_consent"]!));
        Assert.False((bool)(await RunAsync(folder, [], "--json", "account", "set", "--marketing", "off")).Succeeded().Json["marketing_consent"]!);
        (await RunAsync(folder, [], "account", "set", "--language", "zz")).Failed(2, "language");
        (await RunAsync(folder, [], "account", "set")).Failed(2, "--language");
        Assert.Contains((await RunAsync(folder, [], "--json", "applications")).Succeeded().Json.AsArray(), application => (string)application!["application_id"]! == "kpm-cli");
    }

    [Fact]
    public async Task Another_password_signs_out_the_other_devices_and_leaves_them_their_data()
    {
        var first = server.NewFolder();
        var email = await _kpm.CreateAccountAsync(first);
        (await RunAsync(first, [.. Main, "secret"], "add", "login", "Kept")).Succeeded();
        var second = await SecondDeviceAsync(email);

        (await RunAsync(first, ["Wrong-Password-1", NewPassword], "password", "change")).Failed(3, "wrong");
        (await RunAsync(first, [.. Password, "short"], "password", "change")).Failed(2, "at least 8 characters");
        (await RunAsync(first, [.. Password, NewPassword], "password", "change")).Succeeded();
        (await RunAsync(first, Main, "sync")).Succeeded();
        (await RunAsync(second, Main, "sync")).Failed(3, "kpm sign-in");
        Assert.Equal(1, (int)(await RunAsync(second, Main, "--json", "status")).Succeeded().Json["items"]!);
        (await RunAsync(second, Password, "sign-in", "--email", email)).Failed(3, "is wrong");
        (await RunAsync(second, [NewPassword, .. Main], "sign-in", "--email", email)).Succeeded();
    }

    [Fact]
    public async Task A_password_reset_does_not_open_the_vault_on_a_new_device_until_an_old_one_approves()
    {
        var first = server.NewFolder();
        var email = await _kpm.CreateAccountAsync(first);
        (await RunAsync(first, [.. Main, "secret"], "add", "login", "Held")).Succeeded();
        (await RunAsync(server.NewFolder(), [], "password", "reset", "--email", email)).Succeeded();
        var token = await server.TokenForAsync(email, "reset");
        (await RunAsync(server.NewFolder(), [NewPassword], "password", "reset", "--token", token)).Succeeded();
        (await RunAsync(server.NewFolder(), [NewPassword], "password", "reset", "--token", token)).Failed(1, "used or expired");

        // The mailbox alone: signed in, and no vault.
        var thief = server.NewFolder();
        var held = (await RunAsync(thief, [NewPassword], "--json", "sign-in", "--email", email)).Succeeded().Json;
        Assert.True((DateTimeOffset)held["keys_held_until"]! > DateTimeOffset.UtcNow.AddHours(23));
        (await RunAsync(thief, Main, "list")).Failed(1, "kpm devices approve");
        (await RunAsync(thief, Main, "sync")).Failed(1, "kpm devices approve");
        (await RunAsync(thief, [], "devices", "approve", "--this")).Failed(7, "no second factor");

        // The device from before proves its key, keeps its vault, and approves.
        (await RunAsync(first, [NewPassword, .. Main], "sign-in", "--email", email)).Succeeded();
        Assert.Equal("Held", (string)(await RunAsync(first, Main, "--json", "list")).Succeeded().Json[0]!["name"]!);
        (await RunAsync(first, [], "devices", "approve")).Succeeded();
        Assert.Equal("Held", (string)(await RunAsync(thief, Main, "--json", "list")).Succeeded().Json[0]!["name"]!);
        (await RunAsync(first, [], "devices", "approve")).Failed(4, "No device waits");
    }

    [Fact]
    public async Task A_new_address_is_confirmed_on_both_sides()
    {
        var folder = server.NewFolder();
        var former = await _kpm.CreateAccountAsync(folder);
        var email = $"new.{Guid.NewGuid():N}@example.com";
        (await RunAsync(folder, Password, "email", "change", email)).Succeeded();
        var one = (await RunAsync(folder, [await server.TokenForAsync(email, "email")], "--json", "email", "confirm")).Succeeded().Json;
        Assert.Equal((true, false), ((bool)one["new_confirmed"]!, (bool)one["changed"]!));
        Assert.Equal(former, (string)(await RunAsync(folder, [], "--json", "account")).Json["email"]!);
        Assert.True((bool)(await RunAsync(server.NewFolder(), [await server.TokenForAsync(former, "email")], "--json", "email", "confirm")).Succeeded().Json["changed"]!);
        Assert.Equal(email, (string)(await RunAsync(folder, [], "--json", "account")).Json["email"]!);
        await SecondDeviceAsync(email);
    }

    [Fact]
    public async Task A_deletion_is_called_off_at_sign_in_or_by_mail()
    {
        var folder = server.NewFolder();
        var email = await _kpm.CreateAccountAsync(folder);
        var deletion = (await RunAsync(folder, Password, "--json", "delete-account")).Succeeded().Json;
        Assert.True((DateTimeOffset)deletion["deletes_at"]! > DateTimeOffset.UtcNow.AddDays(13));
        (await RunAsync(folder, [], "account")).Failed(3, "kpm sign-in");
        (await RunAsync(folder, Password, "sign-in", "--email", email)).Failed(7, "--keep");
        (await RunAsync(folder, [.. Password, .. Main], "sign-in", "--email", email, "--keep")).Succeeded();

        (await RunAsync(folder, Password, "delete-account")).Succeeded();
        (await RunAsync(folder, [await server.TokenForAsync(email, "keep")], "keep-account")).Succeeded();
        (await RunAsync(folder, ["kpm-keep-" + new string('x', 43)], "keep-account")).Failed(1, "wrong, used or expired");
        (await RunAsync(folder, [.. Password, .. Main], "sign-in", "--email", email)).Succeeded();
    }

    [Fact]
    public async Task An_export_proves_the_events_and_tampering_is_told()
    {
        var folder = server.NewFolder();
        var email = await _kpm.CreateAccountAsync(folder);
        var second = await SecondDeviceAsync(email);
        var device = (string)(await RunAsync(second, [], "--json", "devices")).Succeeded().Json.AsArray().Single(row => (bool)row!["current"]!)!["device_id"]!;
        Assert.Equal("Ada's laptop", (string)(await RunAsync(folder, [], "--json", "devices", "rename", device, "Ada's laptop")).Succeeded().Json["name"]!);
        var events = (await RunAsync(folder, [], "--json", "security", "events")).Succeeded().Json.AsArray().Select(row => (string)row!["kind"]!).ToList();
        Assert.Equal(["device_renamed", "device_linked", "account_activated", "account_created"], events);

        var (early, late) = (server.NewFile("-early.jsonl"), server.NewFile("-late.jsonl"));
        (await RunAsync(folder, Password, "export", early)).Succeeded();
        (await RunAsync(folder, [], "devices", "revoke", "Ada's laptop")).Succeeded();
        var exported = (await RunAsync(folder, Password, "--json", "export", late)).Succeeded().Json;
        var verified = (await RunAsync(folder, [], "--json", "audit", "verify", late, "--earlier", early)).Succeeded().Json;
        Assert.Equal((true, (int)exported["events"]!), ((bool)verified["verified"]!, (int)verified["events"]!));

        var lines = (await File.ReadAllLinesAsync(late, Cancellation)).ToList();
        var changed = lines.FindIndex(line => line.Contains("SECURITY_EVENT_KIND_DEVICE_LINKED", StringComparison.Ordinal));
        await TamperedAsync(late, [.. lines[..changed], lines[changed].Replace("DEVICE_LINKED", "SIGNED_IN", StringComparison.Ordinal), .. lines[(changed + 1)..]], changed + 1);
        await TamperedAsync(late, [.. lines[..changed], .. lines[(changed + 1)..]], changed + 1);
        await TamperedAsync(late, lines[..^1], lines.Count);
        (await RunAsync(folder, [], "audit", "verify", server.NewFile("-none"))).Failed(4, "There is no file");
    }

    private async Task TamperedAsync(string file, IEnumerable<string> lines, int line)
    {
        await File.WriteAllLinesAsync(file, lines, Cancellation);
        var answer = await RunAsync(server.NewFolder(), [], "--json", "audit", "verify", file);
        Assert.Equal((6, false, line), (answer.Code, (bool)answer.Json["verified"]!, (int)answer.Json["line"]!));
    }

    [Fact]
    public async Task Events_are_printed_as_they_happen()
    {
        var folder = server.NewFolder();
        var email = await _kpm.CreateAccountAsync(folder);
        using var follow = _kpm.Start(folder, "--json", "security", "events", "--follow");
        try
        {
            Assert.Contains("Waiting", await follow.StandardError.ReadLineAsync(Cancellation).AsTask().WaitAsync(CommandLine.Patience, Cancellation), StringComparison.Ordinal);
            await SecondDeviceAsync(email);
            var line = await follow.StandardOutput.ReadLineAsync(Cancellation).AsTask().WaitAsync(CommandLine.Patience, Cancellation);
            Assert.Equal("device_linked", (string)JsonNode.Parse(line!)!["kind"]!);
        }
        finally
        {
            follow.Kill(entireProcessTree: true);
        }
    }

    [Fact]
    public async Task Signing_out_everywhere_and_discarding_a_stranger_s_registration()
    {
        var first = server.NewFolder();
        var email = await _kpm.CreateAccountAsync(first);
        var second = await SecondDeviceAsync(email);
        (await RunAsync(second, [], "sign-out", "--everywhere")).Succeeded();
        (await RunAsync(first, [], "account")).Failed(3, "kpm sign-in");

        var stranger = server.NewFolder();
        var mine = $"mine.{Guid.NewGuid():N}@example.com";
        (await RunAsync(stranger, [.. Password, .. Main], "create-account", "--email", mine, "--region", "AT")).Succeeded();
        var token = await server.TokenForAsync(mine, "discard");
        (await RunAsync(server.NewFolder(), [token], "discard")).Succeeded();
        (await RunAsync(stranger, [], "account")).Failed(3, "kpm sign-in");
        (await RunAsync(server.NewFolder(), [token], "discard")).Failed(1, "expired");
    }

    [Fact]
    public async Task An_app_of_the_same_device_is_offered_the_account_with_its_address_masked()
    {
        var kpm = new CommandLine(server);
        var key = server.NewFile("-shared.key");
        kpm.Environment["KPM_SHARED_KEY"] = key;
        var (first, second) = (server.NewFolder(), server.NewFolder());
        (await kpm.RunAsync(second, [], "sign-in", "--hint")).Failed(7, "No other app");
        var email = await kpm.CreateAccountAsync(first);
        using (var device = server.Device(second, key))
        {
            var hint = Assert.Single(await device.SignIn.GetHintsAsync(Cancellation));
            Assert.Equal("kpm-cli", hint.ApplicationId);
            Assert.DoesNotContain(email, hint.ToString(), StringComparison.Ordinal);
            Assert.StartsWith("c", hint.MaskedEmail, StringComparison.Ordinal);
        }

        (await kpm.RunAsync(second, ["Wrong-Password-1"], "sign-in", "--hint")).Failed(3, "is wrong");
        (await kpm.RunAsync(second, [.. Password, .. Main], "sign-in", "--hint")).Succeeded();
        Assert.Equal(email, (string)(await kpm.RunAsync(second, [], "--json", "account")).Json["email"]!);
        (await kpm.RunAsync(first, [], "sign-out", "--everywhere")).Succeeded();
        (await kpm.RunAsync(second, [], "sign-out")).Succeeded();
        (await kpm.RunAsync(second, [], "sign-in", "--hint")).Failed(7, "No other app");
    }
}
