using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using System.Web;
using Grpc.Core;
using Kpm.Server.Tests.Hosting;
using Kpm.V1;
using Base64Url = System.Buffers.Text.Base64Url;

namespace Kpm.Server.Tests.Federation;

/// <summary>A flow that an app has started, with what only the app knows.</summary>
internal sealed record AppFlow(StartFederatedSignInResponse Started, string Verifier, string Redirect)
{
    public FederatedCredential With(IReadOnlyDictionary<string, string> answer) => new()
    {
        FlowId = Started.FlowId,
        Code = new AuthorizationCode { Code = answer["code"], State = answer["state"], CodeVerifier = Verifier },
    };

    public FederatedCredential With(string idToken) => new() { FlowId = Started.FlowId, IdToken = idToken };
}

/// <summary>What an app and its person's browser do in a flow at a provider.</summary>
internal static partial class FederatedApp
{
    public const string Loopback = "http://127.0.0.1:49152/callback";

    public static CallOptions Anonymous => new();

    /// <summary>Starts a flow through the browser.</summary>
    public static async Task<AppFlow> StartFlowAsync(
        this TestServer server, string provider, FederatedPurpose purpose = FederatedPurpose.SignIn, TestDevice? by = null, string redirect = Loopback, string region = "AT")
    {
        var verifier = Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(32));
        var request = new StartFederatedSignInRequest
        {
            ProviderId = provider,
            Purpose = purpose,
            Region = region,
            RedirectUri = redirect,
            CodeChallenge = Base64Url.EncodeToString(SHA256.HashData(Encoding.ASCII.GetBytes(verifier))),
        };
        return new AppFlow(await server.Accounts.StartFederatedSignInAsync(request, by?.Call ?? Anonymous), verifier, redirect);
    }

    /// <summary>Starts a flow for an app that asks the provider's SDK for an id_token.</summary>
    public static async Task<AppFlow> StartSdkFlowAsync(this TestServer server, string provider, FederatedPurpose purpose = FederatedPurpose.SignIn, TestDevice? by = null) =>
        new(await server.Accounts.StartFederatedSignInAsync(new StartFederatedSignInRequest { ProviderId = provider, Purpose = purpose, Region = "AT" }, by?.Call ?? Anonymous), "", "");

    /// <summary>The person signs in at the provider; what the provider sends to the redirect.</summary>
    public static Task<IReadOnlyDictionary<string, string>> AtProviderAsync(AppFlow flow, string sub) => BrowseAsync(flow.Started.AuthorizationUrl, flow.Redirect, sub);

    /// <summary>A browser without a window: follows redirects, keeps cookies, and sends a form that a page would send by itself.</summary>
    public static async Task<IReadOnlyDictionary<string, string>> BrowseAsync(string authorizationUrl, string redirect, string sub)
    {
        using var handler = new SocketsHttpHandler { AllowAutoRedirect = false, CookieContainer = new CookieContainer() };
        using var browser = new HttpClient(handler);
        var next = new Uri($"{authorizationUrl}&login_hint={Uri.EscapeDataString(sub)}");
        for (var hops = 0; hops < 12; hops++)
        {
            using var response = await browser.GetAsync(next, TestContext.Current.CancellationToken);
            var body = await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
            if (response.Headers.Location is { } location)
            {
                next = location.IsAbsoluteUri ? location : new Uri(next, location);
                if (next.GetLeftPart(UriPartial.Path) == redirect)
                {
                    var query = HttpUtility.ParseQueryString(next.Query);
                    return query.AllKeys.ToDictionary(k => k!, k => query[k]!, StringComparer.Ordinal);
                }
            }
            else if (FormAction().Match(body) is { Success: true } form && HttpUtility.HtmlDecode(form.Groups[1].Value) == redirect)
            {
                return Input().Matches(body).ToDictionary(m => m.Groups[1].Value, m => HttpUtility.HtmlDecode(m.Groups[2].Value), StringComparer.Ordinal);
            }
            else
            {
                Assert.Fail($"{(int)response.StatusCode} at {next.GetLeftPart(UriPartial.Path)}: {body}");
            }
        }

        throw new InvalidOperationException("The provider redirects without an end.");
    }

    /// <summary>The whole flow to sign in.</summary>
    public static async Task<CompleteFederatedSignInResponse> SignInWithAsync(this TestServer server, string provider, string sub, TestDevice device, string redirect = Loopback)
    {
        var flow = await server.StartFlowAsync(provider, redirect: redirect);
        return await server.CompleteAsync(flow.With(await AtProviderAsync(flow, sub)), device);
    }

    public static async Task<CompleteFederatedSignInResponse> CompleteAsync(this TestServer server, FederatedCredential credential, TestDevice device) =>
        await server.Accounts.CompleteFederatedSignInAsync(new CompleteFederatedSignInRequest { Credential = credential, Device = device.Info });

    /// <summary>The request to register with the ticket, without a password.</summary>
    public static CreateAccountRequest RegistrationWith(this TestDevice device, RegisterFirst first, string? email = null)
    {
        var request = device.CreateRequest(email ?? first.Email);
        request.Password = request.PasswordConfirmation = "";
        request.RegistrationTicket = first.Ticket;
        return request;
    }

    /// <summary>A device connected to a new account that was registered with an identity, and has no password.</summary>
    public static async Task<TestDevice> RegisterWithAsync(this TestServer server, string provider, string sub, string redirect = Loopback)
    {
        var device = new TestDevice(server.Time);
        var first = (await server.SignInWithAsync(provider, sub, device, redirect)).RegisterFirst;
        var created = (await server.Accounts.CreateAccountAsync(device.RegistrationWith(first))).Created;
        device.Account = created.Account;
        device.Session = created.Session;
        return device;
    }

    /// <summary>The ticket of a re-authentication at the provider.</summary>
    public static async Task<string> AskAgainAsync(this TestServer server, string provider, string sub, TestDevice by)
    {
        var flow = await server.StartFlowAsync(provider, FederatedPurpose.Reauthenticate, by);
        var completed = await server.Accounts.CompleteFederatedSignInAsync(new CompleteFederatedSignInRequest { Credential = flow.With(await AtProviderAsync(flow, sub)) }, by.Call);
        return completed.Reauthenticated.Ticket;
    }

    /// <summary>Links an identity with the account's password.</summary>
    public static async Task<Identity> LinkAsync(this TestServer server, string provider, string sub, TestDevice by)
    {
        var flow = await server.StartFlowAsync(provider, FederatedPurpose.Link, by);
        return (await server.Accounts.LinkIdentityAsync(LinkRequest(flow.With(await AtProviderAsync(flow, sub))), by.Call)).Identity;
    }

    public static LinkIdentityRequest LinkRequest(FederatedCredential credential, Reauthentication? reauthentication = null) => new()
    {
        RequestId = Guid.CreateVersion7().ToString("D"),
        Reauthentication = reauthentication ?? new Reauthentication { Password = AccountSteps.Password },
        Credential = credential,
    };

    [GeneratedRegex("<form[^>]* action=\"([^\"]+)\"")]
    private static partial Regex FormAction();

    [GeneratedRegex("<input type=\"hidden\" name=\"([^\"]+)\" value=\"([^\"]*)\"")]
    private static partial Regex Input();
}
