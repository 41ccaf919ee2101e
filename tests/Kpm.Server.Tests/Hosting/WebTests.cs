using System.Buffers.Binary;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using Google.Protobuf;
using Kpm.Server.Listening;
using Kpm.Server.Tests.Pages;
using Kpm.Server.Tests.Vaults;
using Kpm.V1;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Kpm.Server.Tests.Hosting;

/// <summary>Apps in browsers: gRPC-Web for the origins that are configured, and for nobody else.</summary>
public sealed class WebTests(Browser browser) : IClassFixture<Browser>
{
    private const string Origin = "https://app.example.org";
    private const string Options = "/kpm.v1.AccountService/GetSignInOptions";
    private const byte TrailerFlag = 0x80;

    [Fact]
    public async Task An_app_of_a_configured_origin_calls()
    {
        await using var server = await StartAsync(Origin);

        using var response = await SendAsync(Post(server, Options, new GetSignInOptionsRequest { Locale = "de-AT" }, Origin));
        var frames = Frames(await response.Content.ReadAsByteArrayAsync(Token));

        Assert.Equal(Origin, Assert.Single(response.Headers.GetValues("access-control-allow-origin")));
        Assert.Equal([0, TrailerFlag], frames.Select(f => f.Flag));
        Assert.Equal("AT", GetSignInOptionsResponse.Parser.ParseFrom(frames[0].Message).SelectedRegion);
        Assert.Contains("grpc-status: 0\r\n", Encoding.ASCII.GetString(frames[1].Message), StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_error_has_its_details_where_the_app_may_read_them()
    {
        await using var server = await StartAsync(Origin);

        using var response = await SendAsync(Post(server, "/kpm.v1.VaultService/GetVault", new GetVaultRequest(), Origin));

        // Trailers-Only: a page reads headers only where it is allowed to by name.
        Assert.Equal("16", Assert.Single(response.Headers.GetValues("grpc-status")));
        Assert.Contains("grpc-status-details-bin", Assert.Single(response.Headers.GetValues("access-control-expose-headers")), StringComparison.Ordinal);
        var details = Assert.Single(response.Headers.GetValues("grpc-status-details-bin"));
        var status = Google.Rpc.Status.Parser.ParseFrom(Convert.FromBase64String(details.PadRight((details.Length + 3) / 4 * 4, '=')));
        Assert.Equal("SESSION_INVALID", status.Details.Single(d => d.Is(Google.Rpc.ErrorInfo.Descriptor)).Unpack<Google.Rpc.ErrorInfo>().Reason);
    }

    [Fact]
    public async Task A_watch_brings_changes_as_they_come()
    {
        await using var server = await StartAsync(Origin);
        var device = await server.EnrolAsync();
        using var request = Post(server, "/kpm.v1.VaultService/Watch", new WatchRequest(), Origin);
        request.Headers.Authorization = AuthenticationHeaderValue.Parse(device.Session.Headers.Single(h => h.Key == "authorization").Value);

        using var response = await SendAsync(request);
        using var body = await response.Content.ReadAsStreamAsync(Token);
        Assert.NotNull((await NextAsync(body)).Welcome);
        while ((await NextAsync(body)).CaughtUp is null)
        {
        }

        await server.FillAsync(device, 1);
        Assert.Equal(server.Log(device)[^1], Assert.Single((await NextAsync(body)).Changes.Entries));
    }

    [Fact]
    public async Task Other_origins_get_no_leave_to_read_an_answer()
    {
        await using var server = await StartAsync(Origin);
        using var asked = await SendAsync(Preflight(server, Origin));
        using var refused = await SendAsync(Preflight(server, "https://other.example.org"));
        using var called = await SendAsync(Post(server, Options, new GetSignInOptionsRequest { Locale = "de-AT" }, "https://other.example.org"));

        Assert.Equal((HttpStatusCode.NoContent, Origin), (asked.StatusCode, Assert.Single(asked.Headers.GetValues("access-control-allow-origin"))));
        Assert.Equal("POST", Assert.Single(asked.Headers.GetValues("access-control-allow-methods")));
        Assert.False(refused.Headers.Contains("access-control-allow-origin"));
        Assert.False(called.Headers.Contains("access-control-allow-origin"));
        Assert.False(called.Headers.Contains("access-control-allow-credentials"));
    }

    [Fact]
    public async Task Without_an_origin_there_is_no_gRPC_Web()
    {
        await using var server = await StartAsync("");

        using var called = await SendAsync(Post(server, Options, new GetSignInOptionsRequest { Locale = "de-AT" }, Origin));
        using var asked = await SendAsync(Preflight(server, Origin));

        Assert.False(called.Headers.Contains("access-control-allow-origin"));
        Assert.Contains("12", called.Headers.GetValues("grpc-status"));
        Assert.Equal(HttpStatusCode.NotFound, asked.StatusCode);
    }

    [Fact]
    public async Task A_page_in_a_browser_calls_from_its_own_origin_and_not_from_another()
    {
        await using var page = await PageStub.StartAsync();
        await using var other = await PageStub.StartAsync();
        await using var server = await StartAsync(page.Origin);
        page.Html = other.Html = Calling(Url(server, Options), Frame(new GetSignInOptionsRequest { Locale = "de-AT" }));

        var shown = await browser.VisitAsync(new Visit(page.Origin) { Script = true });
        var barred = await browser.VisitAsync(new Visit(other.Origin) { Script = true });

        Assert.StartsWith("grpc-status: 0", shown.Text, StringComparison.Ordinal);
        Assert.Equal("NetworkError", barred.Text);
        Assert.Contains(barred.Console, m => m.Contains("CORS", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("app.example.org", "is not an origin")]
    [InlineData("https://app.example.org/", "is not an origin")]
    [InlineData("https://APP.example.org", "is not an origin")]
    [InlineData("https://app.example.org, *", "is not an origin")]
    [InlineData("http://app.example.org", "is not https")]
    public void What_is_no_origin_is_refused(string origins, string says) =>
        Assert.Contains(says, Assert.Throws<StartException>(() => new ServerOptions { Web = new WebOptions { Origins = origins } }.Validate()).Message, StringComparison.Ordinal);

    [Fact]
    public void Browsers_need_a_port_that_they_can_speak_to()
    {
        var options = new ServerOptions { Web = new WebOptions { Origins = Origin }, Pages = new Kpm.Server.Pages.PagesOptions { Listen = "off" } };

        Assert.Contains("--pages is off", Assert.Throws<StartException>(options.Validate).Message, StringComparison.Ordinal);
    }

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private static Task<TestServer> StartAsync(string origins) => TestServer.StartAsync(options: o => o with { Web = new WebOptions { Origins = origins } });

    private static string Url(TestServer server, string path) => server.PagesAddress!.TrimEnd('/') + path;

    /// <summary>A page whose script makes one call, waits for it, and shows the trailers of the answer.</summary>
    private static string Calling(string url, byte[] body) => $$"""
        <!DOCTYPE html><title>app</title><body></body><script>
        const call = new XMLHttpRequest();
        call.open('POST', '{{url}}', false);
        call.overrideMimeType('text/plain; charset=x-user-defined');
        call.setRequestHeader('content-type', 'application/grpc-web+proto');
        call.setRequestHeader('x-grpc-web', '1');
        try {
          call.send(new Uint8Array([{{string.Join(',', body)}}]));
          document.body.textContent = call.responseText.slice(call.responseText.indexOf('grpc-status'));
        } catch (e) {
          document.body.textContent = e.name;
        }
        </script>
        """;

    private static HttpRequestMessage Post(TestServer server, string path, IMessage message, string origin)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, Url(server, path)) { Content = new ByteArrayContent(Frame(message)) };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/grpc-web+proto");
        request.Headers.Add("origin", origin);
        request.Headers.Add("x-grpc-web", "1");
        return request;
    }

    private static HttpRequestMessage Preflight(TestServer server, string origin)
    {
        var request = new HttpRequestMessage(HttpMethod.Options, Url(server, Options));
        request.Headers.Add("origin", origin);
        request.Headers.Add("access-control-request-method", "POST");
        request.Headers.Add("access-control-request-headers", "authorization,content-type,x-grpc-web");
        return request;
    }

    private static async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request)
    {
        using (request)
        {
            return await Http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, Token);
        }
    }

