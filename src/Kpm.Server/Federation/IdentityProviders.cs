using System.Collections.Frozen;
using Google.Protobuf.WellKnownTypes;
using Kpm.Server.Catalogue;
using Kpm.Server.Rpc;
using Kpm.V1;

namespace Kpm.Server.Federation;

/// <summary>The configured providers, and where each is open: the catalogue decides by method, the configuration may close more.</summary>
internal sealed class IdentityProviders(IdentityOptions options, RegionCatalogue catalogue)
{
    private readonly FrozenDictionary<string, OpenIdProvider> _providers =
        options.Providers.ToFrozenDictionary(p => p.Key, p => OpenIdProvider.Of(p.Key, p.Value), StringComparer.Ordinal);

    public OpenIdProvider? Find(string id) => _providers.GetValueOrDefault(id);

    /// <summary>The provider where it is open, else METHOD_NOT_AVAILABLE.</summary>
    public OpenIdProvider OpenIn(string region, string id) =>
        Find(id) is { } provider && IsOpen(provider, region) ? provider : throw Errors.Of(ErrorReason.MethodNotAvailable);

    public bool IsOpen(string region, string id) => Find(id) is { } provider && IsOpen(provider, region);

    /// <summary>The providers that are open in the region, by name.</summary>
    public IEnumerable<OpenIdProvider> OpenIn(string region) =>
        _providers.Values.Where(p => IsOpen(p, region)).OrderBy(p => p.Name, StringComparer.Ordinal).ThenBy(p => p.Id, StringComparer.Ordinal);

    /// <summary>The methods that are open in the region: the password, and what a provider is configured for.</summary>
    public IEnumerable<SignInMethod> MethodsOf(string region) =>
        catalogue.MethodsOf(region).Where(m => m == SignInMethod.Password || _providers.Values.Any(p => p.Method == m && IsOpen(p, region)));

    /// <summary>The provider's name for people; its id where it is no longer configured.</summary>
    public string NameOf(string id) => Find(id)?.Name ?? id;

    /// <summary>The identity as the contract shows it; of a provider that is no longer configured, the method is unknown.</summary>
    public Identity ToContract(IdentityRow row) => new()
    {
        IdentityId = row.IdentityId.ToWire(),
        ProviderId = row.ProviderId,
        Method = Find(row.ProviderId)?.Method ?? SignInMethod.Unspecified,
        Email = row.Email,
        LinkedAt = Timestamp.FromDateTimeOffset(row.LinkedAt),
        LastUsedAt = row.LastUsedAt is { } at ? Timestamp.FromDateTimeOffset(at) : null,
    };

    private bool IsOpen(OpenIdProvider provider, string region) =>
        catalogue.MethodsOf(region).Contains(provider.Method) && !provider.Options.ExcludedRegions.Contains(region, StringComparer.Ordinal);
}
