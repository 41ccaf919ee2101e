using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using System.Web;
using Kpm.Server.Tests.Hosting;
using Kpm.V1;

namespace Kpm.Server.Tests.Federation;

/// <summary>The whole way of a desktop app, with a real browser and a real provider: S4 as a person sees it.</summary>
public sealed class BrowserTests(OpenIdParts parts) : IClassFixture<OpenIdParts>
{
    [Fact]
    public async Task A_person_fills_in_the_providers_form_and_the_browser_comes_back_to_the_app()
    {
        await using var server = await TestServer.StartAsync(options: parts.Configure);
        await using var browser = await NodePart.StartAsync("browser.mjs");
        using var device = new TestDevice(server.Time);
        var email = AccountSteps.NewEmail();
        var sub = await parts.PersonAsync(new { email, email_verified = true, name = "Ada Lovelace" });

        var first = (await SignInAsync(server, browser, sub, device)).RegisterFirst;
        Assert.Equal((email, true, "Ada Lovelace"), (first.Email, first.EmailVerified, first.PersonName));
        var created = (await server.Accounts.CreateAccountAsync(device.RegistrationWith(first))).Created;
        Assert.Equal(AccountState.Active, created.Account.State);

        using var second = new TestDevice(server.Time);
        Assert.Equal(created.Account.AccountId, (await SignInAsync(server, browser, sub, second)).SignedIn.Account.AccountId);
    }

    private static async Task<CompleteFederatedSignInResponse> SignInAsync(TestServer server, NodePart browser, string sub, TestDevice device)
    {
        using var app = new AppListener();
        var flow = await server.StartFlowAsync(OpenIdParts.Google, redirect: app.Address);

        var arrived = app.AnswerAsync();
        var visit = await browser.AskAsync(JsonSerializer.Serialize(new { url = flow.Started.AuthorizationUrl, script = false, fill = new { sub }, submit = true, until = app.Address }));
        Assert.False(visit.TryGetProperty("error", out var error), error.ToString());
        Assert.Equal(AppListener.Title, visit.GetProperty("title").GetString());

        return await server.CompleteAsync(flow.With(await arrived.WaitAsync(TimeSpan.FromSeconds(60), TestContext.Current.CancellationToken)), device);
    }

    /// <summary>What a desktop app opens for the browser to come back to: one answer on a free port.</summary>
    private sealed class AppListener : IDisposable
    {
        public const string Title = "You can go back to the app";

        private readonly TcpListener _listener = new(IPAddress.Loopback, 0);

        public AppListener() => _listener.Start();

        public string Address => $"http://{_listener.LocalEndpoint}/callback";

        /// <summary>A browser opens connections in advance and may use any of them.</summary>
        public async Task<IReadOnlyDictionary<string, string>> AnswerAsync()
        {
            var answered = new TaskCompletionSource<IReadOnlyDictionary<string, string>>(TaskCreationOptions.RunContinuationsAsynchronously);
            while (!answered.Task.IsCompleted)
            {
                var accepting = _listener.AcceptTcpClientAsync(TestContext.Current.CancellationToken).AsTask();
                if (await Task.WhenAny(accepting, answered.Task) == accepting)
                {
                    _ = ServeAsync(await accepting, answered);
                }
            }

            return await answered.Task;
        }

        private static async Task ServeAsync(TcpClient connection, TaskCompletionSource<IReadOnlyDictionary<string, string>> answered)
        {
            using var client = connection;
            await using var stream = connection.GetStream();
            using var reader = new StreamReader(stream);
            if (await reader.ReadLineAsync() is not { } request || !request.Contains("/callback?", StringComparison.Ordinal))
            {
                return;
            }

            while (await reader.ReadLineAsync() is { Length: > 0 })
            {
            }

            var page = $"<!doctype html><title>{Title}</title>";
            await stream.WriteAsync(System.Text.Encoding.ASCII.GetBytes($"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {page.Length}\r\nConnection: close\r\n\r\n{page}"));
            var query = HttpUtility.ParseQueryString(new Uri("http://127.0.0.1" + request.Split(' ')[1]).Query);
            answered.TrySetResult(query.AllKeys.ToDictionary(k => k!, k => query[k]!, StringComparer.Ordinal));
        }

        public void Dispose() => _listener.Dispose();
    }
}
