using Kpm.V1;

namespace Kpm.Server.Federation;

/// <summary>A configured provider with everything that its kind decides.</summary>
internal sealed record OpenIdProvider
{
    public required string Id { get; init; }
    public required ProviderKind Kind { get; init; }
    public required SignInMethod Method { get; init; }
    public required ProviderOptions Options { get; init; }
    public required string Name { get; init; }

    /// <summary>What the claim iss may say, and where that issuer's document is. The first one stands for all of them in stored identities.</summary>
    public required IReadOnlyList<ProviderIssuer> Issuers { get; init; }

    /// <summary>What the discovery document lacks: Facebook's names no token endpoint.</summary>
    public string AuthorizationEndpoint { get; init; } = "";

    public string TokenEndpoint { get; init; } = "";

    public required string Scope { get; init; }

    /// <summary>Parameters of every authorization request.</summary>
    public IReadOnlyList<KeyValuePair<string, string>> Parameters { get; init; } = [];

    /// <summary>Parameters that ask the person again, for re-authentication.</summary>
    public required IReadOnlyList<KeyValuePair<string, string>> AskAgain { get; init; }

    /// <summary>Re-authentication demands that the token says when the person was asked.</summary>
    public required bool RequireAuthTime { get; init; }

    /// <summary>The claim email_verified is believed.</summary>
    public required bool EmailsVerified { get; init; }

    /// <summary>The app may hand over the person's name: Apple tells it to the app only, and only once.</summary>
    public bool NameFromApp { get; init; }

    /// <summary>Browsers can be sent back to a loopback address of the person's machine; Apple allows none.</summary>
    public bool LoopbackRedirects { get; init; } = true;

    /// <summary>Its client ids, the server's own first.</summary>
    public IReadOnlyList<string> ClientIds => [Options.ClientId, .. Options.Audiences];

    public string Issuer => Issuers[0].Issuer;

    public IdentityProvider ToContract()
    {
        var provider = new IdentityProvider { ProviderId = Id, Method = Method, Name = Name };
        provider.ClientIds.Add(ClientIds);
        return provider;
    }

    public static OpenIdProvider Of(string id, ProviderOptions options) => options.Kind switch
    {
        ProviderKind.Google => Google(id, options),
        ProviderKind.Apple => Apple(id, options),
        ProviderKind.Facebook => Facebook(id, options),
        _ => Other(id, options),
    };

    /// <summary>Google writes its issuer with and without the scheme, knows no prompt=login, and tells no auth_time.</summary>
    private static OpenIdProvider Google(string id, ProviderOptions options) => new()
    {
        Id = id,
        Kind = ProviderKind.Google,
        Method = SignInMethod.Google,
        Options = options,
        Name = NameOr(options, "Google"),
        Issuers = options.Issuer.Length > 0
            ? [ProviderIssuer.Of(options.Issuer)]
            : [ProviderIssuer.Of("https://accounts.google.com"), ProviderIssuer.Of("https://accounts.google.com") with { Issuer = "accounts.google.com" }],
        Scope = "openid email profile",
        AskAgain = [new("prompt", "select_account")],
        RequireAuthTime = options.RequireAuthTime ?? false,
        EmailsVerified = true,
    };

    /// <summary>Apple posts its answer where name or address are asked for, and every one of its sign-ins asks the person.</summary>
    private static OpenIdProvider Apple(string id, ProviderOptions options) => new()
    {
        Id = id,
        Kind = ProviderKind.Apple,
        Method = SignInMethod.Apple,
        Options = options,
        Name = NameOr(options, "Apple"),
        Issuers = [ProviderIssuer.Of(options.Issuer.Length > 0 ? options.Issuer : "https://appleid.apple.com")],
        Scope = "openid email name",
        Parameters = [new("response_mode", "form_post")],
        AskAgain = [],
        RequireAuthTime = options.RequireAuthTime ?? true,
        EmailsVerified = true,
        NameFromApp = true,
        LoopbackRedirects = false,
    };

    /// <summary>
    /// Facebook: tokens of the web dialog and of Limited Login come from two issuers with keys of their own. It does not say
    /// whether it has verified an address, so none is trusted.
    /// </summary>
    private static OpenIdProvider Facebook(string id, ProviderOptions options)
    {
        var own = options.Issuer.Length == 0;
        return new()
        {
            Id = id,
            Kind = ProviderKind.Facebook,
            Method = SignInMethod.Facebook,
            Options = options,
            Name = NameOr(options, "Facebook"),
            Issuers = own
                ? [ProviderIssuer.Of("https://www.facebook.com"), ProviderIssuer.Of("https://limited.facebook.com")]
                : [ProviderIssuer.Of(options.Issuer)],
            AuthorizationEndpoint = own ? "https://www.facebook.com/dialog/oauth" : "",
            TokenEndpoint = own ? "https://graph.facebook.com/oauth/access_token" : "",
            Scope = "openid email public_profile",
            AskAgain = [new("auth_type", "reauthenticate")],
            RequireAuthTime = options.RequireAuthTime ?? false,
            EmailsVerified = false,
        };
    }

    private static OpenIdProvider Other(string id, ProviderOptions options) => new()
    {
        Id = id,
        Kind = ProviderKind.OpenId,
        Method = SignInMethod.Openid,
        Options = options,
        Name = options.Name,
        Issuers = [ProviderIssuer.Of(options.Issuer)],
        Scope = "openid email profile",
        AskAgain = [new("prompt", "login"), new("max_age", "0")],
        RequireAuthTime = options.RequireAuthTime ?? true,
        EmailsVerified = options.EmailsVerified,
    };

    private static string NameOr(ProviderOptions options, string name) => options.Name.Length > 0 ? options.Name : name;
}

/// <summary>A spelling of an issuer, and the address of its discovery document.</summary>
internal sealed record ProviderIssuer(string Issuer, string Document)
{
    /// <summary>OpenID Connect Discovery 1.0, section 4.</summary>
    public static ProviderIssuer Of(string issuer) => new(issuer, issuer.TrimEnd('/') + "/.well-known/openid-configuration");
}
