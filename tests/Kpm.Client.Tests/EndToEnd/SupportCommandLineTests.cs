namespace Kpm.Client.Tests.EndToEnd;

/// <summary>A server whose operators are served on its one listener.</summary>
public sealed class SupportServer : RealServer
{
    protected override IEnumerable<string> Options => ["--support-public"];
}

/// <summary>What two operators do with kpm, and what the owner sees of it.</summary>
public sealed class SupportCommandLineTests(SupportServer server) : IClassFixture<SupportServer>
{
    private readonly CommandLine _kpm = new(server);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <summary>kpm of an operator whose credential stands in a file.</summary>
    private async Task<Func<string[], Task<Answer>>> OperatorAsync(string name)
    {
        var credential = (await server.CommandAsync("operator", "add", name)).Split([' ', '\n', '\r']).Single(word => word.StartsWith("kpm-operator-", StringComparison.Ordinal));
        var file = server.NewFile(".operator");
        await File.WriteAllTextAsync(file, credential + "\n", Cancellation);
        return arguments => _kpm.RunAsync(server.NewFolder(), [], [.. arguments, "--json", "--support", server.Address.ToString(), "--operator-token-file", file]);
    }

    private async Task<(string Folder, string Email, string Account)> OwnerAsync()
    {
        var folder = server.NewFolder();
        var email = await _kpm.CreateAccountAsync(folder);
        return (folder, email, (string)(await _kpm.RunAsync(folder, [], "--json", "account")).Succeeded().Json["account_id"]!);
    }

    [Fact]
    public async Task A_reset_of_two_step_verification_takes_two_operators_and_the_owner_cancels_it()
    {
        var (mary, paul) = (await OperatorAsync("Mary"), await OperatorAsync("Paul"));
        var (folder, email, account) = await OwnerAsync();
        // There is something to reset: codes by SMS.
        await using (var phone = _kpm.Talk(folder, "two-step", "phone", "+436641112233"))
        {
            await phone.SayAsync(RealServer.AccountPassword);
            await phone.HearAsync("A code is on its way");
            await phone.SayAsync(await server.SmsForAsync("+436641112233"));
            (await phone.EndAsync()).Succeeded();
        }

        var found = Assert.Single((await mary(["support", "find", email])).Succeeded().Json.AsArray())!;
        Assert.Equal((account, "on", "active"), ((string)found["account_id"]!, (bool)found["two_step_enabled"]! ? "on" : "off", (string)found["state"]!));
        (await mary(["support", "find", "nobody@example.com"])).WithCode(4);

        var proposed = (await mary(["support", "two-step-reset", "propose", account, "--reason", "Lost phone"])).Succeeded().Json;
        var support = (string)proposed["case_id"]!;
        (await mary(["support", "two-step-reset", "approve", support])).Failed(1, "another operator");
        var approved = (await paul(["support", "two-step-reset", "approve", support])).Succeeded().Json;
        Assert.Equal(TimeSpan.FromHours(72), (DateTimeOffset)approved["effective_at"]! - (DateTimeOffset)approved["approved_at"]!);
        Assert.Contains((await paul(["support", "cases"])).Succeeded().Json.AsArray(), row => (string)row!["case_id"]! == support);

        (await _kpm.RunAsync(server.NewFolder(), [await server.TokenForAsync(email, "cancel")], "cancel-support")).Succeeded();
        (await paul(["support", "two-step-reset", "approve", support])).Failed(1, "kpm support cases");
        Assert.True((bool)(await _kpm.RunAsync(folder, [], "--json", "two-step")).Json["enabled"]!);
        var events = (await _kpm.RunAsync(folder, [], "--json", "security", "events")).Succeeded().Json.AsArray().Select(row => (string)row!["kind"]!).ToList();
        Assert.Equal(["support_case_cancelled", "two_step_reset_approved", "two_step_reset_proposed", "account_viewed"], events[..4]);
        Assert.Equal(events.Count, (await mary(["support", "events", account])).Succeeded().Json.AsArray().Count);
    }

    [Fact]
    public async Task Another_region_and_a_suspension_and_back()
    {
        var (mary, paul) = (await OperatorAsync("Mary 2"), await OperatorAsync("Paul 2"));
        var (folder, _, account) = await OwnerAsync();
        async Task<string> RegionAsync() => (string)(await _kpm.RunAsync(folder, [], "--json", "account")).Succeeded().Json["region"]!;

        var support = (string)(await mary(["support", "region", "propose", account, "--region", "de", "--reason", "Has moved"])).Succeeded().Json["case_id"]!;
        Assert.Equal("AT", await RegionAsync());
        (await paul(["support", "region", "approve", support])).Succeeded();
        Assert.Equal("DE", await RegionAsync());
        (await mary(["support", "region", "undo", support, "--reason", "Wrong account"])).Succeeded();
        Assert.Equal("AT", await RegionAsync());

        (await mary(["support", "suspend", account, "--reason", "Asked by the owner"])).Succeeded();
        (await _kpm.RunAsync(folder, [], "account")).WithCode(3);
        (await mary(["support", "reinstate", account, "--reason", "Asked by the owner"])).Succeeded();
    }

    [Fact]
    public async Task A_credential_that_is_unknown_missing_or_unreadable_is_told()
    {
        string[] to = ["support", "cases", "--support", server.Address.ToString()];
        (await _kpm.RunAsync(server.NewFolder(), ["kpm-operator-" + new string('x', 43)], to)).Failed(3, "operator add");
        (await _kpm.RunAsync(server.NewFolder(), [], to)).Failed(2, "standard input");
        (await _kpm.RunAsync(server.NewFolder(), [], [.. to, "--operator-token-file", server.NewFile("none")])).Failed(2, "can't be read");
        (await _kpm.RunAsync(server.NewFolder(), ["x"], "support", "cases", "--support", "nowhere")).Failed(2, "--support");
        var without = (await _kpm.RunAsync(server.NewFolder(), ["x"], "support", "cases", "--support", "http://127.0.0.1:9")).Failed(5, "http://127.0.0.1:9");
        Assert.Contains("--support", without.Notes, StringComparison.Ordinal);
    }
}
