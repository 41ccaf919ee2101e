using Dapper;
using Kpm.Server.Tests.Hosting;
using Kpm.V1;

namespace Kpm.Server.Tests.Accounts.Lifecycle;

public sealed class UpdateAccountTests
{
    [Fact]
    public async Task Consent_is_withdrawn_and_given_again_and_every_decision_is_kept()
    {
        var time = new FakeTime();
        await using var server = await TestServer.StartAsync(time);
        using var device = await server.CreateActiveAsync();
        Assert.False(device.Account!.MarketingConsent);

        foreach (var given in (bool[])[true, false, true])
        {
            var response = await server.Accounts.UpdateAccountAsync(Consent(given), device.Call);
            Assert.Equal(given, response.Account.MarketingConsent);
            Assert.Equal(given, (await server.Accounts.GetAccountAsync(new GetAccountRequest(), device.Call)).Account.MarketingConsent);
        }

        var rows = server.Database.Read(c => c.Query<(long Given, string Version, string Source)>("SELECT given, text_version, source FROM consent ORDER BY decided_at").ToList());
        Assert.Equal([0L, 1L, 0L, 1L], rows.Select(r => r.Given));
        Assert.Equal(["CreateAccount kpm-cli", "UpdateAccount kpm-cli", "UpdateAccount kpm-cli", "UpdateAccount kpm-cli"], rows.Select(r => r.Source));
        Assert.All(rows, r => Assert.Equal("2026-11", r.Version));
        var events = (await server.EventsAsync(device)).Where(e => e.Kind == SecurityEventKind.SettingsChanged).ToList();
        Assert.Equal(["marketing_consent=given", "marketing_consent=withdrawn", "marketing_consent=given"], events.Select(e => e.Detail));
    }

    [Fact]
    public async Task The_language_must_be_one_of_the_region()
    {
        await using var server = await TestServer.StartAsync(new FakeTime());
        using var device = await server.CreateActiveAsync();

        Assert.Equal("en", (await server.Accounts.UpdateAccountAsync(new UpdateAccountRequest { RequestId = LifecycleSteps.NewId(), Language = "en" }, device.Call)).Account.Language);
        var refused = await Refused.WithAsync(ErrorReason.InvalidRequest, server.Accounts.UpdateAccountAsync(new UpdateAccountRequest { RequestId = LifecycleSteps.NewId(), Language = "ja" }, device.Call));

        Assert.Equal(["language"], refused.FieldNames);
        Assert.Equal("en", (await server.Accounts.GetAccountAsync(new GetAccountRequest(), device.Call)).Account.Language);
    }

    [Fact]
    public async Task A_decision_names_the_text_that_was_shown()
    {
        await using var server = await TestServer.StartAsync(new FakeTime());
        using var device = await server.CreateActiveAsync();
        var request = Consent(true);
        request.ConsentVersion = "2020-01";

        var refused = await Refused.WithAsync(ErrorReason.InvalidRequest, server.Accounts.UpdateAccountAsync(request, device.Call));

        Assert.Equal(["consent_version"], refused.FieldNames);
        Assert.Equal(1, Snapshot.Rows(server.Database, "consent"));
    }

    [Fact]
    public async Task What_is_absent_stays_and_a_repetition_decides_nothing_again()
    {
        await using var server = await TestServer.StartAsync(new FakeTime());
        using var device = await server.CreateActiveAsync();
        var request = Consent(true);
        var first = await server.Accounts.UpdateAccountAsync(request, device.Call);
        var before = Snapshot.Of(server.Database);

        Assert.Equal(first, await server.Accounts.UpdateAccountAsync(request, device.Call));
        Assert.Equal(before, Snapshot.Of(server.Database));
        Assert.Equal(first.Account, (await server.Accounts.UpdateAccountAsync(new UpdateAccountRequest { RequestId = LifecycleSteps.NewId() }, device.Call)).Account);
        Assert.Equal(2, Snapshot.Rows(server.Database, "consent"));
    }

    private static UpdateAccountRequest Consent(bool given) => new() { RequestId = LifecycleSteps.NewId(), MarketingConsent = given, ConsentVersion = "2026-11" };
}
