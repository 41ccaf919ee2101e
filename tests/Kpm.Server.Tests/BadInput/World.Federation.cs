using System.Security.Cryptography;
using System.Text;
using Kpm.Server.Tests.Federation;
using Kpm.V1;
using Base64Url = System.Buffers.Text.Base64Url;
using TestDevice = Kpm.Server.Tests.Faults.TestDevice;

namespace Kpm.Server.Tests.BadInput;

/// <summary>Valid requests of federated sign-in, with a real provider behind them.</summary>
public sealed partial class World
{
    private static int _subjects;

    private readonly OpenIdParts _openId = new();

    private Dictionary<string, Func<CancellationToken, Task<BaseCall>>> FederatedMakers
    {
        get
        {
            var makers = new Dictionary<string, Func<CancellationToken, Task<BaseCall>>>(StringComparer.Ordinal)
            {
                ["kpm.v1.AccountService.StartFederatedSignIn"] = _ => Anonymous(StartRequest(FederatedPurpose.SignIn, FederatedApp.Loopback).Request),
                ["kpm.v1.AccountService.CompleteFederatedSignIn:id_token"] = async c => Complete(await ByTokenAsync(FederatedPurpose.SignIn, null, c)),
                ["kpm.v1.AccountService.CompleteFederatedSignIn:code"] = async c => Complete(await ByCodeAsync(FederatedPurpose.SignIn, null, c)),
                ["kpm.v1.AccountService.ListIdentities"] = _ => Task.FromResult(By(Owner, new ListIdentitiesRequest { PageSize = 10 })),
                ["kpm.v1.AccountService.LinkIdentity:code"] = async c =>
                {
                    var device = await NewActiveAsync(c);
                    return By(device, Link(Proof(new SecondFactor { AuthenticatorCode = "123456" }), await ByCodeAsync(FederatedPurpose.Link, device, c)));
                },
            };
            AddReauthenticated(makers, "kpm.v1.AccountService.LinkIdentity", async (proof, c) =>
            {
                var device = await NewActiveAsync(c);
                return By(device, Link(proof, await ByTokenAsync(FederatedPurpose.Link, device, c)));
            });
            AddReauthenticated(makers, "kpm.v1.AccountService.UnlinkIdentity", async (proof, c) =>
            {
                var device = await NewActiveAsync(c);
                var link = Link(new Reauthentication { Password = TestDevice.Password }, await ByTokenAsync(FederatedPurpose.Link, device, c));
                var linked = await Accounts.LinkIdentityAsync(link, device.Headers, cancellationToken: c);
                return By(device, new UnlinkIdentityRequest { RequestId = TestDevice.NewId(), Reauthentication = proof, IdentityId = linked.Identity.IdentityId });
            });
            return makers;
        }
    }

    /// <summary>The configuration of a server with the provider "google".</summary>
    private Dictionary<string, string> FederatedSettings => new(StringComparer.Ordinal)
    {
        ["Kpm__Identity__AllowLoopbackIssuers"] = "true",
        ["Kpm__Identity__Providers__google__Kind"] = "google",
        ["Kpm__Identity__Providers__google__Issuer"] = _openId.IssuerOf(OpenIdParts.Google),
        ["Kpm__Identity__Providers__google__ClientId"] = OpenIdParts.ClientOf(OpenIdParts.Google),
        ["Kpm__Identity__Providers__google__ClientSecretFile"] = _openId.SecretFileOf(OpenIdParts.Google),
        ["Kpm__Identity__Providers__google__Audiences__0"] = OpenIdParts.MobileClientOf(OpenIdParts.Google),
    };

    private AccountService.AccountServiceClient Accounts => new(Connection);

    private static BaseCall Complete(FederatedCredential credential)
    {
        var device = new TestDevice(TestDevice.NewEmail());
        var info = device.Info();
        Share(device, info, "CompleteFederatedSignIn");
        return new BaseCall(new CompleteFederatedSignInRequest { Credential = credential, Device = info, TrustedDeviceToken = "kpm-trusted-" + new string('a', 43) }, null);
    }

    private static LinkIdentityRequest Link(Reauthentication proof, FederatedCredential credential) => new() { RequestId = TestDevice.NewId(), Reauthentication = proof, Credential = credential };

    private static (StartFederatedSignInRequest Request, string Verifier) StartRequest(FederatedPurpose purpose, string redirect)
    {
        var verifier = Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(32));
        var challenge = redirect.Length > 0 ? Base64Url.EncodeToString(SHA256.HashData(Encoding.ASCII.GetBytes(verifier))) : "";
        return (new StartFederatedSignInRequest { ProviderId = OpenIdParts.Google, Purpose = purpose, Region = "AT", RedirectUri = redirect, CodeChallenge = challenge }, verifier);
    }

    private static string NewSubject() => $"world-{Interlocked.Increment(ref _subjects)}";

    private async Task<FederatedCredential> ByTokenAsync(FederatedPurpose purpose, TestDevice? by, CancellationToken cancellationToken)
    {
        var started = await Accounts.StartFederatedSignInAsync(StartRequest(purpose, "").Request, by?.Headers, cancellationToken: cancellationToken);
        var token = _openId.Sign(OpenIdParts.Google, _openId.Claims(OpenIdParts.Google, started.Nonce, NewSubject()));
        return new FederatedCredential { FlowId = started.FlowId, IdToken = token, PersonName = "Ada" };
    }

    private async Task<FederatedCredential> ByCodeAsync(FederatedPurpose purpose, TestDevice? by, CancellationToken cancellationToken)
    {
        var (request, verifier) = StartRequest(purpose, FederatedApp.Loopback);
        var started = await Accounts.StartFederatedSignInAsync(request, by?.Headers, cancellationToken: cancellationToken);
        var answer = await FederatedApp.BrowseAsync(started.AuthorizationUrl, FederatedApp.Loopback, NewSubject());
        return new FederatedCredential
        {
            FlowId = started.FlowId,
            Code = new AuthorizationCode { Code = answer["code"], State = answer["state"], CodeVerifier = verifier },
            PersonName = "Ada",
        };
    }
}