    private static readonly HttpClient Http = new(new SocketsHttpHandler { UseProxy = false });

    private static byte[] Frame(IMessage message)
    {
        var bytes = message.ToByteArray();
        var frame = new byte[5 + bytes.Length];
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(1), bytes.Length);
        bytes.CopyTo(frame, 5);
        return frame;
    }

    private static List<(byte Flag, byte[] Message)> Frames(ReadOnlySpan<byte> body)
    {
        var frames = new List<(byte, byte[])>();
        while (!body.IsEmpty)
        {
            var length = BinaryPrimitives.ReadInt32BigEndian(body[1..]);
            frames.Add((body[0], body.Slice(5, length).ToArray()));
            body = body[(5 + length)..];
        }

        return frames;
    }

    private static async Task<WatchResponse> NextAsync(Stream body)
    {
        var head = new byte[5];
        await body.ReadExactlyAsync(head, Token);
        Assert.Equal(0, head[0]);
        var message = new byte[BinaryPrimitives.ReadInt32BigEndian(head.AsSpan(1))];
        await body.ReadExactlyAsync(message, Token);
        return WatchResponse.Parser.ParseFrom(message);
    }

    /// <summary>Where an app in a browser comes from.</summary>
    private sealed class PageStub(WebApplication app) : IAsyncDisposable
    {
        public string Origin => app.Urls.Single();

        public string Html { get; set; } = "";

        public static async Task<PageStub> StartAsync()
        {
            var builder = WebApplication.CreateSlimBuilder();
            builder.Logging.ClearProviders();
            builder.WebHost.UseKestrel(k => k.Listen(IPAddress.Loopback, 0));
            var app = builder.Build();
            var stub = new PageStub(app);
            app.Run(context =>
            {
                context.Response.ContentType = "text/html; charset=utf-8";
                return context.Response.WriteAsync(stub.Html);
            });
            await app.StartAsync();
            return stub;
        }

        public async ValueTask DisposeAsync()
        {
            await app.StopAsync();
            await app.DisposeAsync();
        }
    }
}
