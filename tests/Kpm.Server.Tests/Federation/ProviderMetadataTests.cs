using System.Diagnostics;
using Kpm.Server.Tests.Hosting;
using Kpm.V1;

namespace Kpm.Server.Tests.Federation;

/// <summary>Providers that change their keys, are slow, wrong or gone. Each test has providers of its own: it spoils them.</summary>
public sealed class ProviderMetadataTests : IAsyncLifetime
{
    private const string Google = OpenIdParts.Google;

    private readonly OpenIdParts _parts = new();

    public ValueTask InitializeAsync() => _parts.InitializeAsync();

    public ValueTask DisposeAsync() => _parts.DisposeAsync();

    private Task<TestServer> StartAsync(Func<Limits, Limits>? limits = null, TimeProvider? documents = null) => TestServer.StartAsync(
        options: o => _parts.Configure(o) with { Limits = limits?.Invoke(o.Limits) ?? o.Limits },
        adjust: documents is null ? null : services => MovableDocuments.Put(services, documents));

    private async Task<CompleteFederatedSignInResponse> BySdkAsync(TestServer server, TestDevice device, Func<string, string>? sign = null)
    {
        var flow = await server.StartSdkFlowAsync(Google);
        return await server.CompleteAsync(flow.With(sign?.Invoke(flow.Started.Nonce) ?? _parts.Sign(Google, _parts.Claims(Google, flow.Started.Nonce, "s"))), device);
    }

