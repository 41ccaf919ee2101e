using System.Net;
using System.Net.Sockets;
using System.Text;
using Kpm.Client.Accounts;

namespace Kpm.Client.Tests.Accounts;

public sealed class LoopbackListenerTests
{
    private const string State = "the-state";
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private static readonly HttpClient Http = new(new SocketsHttpHandler { UseProxy = false });

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_answer_that_carries_the_state_is_taken_and_the_person_told()
    {
        using var listener = new LoopbackListener();
        var waiting = listener.WaitAsync(State, Cancellation);
        using var page = await Http.GetAsync(new Uri(listener.RedirectUri, "?code=a%2Bb+c&state=" + State), Cancellation);
        Assert.Equal(HttpStatusCode.OK, page.StatusCode);
        Assert.Contains("close this window", await page.Content.ReadAsStringAsync(Cancellation), StringComparison.Ordinal);
        Assert.Equal("default-src 'none'; style-src 'unsafe-inline'", page.Headers.GetValues("Content-Security-Policy").Single());
        Assert.Equal(new ProviderAnswer("a+b c", ""), await waiting.WaitAsync(Patience, Cancellation));
    }

    [Fact]
    public async Task A_posted_form_is_taken_with_the_name_that_apple_tells()
    {
        using var listener = new LoopbackListener();
        var waiting = listener.WaitAsync(State, Cancellation);
        using var form = new FormUrlEncodedContent(new Dictionary<string, string>
        {
            ["state"] = State,
            ["code"] = "c",
            ["user"] = """{"name":{"firstName":"Ada","lastName":"Lovelace"},"email":"x@example.com"}""",
        });
        using var page = await Http.PostAsync(listener.RedirectUri, form, Cancellation);
        Assert.Equal(new ProviderAnswer("c", "Ada Lovelace"), await waiting.WaitAsync(Patience, Cancellation));
    }

    [Theory]
    [InlineData("/callback?code=c&state=another", HttpStatusCode.BadRequest)]
    [InlineData("/callback?code=c", HttpStatusCode.BadRequest)]
    [InlineData("/callback?state=another&code=c&state=the-state", HttpStatusCode.BadRequest)]
    [InlineData("/favicon.ico?code=c&state=the-state", HttpStatusCode.NotFound)]
    public async Task Whatever_else_calls_changes_nothing(string target, HttpStatusCode status)
    {
        using var listener = new LoopbackListener();
        var waiting = listener.WaitAsync(State, Cancellation);
        using (var other = await Http.GetAsync(new Uri(listener.RedirectUri, target), Cancellation))
        {
            Assert.Equal(status, other.StatusCode);
        }

        Assert.False(waiting.IsCompleted);
        using var page = await Http.GetAsync(new Uri(listener.RedirectUri, "?code=right&state=" + State), Cancellation);
        Assert.Equal("right", (await waiting.WaitAsync(Patience, Cancellation)).Code);
    }

    [Fact]
    public async Task Silent_connections_and_callers_without_http_do_not_hold_up_the_browser()
    {
        using var listener = new LoopbackListener();
        var waiting = listener.WaitAsync(State, Cancellation);
        var silent = new List<TcpClient>();
        try
        {
            for (var i = 0; i < 8; i++)
            {
                var client = new TcpClient();
                silent.Add(client);
                await client.ConnectAsync(IPAddress.Loopback, listener.RedirectUri.Port, Cancellation);
                if (i % 2 == 1)
                {
                    await client.GetStream().WriteAsync(Encoding.ASCII.GetBytes("SSH-2.0-x\r\n\r\n"), Cancellation);
                }
            }

            using var page = await Http.GetAsync(new Uri(listener.RedirectUri, "?code=c&state=" + State), Cancellation);
            Assert.Equal("c", (await waiting.WaitAsync(Patience, Cancellation)).Code);
        }
        finally
        {
            silent.ForEach(client => client.Dispose());
        }
    }

    [Fact]
    public async Task A_refusal_is_told_in_words()
    {
        using var listener = new LoopbackListener();
        var waiting = listener.WaitAsync(State, Cancellation);
        using var page = await Http.GetAsync(new Uri(listener.RedirectUri, "?error=access_denied&state=" + State), Cancellation);
        Assert.Equal("It was refused at the provider.", (await Assert.ThrowsAsync<ProviderRefusedException>(() => waiting.WaitAsync(Patience, Cancellation))).Message);
    }

    [Fact]
    public async Task Nobody_else_on_the_network_reaches_it_and_waiting_can_be_given_up()
    {
        using var listener = new LoopbackListener();
        Assert.Equal("127.0.0.1", listener.RedirectUri.Host);
        using var ended = new CancellationTokenSource();
        var waiting = listener.WaitAsync(State, ended.Token);
        await ended.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting.WaitAsync(Patience, Cancellation));
    }

    [Fact]
    public void The_challenge_is_the_one_of_rfc_7636()
    {
        Assert.Equal("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", Pkce.ChallengeOf("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"));
        var verifiers = Enumerable.Range(0, 50).Select(_ => Pkce.NewVerifier()).ToList();
        Assert.Equal(50, verifiers.Distinct(StringComparer.Ordinal).Count());
        Assert.All(verifiers, verifier => Assert.Matches("^[A-Za-z0-9_-]{43}$", verifier));
    }
}
