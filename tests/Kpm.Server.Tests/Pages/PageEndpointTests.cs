using System.Net;
using System.Text;
using Grpc.Net.Client;
using Kpm.Server.Pages;
using Kpm.Server.Tests.Hosting;
using Kpm.V1;

namespace Kpm.Server.Tests.Pages;

/// <summary>The pages as any HTTP client sees them; <see cref="PageBrowserTests"/> has them as people see them.</summary>
public sealed class PageEndpointTests
{
    private static readonly HttpClient Http = new(new SocketsHttpHandler { AllowAutoRedirect = false, PooledConnectionLifetime = TimeSpan.Zero });

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    public static TheoryData<string> Paths() => [PagePaths.Activate, PagePaths.Discard, PagePaths.ResetPassword, PagePaths.ConfirmEmail, PagePaths.CancelDeletion, PagePaths.CancelSupport];

    [Theory]
    [MemberData(nameof(Paths))]
    public async Task Every_page_says_what_browsers_may_do_with_it(string path)
    {
        await using var server = await TestServer.StartAsync();

        using var response = await Http.GetAsync(new Uri($"{server.PagesAddress}{path}?token=t"), Cancelled);

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal("text/html; charset=utf-8", response.Content.Headers.ContentType?.ToString());
        var policy = Header(response, "Content-Security-Policy").Split("; ");
        Assert.Equal(["default-src 'none'", "form-action 'self'", "frame-ancestors 'none'", "base-uri 'none'"], policy.Where(p => !p.StartsWith("style-src", StringComparison.Ordinal)));
        Assert.Matches("^style-src 'sha256-[A-Za-z0-9+/]{43}='$", policy.Single(p => p.StartsWith("style-src", StringComparison.Ordinal)));
        Assert.Equal("no-referrer", Header(response, "Referrer-Policy"));
        Assert.Equal("no-store", Header(response, "Cache-Control"));
        Assert.Equal("nosniff", Header(response, "X-Content-Type-Options"));
        Assert.Equal("DENY", Header(response, "X-Frame-Options"));
        Assert.False(response.Headers.Contains("Set-Cookie"));
        Assert.False(response.Headers.Contains("Server"));
        Assert.DoesNotContain("<script", await response.Content.ReadAsStringAsync(Cancelled), StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public async Task Looking_at_a_link_changes_nothing_however_often_scanners_follow_it()
    {
        await using var server = await TestServer.StartAsync();
        using var device = await server.CreatePendingAsync();
        var mail = await server.Mails.WaitAsync(device.Account!.Email);
        await Eventually.TrueAsync(() => Snapshot.Rows(server.Database, "mail") == 0);
        var before = Snapshot.Of(server.Database);

        foreach (var link in (string[])[mail.Link(PagePaths.Activate), mail.Link(PagePaths.Discard)])
        {
            foreach (var method in (HttpMethod[])[HttpMethod.Get, HttpMethod.Head, HttpMethod.Get])
            {
                using var response = await Http.SendAsync(new HttpRequestMessage(method, link), Cancelled);
                Assert.Equal(HttpStatusCode.OK, response.StatusCode);
                Assert.Equal(method == HttpMethod.Head, (await response.Content.ReadAsByteArrayAsync(Cancelled)).Length == 0);
            }
        }

        Assert.Equal(before, Snapshot.Of(server.Database));
    }

    [Fact]
    public async Task A_form_activates_with_the_password_and_its_errors_are_those_of_the_rpc()
    {
        await using var server = await TestServer.StartAsync();
        using var device = await server.CreatePendingAsync();
        var token = (await server.Mails.WaitAsync(device.Account!.Email)).Token;

        Assert.Equal(HttpStatusCode.Forbidden, (await PostAsync(server, PagePaths.Activate, ("token", token), ("password", "Wrong-Password-1"))).Status);
        Assert.Equal(HttpStatusCode.BadRequest, (await PostAsync(server, PagePaths.Activate, ("token", token), ("password", ""))).Status);
        Assert.Equal(HttpStatusCode.BadRequest, (await PostAsync(server, PagePaths.Activate, ("password", AccountSteps.Password))).Status);
        Assert.Equal(HttpStatusCode.BadRequest, (await PostAsync(server, PagePaths.Activate, ("token", token), ("password", new string('x', 1025)))).Status);
        Assert.Equal(HttpStatusCode.Gone, (await PostAsync(server, PagePaths.Activate, ("token", token + "x"), ("password", AccountSteps.Password))).Status);
        Assert.Equal(HttpStatusCode.Gone, (await PostAsync(server, PagePaths.Activate, ("token", new string('x', 100)), ("password", AccountSteps.Password))).Status);
        Assert.Equal(AccountState.Pending, (await server.Accounts.GetAccountAsync(new GetAccountRequest(), device.Call)).Account.State);

        Assert.Equal(HttpStatusCode.OK, (await PostAsync(server, PagePaths.Activate, ("token", token), ("password", AccountSteps.Password))).Status);

        Assert.Equal(AccountState.Active, (await server.Accounts.GetAccountAsync(new GetAccountRequest(), device.Call)).Account.State);
        Assert.Equal(HttpStatusCode.Gone, (await PostAsync(server, PagePaths.Activate, ("token", token), ("password", AccountSteps.Password))).Status);
    }

    [Fact]
    public async Task Guessing_the_password_here_is_delayed_like_everywhere()
    {
        await using var server = await TestServer.StartAsync(new FakeTime());
        using var device = await server.CreatePendingAsync();
        var token = (await server.Mails.WaitAsync(device.Account!.Email)).Token;
        for (var i = 0; i < 5; i++)
        {
            await PostAsync(server, PagePaths.Activate, ("token", token), ("password", "Wrong-Password-1"));
        }

        var refused = await PostAsync(server, PagePaths.Activate, ("token", token), ("password", AccountSteps.Password));

        Assert.Equal(HttpStatusCode.TooManyRequests, refused.Status);
        Assert.Equal("1", refused.RetryAfter);
        await Refused.WithAsync(ErrorReason.RateLimited, server.Verification.ActivateAccountAsync(new ActivateAccountRequest { Token = token, Password = AccountSteps.Password }));
    }

    [Fact]
    public async Task Of_64_forms_sent_at_once_exactly_one_wins()
    {
        await using var server = await TestServer.StartAsync();
        using var device = await server.CreatePendingAsync();
        var token = (await server.Mails.WaitAsync(device.Account!.Email)).DiscardToken;

        var statuses = await Task.WhenAll(Enumerable.Range(0, 64).Select(async _ => (await PostAsync(server, PagePaths.Discard, ("token", token))).Status));

        Assert.Single(statuses, s => s == HttpStatusCode.OK);
        Assert.Equal(63, statuses.Count(s => s == HttpStatusCode.Gone));
        Assert.Equal(0, Snapshot.Rows(server.Database, "account"));
    }

    [Fact]
    public async Task Values_of_a_link_can_not_break_out_of_the_page()
    {
        await using var server = await TestServer.StartAsync();
        var hostile = "\"><script>alert(1)</script><b x='";

        var page = await Http.GetStringAsync(new Uri($"{server.PagesAddress}/activate?token={Uri.EscapeDataString(hostile)}&lang={Uri.EscapeDataString(hostile)}"), Cancelled);
        var answer = await PostAsync(server, PagePaths.Activate, ("token", hostile), ("lang", hostile), ("password", ""));

        Assert.All((string[])[page, answer.Body], html =>
        {
            Assert.Contains("value=\"&quot;&gt;&lt;script&gt;", html, StringComparison.Ordinal);
            Assert.DoesNotContain("<script", html, StringComparison.OrdinalIgnoreCase);
            Assert.DoesNotContain("<b x", html, StringComparison.OrdinalIgnoreCase);
        });
    }

    [Theory]
    [InlineData("ja", null, "ja")]
    [InlineData("de-AT", "fr", "de")]
    [InlineData("tlh", "fr-CA;q=0.8, es;q=0.9, ru;q=0", "es")]
    [InlineData(null, "zh, ru-RU;q=0.5", "ru")]
    [InlineData(null, "garbage;;q=x,,;", "en")]
    [InlineData(null, null, "en")]
    public async Task The_language_is_the_links_else_the_browsers_else_English(string? link, string? browser, string shown)
    {
        await using var server = await TestServer.StartAsync();
        using var request = new HttpRequestMessage(HttpMethod.Get, $"{server.PagesAddress}/activate?token=t{(link is null ? "" : "&lang=" + link)}");
        if (browser is not null)
        {
            request.Headers.TryAddWithoutValidation("Accept-Language", browser);
        }

        using var response = await Http.SendAsync(request, Cancelled);

        Assert.Equal(shown, response.Content.Headers.ContentLanguage.Single());
        Assert.Contains($"<html lang=\"{shown}\">", await response.Content.ReadAsStringAsync(Cancelled), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Only_forms_of_bounded_size_are_read()
    {
        await using var server = await TestServer.StartAsync();
        var address = new Uri(server.PagesAddress + PagePaths.Activate);

        async Task<HttpStatusCode> SendAsync(HttpContent content)
        {
            using var response = await Http.PostAsync(address, content, Cancelled);
            return response.StatusCode;
        }

        var start = "token=t&password=";
        Assert.Equal(HttpStatusCode.BadRequest, await SendAsync(Form(start + new string('x', server.Limits.PageFormBytes - start.Length))));
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, await SendAsync(Form(start + new string('x', server.Limits.PageFormBytes - start.Length + 1))));
        Assert.Equal(HttpStatusCode.BadRequest, await SendAsync(Form("token=a&token=b&password=c")));
        Assert.Equal(HttpStatusCode.BadRequest, await SendAsync(Form(string.Join('&', Enumerable.Range(0, 9).Select(i => $"f{i}=1")))));
        Assert.Equal(HttpStatusCode.UnsupportedMediaType, await SendAsync(new StringContent("{}", Encoding.UTF8, "application/json")));
        Assert.Equal(HttpStatusCode.UnsupportedMediaType, await SendAsync(new MultipartFormDataContent { { new StringContent("t"), "token" } }));
        using var put = await Http.PutAsync(address, Form("token=t"), Cancelled);
        Assert.Equal((HttpStatusCode.MethodNotAllowed, "GET, HEAD, POST"), (put.StatusCode, string.Join(", ", put.Content.Headers.Allow)));
    }

    [Fact]
    public async Task A_token_longer_than_any_is_not_put_into_the_form()
    {
        await using var server = await TestServer.StartAsync();
        var longest = new string('t', server.Limits.PageFieldCharacters);

        Assert.Contains($"value=\"{longest}\"", await Http.GetStringAsync(new Uri($"{server.PagesAddress}/activate?token={longest}"), Cancelled), StringComparison.Ordinal);
        Assert.DoesNotContain("tttt", await Http.GetStringAsync(new Uri($"{server.PagesAddress}/activate?token={longest}t"), Cancelled), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Pages_and_gRPC_do_not_mix()
    {
        await using var server = await TestServer.StartAsync();
        using var h2 = new HttpClient { DefaultRequestVersion = HttpVersion.Version20, DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact };

        using var page = await h2.GetAsync(new Uri($"{server.Address}{PagePaths.Activate}?token=t"), Cancelled);
        Assert.Equal(HttpStatusCode.NotFound, page.StatusCode);
        using var content = new ByteArrayContent([0, 0, 0, 0, 0]);
        content.Headers.ContentType = new("application/grpc");
        using var call = await Http.PostAsync(new Uri($"{server.PagesAddress}/kpm.v1.AccountService/GetSignInOptions"), content, Cancelled);
        Assert.Equal("12", Header(call, "grpc-status"));
        using var other = await Http.GetAsync(new Uri($"{server.PagesAddress}/"), Cancelled);
        Assert.Equal(HttpStatusCode.NotFound, other.StatusCode);
    }

    [Fact]
    public async Task With_TLS_pages_and_gRPC_share_the_port()
    {
        using var folder = new Storage.TempFolder();
        using var certificate = TestCertificate.Make("localhost");
        await File.WriteAllTextAsync(folder.File("cert.pem"), certificate.ExportCertificatePem(), Cancelled);
        await File.WriteAllTextAsync(folder.File("key.pem"), TestCertificate.KeyPem(certificate), Cancelled);
        await using var server = await TestServer.StartAsync(options: o => o with { Certificate = folder.File("cert.pem"), CertificateKey = folder.File("key.pem") });
        Assert.Equal(server.Address, server.PagesAddress);
        foreach (var version in (Version[])[HttpVersion.Version11, HttpVersion.Version20])
        {
            using var handler = new SocketsHttpHandler();
            handler.SslOptions.RemoteCertificateValidationCallback = (_, presented, _, _) => presented?.GetCertHashString() == certificate.GetCertHashString();
            using var client = new HttpClient(handler) { DefaultRequestVersion = version, DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact };

            using var response = await client.GetAsync(new Uri($"{server.PagesAddress}{PagePaths.Activate}?token=t"), Cancelled);

            Assert.Equal((HttpStatusCode.OK, version), (response.StatusCode, response.Version));
            Assert.Equal("max-age=31536000", Header(response, "Strict-Transport-Security"));
            using var channel = GrpcChannel.ForAddress(server.Address, new GrpcChannelOptions { HttpHandler = handler });
            Assert.Equal("AT", (await new AccountService.AccountServiceClient(channel).GetSignInOptionsAsync(new GetSignInOptionsRequest { Locale = "de-AT" }, cancellationToken: Cancelled)).SelectedRegion);
        }
    }

    [Fact]
    public async Task Without_pages_mails_carry_keys_and_no_links()
    {
        await using var server = await TestServer.StartAsync(options: o => o with { Pages = new PagesOptions { Listen = "off" } });
        using var device = await server.CreatePendingAsync();

        var mail = await server.Mails.WaitAsync(device.Account!.Email);

        Assert.Null(server.PagesAddress);
        Assert.DoesNotContain("http", mail.Text + mail.Html.Replace("http-equiv", "", StringComparison.Ordinal), StringComparison.Ordinal);
        await server.Verification.ActivateAccountAsync(new ActivateAccountRequest { Token = mail.Token }, device.Call);
    }

    [Fact]
    public async Task Links_begin_with_the_public_address()
    {
        await using var server = await TestServer.StartAsync(options: o => o with { Pages = new PagesOptions { Url = "https://accounts.example.org/kpm/" } });
        using var device = await server.CreatePendingAsync();

        var mail = await server.Mails.WaitAsync(device.Account!.Email);

        Assert.Equal($"https://accounts.example.org/kpm/activate?token={mail.Token}&lang=de", mail.Link(PagePaths.Activate));
        Assert.Equal($"https://accounts.example.org/kpm/discard?token={mail.DiscardToken}&lang=de", mail.Link(PagePaths.Discard));
        Assert.Contains($"href=\"https://accounts.example.org/kpm/activate?token={mail.Token}&amp;lang=de\"", mail.Html, StringComparison.Ordinal);
    }

    [Fact]
    public async Task No_log_line_has_a_link_or_a_form_in_it()
    {
        await using var server = await TestServer.StartAsync(options: o => o with { LogLevel = Microsoft.Extensions.Logging.LogLevel.Trace });
        using var device = await server.CreatePendingAsync();
        var mail = await server.Mails.WaitAsync(device.Account!.Email);

        await Http.GetStringAsync(new Uri(mail.Link(PagePaths.Activate)), Cancelled);
        await PostAsync(server, PagePaths.Activate, ("token", mail.Token), ("password", "Wrong-Password-0815"));
        await PostAsync(server, PagePaths.Activate, ("token", mail.Token), ("password", AccountSteps.Password), ("surplus", "surplus-0815"));
        using var tooLong = await Http.PostAsync(new Uri(server.PagesAddress + PagePaths.Activate), Form("token=token-0815" + new string('x', server.Limits.PageFormBytes)), Cancelled);

        Assert.Contains(server.Logs.Lines, l => l.Id == 5001);
        Assert.Contains("/activate", server.Logs.Text, StringComparison.Ordinal);
        Assert.All((string[])[mail.Token, mail.DiscardToken, AccountSteps.Password, "0815", device.Account.Email], secret => Assert.DoesNotContain(secret, server.Logs.Text, StringComparison.Ordinal));
    }

    private static string Header(HttpResponseMessage response, string name) => Assert.Single(response.Headers.GetValues(name));

    private static StringContent Form(string body) => new(body, Encoding.ASCII, "application/x-www-form-urlencoded");

    private static async Task<(HttpStatusCode Status, string Body, string? RetryAfter)> PostAsync(TestServer server, string path, params (string Name, string Value)[] fields)
    {
        using var content = new FormUrlEncodedContent(fields.Select(f => KeyValuePair.Create(f.Name, f.Value)));
        using var response = await Http.PostAsync(new Uri(server.PagesAddress + path), content, Cancelled);
        return (response.StatusCode, await response.Content.ReadAsStringAsync(Cancelled), response.Headers.TryGetValues("Retry-After", out var wait) ? wait.Single() : null);
    }
}
