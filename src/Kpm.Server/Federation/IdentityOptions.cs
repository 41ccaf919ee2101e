using Kpm.Server.Catalogue;

namespace Kpm.Server.Federation;

/// <summary>Section <c>Kpm:Identity</c>: the providers of identities that people may sign in with. docs/federation.md walks through each kind.</summary>
internal sealed record IdentityOptions
{
    /// <summary>By the id that the contract calls <c>provider_id</c>; an id is stored with every identity and must not change.</summary>
    public Dictionary<string, ProviderOptions> Providers { get; init; } = [];

    /// <summary>Allows issuers in clear text on this machine's loopback addresses, for development and tests; all others must be https.</summary>
    public bool AllowLoopbackIssuers { get; init; }

    public void Validate()
    {
        foreach (var (id, provider) in Providers)
        {
            if (id.Length is 0 or > 64 || !id.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c == '-'))
            {
                throw new StartException($"Kpm:Identity:Providers has the id \"{id}\"; an id is 1 to 64 lower-case letters, digits and hyphens.");
            }

            provider.Validate($"Kpm:Identity:Providers:{id}", AllowLoopbackIssuers);
        }
    }
}

/// <summary>What a provider is, which decides its defaults and what of it is trusted.</summary>
internal enum ProviderKind
{
    Unspecified,
    Google,
    Apple,
    Facebook,

    /// <summary>Any other provider that speaks OpenID Connect with discovery.</summary>
    OpenId,
}

/// <summary>One provider.</summary>
internal sealed record ProviderOptions
{
    /// <summary>google, apple, facebook or openid.</summary>
    public ProviderKind Kind { get; init; }

    /// <summary>The name on the button; the kind's own when empty.</summary>
    public string Name { get; init; } = "";

    /// <summary>The issuer; the kind's own when empty, and needed for openid.</summary>
    public string Issuer { get; init; } = "";

    /// <summary>The client id of this server at the provider.</summary>
    public string ClientId { get; init; } = "";

    /// <summary>A file with the client secret; empty for a public client. Apple has none: see PrivateKeyFile.</summary>
    public string ClientSecretFile { get; init; } = "";

    /// <summary>Further client ids whose id_tokens are taken: those of the mobile apps.</summary>
    public IReadOnlyList<string> Audiences { get; init; } = [];

    /// <summary>Where browsers may be sent back to, besides the loopback addresses of the person's own machine; compared letter by letter.</summary>
    public IReadOnlyList<string> RedirectUris { get; init; } = [];

    /// <summary>Regions where the provider is not offered, besides those of the catalogue.</summary>
    public IReadOnlyList<string> ExcludedRegions { get; init; } = [];

    /// <summary>For openid: the provider's claim email_verified is believed, so that an account with that address is active at once.</summary>
    public bool EmailsVerified { get; init; }

    /// <summary>Re-authentication demands the claim auth_time; unset: for apple and openid, which tell it.</summary>
    public bool? RequireAuthTime { get; init; }

    /// <summary>For apple: the team's id, and the id and PEM file (.p8) of the key that signs the client secret.</summary>
    public string TeamId { get; init; } = "";

    public string KeyId { get; init; } = "";

    public string PrivateKeyFile { get; init; } = "";

    public void Validate(string path, bool allowLoopback)
    {
        if (Kind == ProviderKind.Unspecified)
        {
            throw new StartException($"{path}:Kind is missing; it must be google, apple, facebook or openid.");
        }

        if (ClientId.Length == 0)
        {
            throw new StartException($"{path}:ClientId is missing: the provider gives it out when the server is registered there.");
        }

        if (Kind == ProviderKind.OpenId && (Issuer.Length == 0 || Name.Length == 0))
        {
            throw new StartException($"{path} is of the kind openid and needs an Issuer and a Name.");
        }

        if (Issuer.Length > 0 && !ProviderAddress.IsTrustworthy(Issuer, allowLoopback))
        {
            throw new StartException($"{path}:Issuer \"{Issuer}\" must be an https address without query and fragment.");
        }

        RequireFile($"{path}:ClientSecretFile", ClientSecretFile);
        RequireFile($"{path}:PrivateKeyFile", PrivateKeyFile);
        if (Kind == ProviderKind.Apple && (TeamId.Length == 0 || KeyId.Length == 0 || PrivateKeyFile.Length == 0))
        {
            throw new StartException($"{path} is of the kind apple and needs TeamId, KeyId and PrivateKeyFile: Apple's client secret is signed with the team's key.");
        }

        if (RedirectUris.FirstOrDefault(r => !ProviderAddress.IsRedirect(r)) is { } redirect)
        {
            throw new StartException($"{path}:RedirectUris has \"{redirect}\", which is not an absolute address without fragment.");
        }

        var regions = RegionCatalogue.Load();
        if (ExcludedRegions.FirstOrDefault(r => regions.Find(r) is null) is { } region)
        {
            throw new StartException($"{path}:ExcludedRegions has \"{region}\", which is not a region of the catalogue.");
        }
    }

    private static void RequireFile(string path, string file)
    {
        if (file.Length > 0 && !File.Exists(file))
        {
            throw new StartException($"{path} \"{file}\" does not exist.");
        }
    }
}