    [Fact]
    public async Task A_new_key_is_fetched_with_the_first_token_that_it_signs_and_the_former_one_ends()
    {
        var documents = new FakeTime();
        await using var server = await StartAsync(documents: documents);
        using var device = new TestDevice(server.Time);
        await BySdkAsync(server, device);
        var former = _parts.KeyOf(Google);

        await _parts.RotateAsync(Google);
        documents.Advance(server.Limits.ProviderDocumentRenewal);

        Assert.NotNull((await BySdkAsync(server, device)).RegisterFirst);
        await Refused.WithAsync(ErrorReason.IdentityRejected, () => BySdkAsync(server, device, nonce => IdTokenForge.Sign(former, _parts.Claims(Google, nonce, "s"), "RS256", former["kid"]!.GetValue<string>())));
        Assert.Contains(server.Logs.Lines, l => l.Id == 6002 && l.Text.EndsWith("Key.", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Made_up_key_ids_do_not_make_the_server_fetch_again_and_again()
    {
        var documents = new FakeTime();
        await using var server = await StartAsync(documents: documents);
        using var device = new TestDevice(server.Time);
        await BySdkAsync(server, device);
        documents.Advance(server.Limits.ProviderDocumentRenewal);
        string Unknown(string nonce) => _parts.Sign(Google, _parts.Claims(Google, nonce, "s"), kid: Guid.CreateVersion7().ToString());
        await Refused.WithAsync(ErrorReason.IdentityRejected, () => BySdkAsync(server, device, Unknown));

        // Fetched a moment ago: were it fetched again now, the provider being gone would show.
        await _parts.ModeAsync(Google, "down");
        await Refused.WithAsync(ErrorReason.IdentityRejected, () => BySdkAsync(server, device, Unknown));
        Assert.DoesNotContain(server.Logs.Lines, l => l.Id == 6001);

        documents.Advance(server.Limits.ProviderDocumentRenewal);
        await Refused.WithAsync(ErrorReason.IdentityRejected, () => BySdkAsync(server, device, Unknown));
        Assert.Contains(server.Logs.Lines, l => l.Id == 6001);
    }

    [Theory]
    [InlineData("down")]
    [InlineData("broken")]
    [InlineData("redirect")]
    [InlineData("huge")]
    [InlineData("hang")]
    public async Task A_provider_that_does_not_answer_properly_is_unavailable_and_the_flow_stays(string mode)
    {
        await using var server = await StartAsync(l => l with { ProviderTimeout = TimeSpan.FromSeconds(1), ProviderRetry = TimeSpan.FromMilliseconds(1) });
        using var device = new TestDevice(server.Time);
        var flow = await server.StartSdkFlowAsync(Google);
        var token = _parts.Sign(Google, _parts.Claims(Google, flow.Started.Nonce, "s"));
        await _parts.ModeAsync(Google, mode);
        var waited = Stopwatch.StartNew();

        var refused = await Refused.WithAsync(ErrorReason.ProviderUnavailable, () => server.CompleteAsync(flow.With(token), device));

        Assert.True(waited.Elapsed < TimeSpan.FromSeconds(20), "It waited longer than it may.");
        Assert.NotNull(refused.RetryAfter);
        await Refused.WithAsync(ErrorReason.ProviderUnavailable, () => server.StartFlowAsync(Google));
        Assert.Equal(1, Snapshot.Rows(server.Database, "ticket"));

        await _parts.ModeAsync(Google, "ok");
        await Task.Delay(5, TestContext.Current.CancellationToken);
        Assert.NotNull((await server.CompleteAsync(flow.With(token), device)).RegisterFirst);
    }

    [Fact]
    public async Task While_the_provider_is_gone_it_is_not_asked_by_every_caller()
    {
        var documents = new FakeTime();
        await using var server = await StartAsync(documents: documents);
        await _parts.ModeAsync(Google, "down");
        await Refused.WithAsync(ErrorReason.ProviderUnavailable, () => server.StartFlowAsync(Google));
        await _parts.ModeAsync(Google, "ok");

        await Refused.WithAsync(ErrorReason.ProviderUnavailable, () => server.StartFlowAsync(Google));
        Assert.Single(server.Logs.Lines, l => l.Id == 6001);

        documents.Advance(server.Limits.ProviderRetry);
        Assert.NotEqual("", (await server.StartFlowAsync(Google)).Started.AuthorizationUrl);
    }

    [Fact]
    public async Task The_last_document_serves_through_an_outage_but_not_for_ever()
    {
        var documents = new FakeTime();
        await using var server = await StartAsync(documents: documents);
        using var device = new TestDevice(server.Time);
        await BySdkAsync(server, device);
        await _parts.ModeAsync(Google, "down");

        documents.Advance(server.Limits.ProviderDocumentLifetime);
        Assert.NotNull((await BySdkAsync(server, device)).RegisterFirst);

        documents.Advance(server.Limits.ProviderDocumentLongestUse);
        await Refused.WithAsync(ErrorReason.ProviderUnavailable, () => BySdkAsync(server, device));
    }

    [Fact]
    public async Task A_token_endpoint_that_is_gone_leaves_the_flow_and_the_code_alone()
    {
        await using var server = await StartAsync();
        using var device = new TestDevice(server.Time);
        var sub = await _parts.PersonAsync(new { });
        var flow = await server.StartFlowAsync(Google);
        var answer = await FederatedApp.AtProviderAsync(flow, sub);
        await _parts.ModeAsync(Google, "broken");
        await Refused.WithAsync(ErrorReason.ProviderUnavailable, () => server.CompleteAsync(flow.With(answer), device));
        await _parts.ModeAsync(Google, "ok");

        Assert.NotNull((await server.CompleteAsync(flow.With(answer), device)).RegisterFirst);
    }

    [Fact]
    public async Task A_document_of_another_issuer_is_not_believed()
    {
        await using var server = await TestServer.StartAsync(options: o =>
        {
            var identity = _parts.Configure(o).Identity;
            // The same provider under another spelling: its document names itself differently.
            var spelled = identity.Providers[Google] with { Issuer = _parts.IssuerOf(Google) + "/" };
            return o with { Identity = identity with { Providers = new(identity.Providers) { [Google] = spelled } } };
        });

        await Refused.WithAsync(ErrorReason.ProviderUnavailable, () => server.StartFlowAsync(Google));
        Assert.Contains(server.Logs.Lines, l => l.Id == 6001 && l.Text.Contains("another issuer", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(OpenIdParts.Google)]
    [InlineData(OpenIdParts.Other)]
    public async Task A_wrong_client_secret_is_the_operators_news(string provider)
    {
        await using var server = await StartAsync();
        using var device = new TestDevice(server.Time);
        var sub = await _parts.PersonAsync(new { });
        await File.WriteAllTextAsync(server.Options.Identity.Providers[provider].ClientSecretFile, "wrong", TestContext.Current.CancellationToken);

        await Refused.WithAsync(ErrorReason.ProviderUnavailable, () => server.SignInWithAsync(provider, sub, device));

        Assert.Contains(server.Logs.Lines, l => l.Id == 6004 && l.Level == Microsoft.Extensions.Logging.LogLevel.Error);

        // Replaced without a restart.
        await File.WriteAllTextAsync(server.Options.Identity.Providers[provider].ClientSecretFile, $"secret-of-{provider}", TestContext.Current.CancellationToken);
        Assert.NotNull((await server.SignInWithAsync(provider, sub, device)).RegisterFirst);
    }

    [Fact]
    public async Task Apple_refuses_a_secret_that_another_key_has_signed()
    {
        await using var server = await StartAsync();
        using var device = new TestDevice(server.Time);
        var sub = await _parts.PersonAsync(new { });
        using var other = System.Security.Cryptography.ECDsa.Create(System.Security.Cryptography.ECCurve.NamedCurves.nistP256);
        var file = server.Options.Identity.Providers[OpenIdParts.Apple].PrivateKeyFile;
        var right = await File.ReadAllTextAsync(file, TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(file, other.ExportPkcs8PrivateKeyPem(), TestContext.Current.CancellationToken);

        await Refused.WithAsync(ErrorReason.ProviderUnavailable, () => server.SignInWithAsync(OpenIdParts.Apple, sub, device, OpenIdParts.AppleRedirect));

        await File.WriteAllTextAsync(file, right, TestContext.Current.CancellationToken);
        Assert.NotNull((await server.SignInWithAsync(OpenIdParts.Apple, sub, device, OpenIdParts.AppleRedirect)).RegisterFirst);
    }
}
