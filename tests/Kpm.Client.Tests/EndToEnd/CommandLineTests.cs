using System.Diagnostics;
using System.Text;
using System.Text.Json.Nodes;

namespace Kpm.Client.Tests.EndToEnd;

/// <summary>kpm as a person types it, each command a process of its own.</summary>
public sealed class CommandLineTests(RealServer server) : IClassFixture<RealServer>
{
    private const string Secret = "Sesame-secret-of-the-item";
    private const string Name = "Zaubergarten";
    private static readonly TimeSpan Patience = CommandLine.Patience;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private readonly CommandLine _kpm = new(server);

    private Task<Answer> RunAsync(string folder, string[] input, params string[] arguments) => _kpm.RunAsync(folder, input, arguments);

    [Fact]
    public async Task The_walk_of_the_readme()
    {
        var (first, second) = (server.NewFolder(), server.NewFolder());
        var email = await _kpm.CreateAccountAsync(first);
        var signedIn = await RunAsync(second, [RealServer.AccountPassword, RealServer.MainPasswordText], "sign-in", "--email", email);
        Assert.True(signedIn.Code == 0, signedIn.Notes);

        using var watch = _kpm.Start(second, "--json", "watch");
        await watch.StandardInput.WriteLineAsync(RealServer.MainPasswordText.AsMemory(), Cancellation);
        watch.StandardInput.Close();
        try
        {
            // The log of a new account: the device key, the keyset, the second device's key.
            Assert.Equal("caught_up", await NextEventAsync(watch));
            var added = await RunAsync(first, [RealServer.MainPasswordText, Secret], "--json", "add", "login", Name, "--username", "ada", "--url", "https://example.com");
            Assert.True(added.Code == 0, added.Notes);
            Assert.True((bool)added.Json["sent"]!);
            var line = JsonNode.Parse((await watch.StandardOutput.ReadLineAsync(Cancellation).AsTask().WaitAsync(Patience, Cancellation))!)!;
            Assert.Equal(("added", Name, (string)added.Json["id"]!), ((string)line["event"]!, (string)line["name"]!, (string)line["id"]!));
        }
        finally
        {
            watch.Kill(entireProcessTree: true);
        }

        var hidden = await RunAsync(second, [RealServer.MainPasswordText], "show", Name);
        Assert.Equal(0, hidden.Code);
        Assert.Contains("ada", hidden.Output, StringComparison.Ordinal);
        Assert.DoesNotContain(Secret, hidden.Output, StringComparison.Ordinal);
        var revealed = await RunAsync(second, [RealServer.MainPasswordText], "--json", "show", Name, "--reveal");
        Assert.Equal(Secret, (string)revealed.Json["fields"]!["password"]!);
        AssertNoPlainText(server.DataFolder);
        AssertNoPlainText(first);
        AssertNoPlainText(second);
    }

