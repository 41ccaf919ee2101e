namespace Kpm.Client.Tests.EndToEnd;

/// <summary>Other providers' identities through kpm, with a real OpenID provider and a browser that comes back to kpm's own port.</summary>
public sealed class FederatedCommandLineTests(ProviderServer server) : IClassFixture<ProviderServer>
{
    private CommandLine As(string person)
    {
        var kpm = new CommandLine(server);
        kpm.Environment["KPM_BROWSER"] = ProviderServer.Browser;
        kpm.Environment["KPM_TEST_PERSON"] = person;
        return kpm;
    }

    [Fact]
    public async Task Registering_and_signing_in_with_an_identity_needs_no_account_password()
    {
        var email = $"fed.{Guid.NewGuid():N}@example.com";
        var kpm = As(await server.PersonAsync(new { email, email_verified = true, name = "Ada" }));
        var (first, second) = (server.NewFolder(), server.NewFolder());

        (await kpm.RunAsync(second, [], "sign-in", "--with", "google")).Failed(7, "kpm create-account --with google");
        var created = (await kpm.RunAsync(first, [RealServer.MainPasswordText], "--json", "create-account", "--with", "google", "--region", "AT")).Succeeded();
        Assert.Equal("active", (string)created.Json["state"]!);
        var account = (await kpm.RunAsync(first, [], "--json", "account")).Succeeded().Json;
        Assert.Equal((email, false), ((string)account["email"]!, (bool)account["has_password"]!));

        var signedIn = (await kpm.RunAsync(second, [RealServer.MainPasswordText], "--json", "sign-in", "--with", "google")).Succeeded();
        Assert.Equal((string)created.Json["account_id"]!, (string)signedIn.Json["account_id"]!);

        // The only way in stays; the proof for the attempt comes from the provider.
        (await kpm.RunAsync(first, [], "identities", "unlink", "google")).Failed(1, "last way to sign in");
        Assert.Single((await kpm.RunAsync(first, [], "--json", "identities")).Succeeded().Json.AsArray());
    }

    [Fact]
    public async Task An_identity_is_linked_with_the_password_and_unlinked_again()
    {
        var folder = server.NewFolder();
        var kpm = As(await server.PersonAsync(new { email = $"fed.{Guid.NewGuid():N}@example.com", name = "Ada" }));
        var email = await kpm.CreateAccountAsync(folder);

        (await kpm.RunAsync(folder, ["Wrong-Password-1"], "identities", "link", "facebook")).Failed(3, "password is wrong");
        var linked = (await kpm.RunAsync(folder, [RealServer.AccountPassword], "--json", "identities", "link", "facebook")).Succeeded();
        Assert.Equal("facebook", (string)linked.Json["provider_id"]!);
        (await kpm.RunAsync(folder, [], "sign-out")).Succeeded();
        (await kpm.RunAsync(folder, [RealServer.MainPasswordText], "sign-in", "--with", "facebook")).Succeeded();
        Assert.Equal(email, (string)(await kpm.RunAsync(folder, [], "--json", "account")).Json["email"]!);
        (await kpm.RunAsync(folder, [RealServer.AccountPassword], "identities", "unlink", "facebook")).Succeeded();
        (await kpm.RunAsync(folder, [], "identities", "unlink", "facebook")).Failed(4, "There is no identity");
        (await kpm.RunAsync(folder, [], "sign-out")).Succeeded();
        (await kpm.RunAsync(folder, [], "sign-in", "--with", "facebook")).Failed(7, "No account has this identity yet");
    }

    [Fact]
    public async Task A_provider_that_is_not_there_or_an_address_in_use_is_told()
    {
        var folder = server.NewFolder();
        var taken = await As("nobody").CreateAccountAsync(folder);
        var kpm = As(await server.PersonAsync(new { email = taken, email_verified = true }));
        (await kpm.RunAsync(server.NewFolder(), [], "sign-in", "--with", "nothing")).Failed(1, "not open in your region");
        (await kpm.RunAsync(server.NewFolder(), [RealServer.MainPasswordText], "create-account", "--with", "google", "--region", "AT")).Failed(1, "kpm identities link");
    }
}
