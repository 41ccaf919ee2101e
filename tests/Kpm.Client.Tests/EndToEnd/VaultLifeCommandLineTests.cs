using System.Security.Cryptography;

namespace Kpm.Client.Tests.EndToEnd;

/// <summary>Files, earlier revisions, the trash, new keys and usage, as a person types them.</summary>
public sealed class VaultLifeCommandLineTests(RealServer server) : IClassFixture<RealServer>
{
    private static readonly string[] Main = [RealServer.MainPasswordText];

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private readonly CommandLine _kpm = new(server);

    [Fact]
    public async Task Files_are_attached_listed_saved_and_taken_away()
    {
        var folder = server.NewFolder();
        await _kpm.CreateAccountAsync(folder);
        (await _kpm.RunAsync(folder, Main, "add", "document", "Passport")).Succeeded();
        (await _kpm.RunAsync(folder, Main, "add", "note", "Note")).Succeeded();
        var source = server.NewFile("-scan.pdf");
        var content = RandomNumberGenerator.GetBytes(700_000);
        await File.WriteAllBytesAsync(source, content, Cancellation);

        var attached = (await _kpm.RunAsync(folder, Main, "--json", "attach", "Passport", source)).Succeeded().Json;
        Assert.Equal((Path.GetFileName(source), "application/pdf", 700_000), ((string)attached["name"]!, (string)attached["type"]!, (int)attached["length"]!));
        var listed = Assert.Single((await _kpm.RunAsync(folder, Main, "--json", "attachments", "passport")).Succeeded().Json.AsArray())!;
        Assert.Equal((string)attached["id"]!, (string)listed["id"]!);
        Assert.Contains("683.6 KiB", (await _kpm.RunAsync(folder, Main, "attachments", "passport")).Succeeded().Output, StringComparison.Ordinal);

        var target = server.NewFile(".pdf");
        (await _kpm.RunAsync(folder, Main, "save", Path.GetFileName(source), "--output", target)).Succeeded();
        Assert.Equal(content, await File.ReadAllBytesAsync(target, Cancellation));
        (await _kpm.RunAsync(folder, Main, "save", Path.GetFileName(source), "--output", target)).Failed(2, "is there already");
        (await _kpm.RunAsync(folder, Main, "attach", "Note", source)).Failed(2, "Only documents hold files");
        (await _kpm.RunAsync(folder, Main, "attach", "Passport", source + ".gone")).Failed(4, "There is no file");
        (await _kpm.RunAsync(folder, Main, "save", "nothing")).Failed(4, "There is no attachment");

        var usage = (await _kpm.RunAsync(folder, [], "--json", "usage")).Succeeded().Json;
        Assert.Equal((2, 700_032, false), ((int)usage["items"]!, (int)usage["attachment_bytes"]!, (bool)usage["nearly_full"]!));
        (await _kpm.RunAsync(folder, Main, "detach", (string)attached["id"]!)).Succeeded();
        Assert.Empty((await _kpm.RunAsync(folder, Main, "--json", "attachments", "passport")).Succeeded().Json.AsArray());
    }

    [Fact]
    public async Task Earlier_revisions_and_deleted_items_come_back()
    {
        var folder = server.NewFolder();
        await _kpm.CreateAccountAsync(folder);
        (await _kpm.RunAsync(folder, [.. Main, "first password"], "add", "login", "Bank", "--username", "ada")).Succeeded();
        (await _kpm.RunAsync(folder, [.. Main, "second password"], "edit", "Bank", "--ask", "password", "--set", "username=grace")).Succeeded();
        var history = (await _kpm.RunAsync(folder, Main, "--json", "history", "Bank")).Succeeded().Json.AsArray();
        Assert.Equal([2, 1], history.Select(revision => (int)revision!["rev"]!));
        (await _kpm.RunAsync(folder, Main, "restore", "Bank")).Failed(2, "--rev");
        (await _kpm.RunAsync(folder, Main, "restore", "Bank", "--rev", "1")).Succeeded();
        var item = (await _kpm.RunAsync(folder, Main, "--json", "show", "Bank", "--reveal")).Succeeded().Json;
        Assert.Equal(("ada", "first password"), ((string)item["fields"]!["username"]!, (string)item["fields"]!["password"]!));
        Assert.Contains("second password", item.ToJsonString(), StringComparison.Ordinal);

        (await _kpm.RunAsync(folder, Main, "remove", "Bank")).Succeeded();
        var trashed = Assert.Single((await _kpm.RunAsync(folder, Main, "--json", "trash")).Succeeded().Json.AsArray())!;
        Assert.Equal(("Bank", 3), ((string)trashed["name"]!, (int)trashed["rev"]!));
        (await _kpm.RunAsync(folder, Main, "restore", "bank")).Succeeded();
        Assert.Equal("first password", (string)(await _kpm.RunAsync(folder, Main, "--json", "show", "Bank", "--reveal")).Succeeded().Json["fields"]!["password"]!);
        Assert.Contains("The trash is empty", (await _kpm.RunAsync(folder, Main, "trash")).Succeeded().Output, StringComparison.Ordinal);
        (await _kpm.RunAsync(folder, Main, "restore", "nothing")).Failed(4, "There is no item");
    }

    [Fact]
    public async Task A_revoked_device_loses_its_part_in_the_vault_when_it_gets_new_keys()
    {
        var (first, second) = (server.NewFolder(), server.NewFolder());
        var email = await _kpm.CreateAccountAsync(first);
        (await _kpm.RunAsync(second, [RealServer.AccountPassword, RealServer.MainPasswordText], "sign-in", "--email", email)).Succeeded();
        var devices = (await _kpm.RunAsync(first, [], "--json", "devices")).Succeeded().Json.AsArray();
        var lost = (string)devices.Single(device => !(bool)device!["current"]!)!["device_id"]!;
        Assert.All(devices, device => Assert.NotNull(device!["unacknowledged_changes"]));
        (await _kpm.RunAsync(first, ["wrong"], "rekey")).Failed(3, "main password is wrong");
        var revoked = (await _kpm.RunAsync(first, [], "devices", "revoke", lost)).Succeeded();
        Assert.Contains("kpm rekey", revoked.Output, StringComparison.Ordinal);
        var rekeyed = (await _kpm.RunAsync(first, [RealServer.MainPasswordText, "another-good-main-password-81"], "--json", "rekey", "--change-main")).Succeeded().Json;
        Assert.Equal((2, 1), ((int)rekeyed["key_epoch"]!, (int)rekeyed["revoked"]!));
        (await _kpm.RunAsync(first, Main, "list")).Failed(3, "main password is wrong");
        var status = (await _kpm.RunAsync(first, ["another-good-main-password-81"], "--json", "status")).Succeeded().Json;
        Assert.Equal((2, 1), ((int)status["key_epoch"]!, (int)status["devices"]!));

        // In one go, and a device that enters later has its part.
        (await _kpm.RunAsync(second, [RealServer.AccountPassword, "another-good-main-password-81"], "sign-in", "--email", email)).Succeeded();
        var other = (string)(await _kpm.RunAsync(first, [], "--json", "devices")).Succeeded().Json.AsArray().Single(device => !(bool)device!["current"]! && device["revoked_at"] is null)!["device_id"]!;
        var again = (await _kpm.RunAsync(first, ["another-good-main-password-81"], "--json", "devices", "revoke", other, "--rekey")).Succeeded().Json;
        Assert.Equal(3, (int)again["key_epoch"]!);
    }
}