    [Fact]
    public async Task Items_are_changed_found_and_removed()
    {
        var folder = server.NewFolder();
        await _kpm.CreateAccountAsync(folder);
        string[] main = [RealServer.MainPasswordText];
        Assert.Equal(0, (await RunAsync(folder, [.. main, "JBSW Y3DP EHPK 3PXP"], "add", "otp", "Token", "--issuer", "Example", "--algorithm", "sha256", "--folder", "Work")).Code);
        Assert.Equal(0, (await RunAsync(folder, [.. main, "4111111111111111", "123", ""], "add", "card", "Card", "--expiry-month", "12", "--expiry-year", "2031", "--field", "hotline=+43")).Code);
        Assert.Equal(0, (await RunAsync(folder, main, "add", "login", "Site", "--generate", "24")).Code);

        var token = (await RunAsync(folder, main, "--json", "show", "token", "--reveal")).Json;
        Assert.Equal(("JBSWY3DPEHPK3PXP", "SHA256", "Work"), ((string)token["fields"]!["secret"]!, (string)token["fields"]!["algorithm"]!, (string)token["folder"]!));
        var card = (await RunAsync(folder, main, "--json", "show", "Card")).Json["fields"]!;
        Assert.Null(card["number"]);
        Assert.Equal(("12", "+43"), ((string)card["expiry month"]!, (string)card["hotline"]!));
        Assert.Equal(24, ((string)(await RunAsync(folder, main, "--json", "show", "Site", "--reveal")).Json["fields"]!["password"]!).Length);

        Assert.Equal(0, (await RunAsync(folder, [.. main, "9999"], "edit", "Card", "--name", "My card", "--set", "bank=Sparkasse", "--ask", "pin")).Code);
        card = (await RunAsync(folder, main, "--json", "show", "My card", "--reveal")).Json["fields"]!;
        Assert.Equal(("Sparkasse", "9999", "4111111111111111"), ((string)card["bank"]!, (string)card["pin"]!, (string)card["number"]!));

        Assert.Equal(0, (await RunAsync(folder, main, "remove", "My card")).Code);
        var names = (await RunAsync(folder, main, "--json", "list")).Json.AsArray().Select(item => (string)item!["name"]!);
        Assert.Equal(["Site", "Token", "Work"], names.Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Errors_are_one_friendly_line_with_an_exit_code()
    {
        var folder = server.NewFolder();
        async Task Fails(int code, string text, string[] input, params string[] arguments) => (await RunAsync(folder, input, arguments)).Failed(code, text);

        await Fails(3, "kpm sign-in", [], "list");
        await Fails(2, "--email", [], "sign-in");
        await Fails(2, "kpm --help", [], "fly");
        await Fails(2, "guessed too soon", ["Correct-Horse-7", "password"], "create-account", "--email", "a@example.com", "--region", "AT");
        await Fails(2, "at least 8 characters", ["short", RealServer.MainPasswordText], "create-account", "--email", "a@example.com", "--region", "AT");
        await Fails(2, "region", [], "create-account", "--email", "a@example.com", "--region", "XX");
        await Fails(3, "is wrong", ["Wrong-Password-1"], "sign-in", "--email", "nobody@example.com");
        await Fails(5, "can't be reached", [RealServer.AccountPassword], "sign-in", "--email", "a@example.com", "--server", "http://127.0.0.1:9");
        await _kpm.CreateAccountAsync(folder);
        await Fails(3, "main password is wrong", ["wrong"], "list");
        await Fails(4, "There is no item", [RealServer.MainPasswordText], "show", "nothing");
        await Fails(4, "There is no device", [], "devices", "revoke", "ffff");
        await Fails(2, "NAME=VALUE", [RealServer.MainPasswordText], "add", "note", "x", "--field", "broken");
        await Fails(1, "already", [RealServer.AccountPassword], "sign-in", "--email", "a@example.com");
    }

    private static async Task<string> NextEventAsync(Process watch) =>
        (string)JsonNode.Parse((await watch.StandardOutput.ReadLineAsync(Cancellation).AsTask().WaitAsync(Patience, Cancellation))!)!["event"]!;

    private static void AssertNoPlainText(string folder)
    {
        var files = Directory.GetFiles(folder, "*", SearchOption.AllDirectories).Where(file => !file.EndsWith(".lock", StringComparison.Ordinal) && !file.EndsWith(".sock", StringComparison.Ordinal)).ToList();
        Assert.NotEmpty(files);
        foreach (var file in files)
        {
            using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            using var copy = new MemoryStream();
            stream.CopyTo(copy);
            foreach (var text in new[] { Name, Secret, RealServer.MainPasswordText, RealServer.AccountPassword })
            {
                foreach (var encoding in new[] { Encoding.UTF8, Encoding.Unicode })
                {
                    Assert.True(copy.GetBuffer().AsSpan(0, (int)copy.Length).IndexOf(encoding.GetBytes(text)) < 0, $"{file} holds {text}.");
                }
            }
        }
    }
}
