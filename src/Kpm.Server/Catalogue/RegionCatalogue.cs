using System.Collections.Frozen;
using System.Text.Json;
using System.Text.Json.Serialization;
using Kpm.Server.Rpc;
using Kpm.V1;

namespace Kpm.Server.Catalogue;

/// <summary>Regions, languages, applications, sign-in methods and consent texts, from the one data file <c>catalogue.json</c>.</summary>
internal sealed class RegionCatalogue
{
    private readonly CatalogueFile _file;
    private readonly FrozenDictionary<string, CatalogueRegion> _regions;
    private readonly FrozenDictionary<string, CatalogueApplication> _applications;

    private RegionCatalogue(CatalogueFile file)
    {
        _file = file;
        _regions = file.Regions.ToFrozenDictionary(r => r.Code, StringComparer.Ordinal);
        RegionsByName = [.. file.Regions.OrderBy(r => r.Name, StringComparer.InvariantCulture).Select(r => r.ToContract())];
        _applications = file.Applications.ToFrozenDictionary(a => a.Id, StringComparer.Ordinal);
    }

    public CatalogueFile File => _file;

    /// <summary>Made once: messages that are only read may be sent many times.</summary>
    public IReadOnlyList<Region> RegionsByName { get; }

    public static RegionCatalogue Load()
    {
        using var stream = typeof(RegionCatalogue).Assembly.GetManifestResourceStream("catalogue.json")
            ?? throw new InvalidOperationException("The resource catalogue.json is missing.");
        return new RegionCatalogue(JsonSerializer.Deserialize(stream, CatalogueJson.Default.CatalogueFile)
            ?? throw new JsonException("catalogue.json is empty."));
    }

    public CatalogueRegion? Find(string code) => _regions.GetValueOrDefault(code);

    /// <summary>The name that people know it by.</summary>
    public string NameOfApplication(string id) => _applications[id].Name;

    public bool HasApplication(string id) => _applications.ContainsKey(id);

    /// <summary>The application is in the catalogue, and this version of it is no longer served.</summary>
    public bool IsTooOld(string applicationId, string version) =>
        _applications.TryGetValue(applicationId, out var application) && AppVersion.IsOlder(version, application.MinimumVersion);

    /// <summary>The applications on offer in a region, in the order of the catalogue.</summary>
    public IReadOnlyList<CatalogueApplication> ApplicationsOf(string region) =>
        Find(region) is { } found ? [.. _file.Applications.Where(a => found.Applications.Contains(a.Id, StringComparer.Ordinal))] : [];

    /// <summary>The region that a locale names, else the one its language suggests, else the default one.</summary>
    public string RegionOf(string locale)
    {
        if (LanguageTag.RegionOf(locale) is { } named && _regions.ContainsKey(named))
        {
            return named;
        }

        foreach (var tag in LanguageTag.Fallbacks(locale))
        {
            if (_file.LanguageRegions.FirstOrDefault(l => string.Equals(l.Key, tag, StringComparison.OrdinalIgnoreCase)).Value is { } suggested)
            {
                return suggested;
            }
        }

        return _file.DefaultRegion;
    }

    public IEnumerable<SignInMethod> MethodsOf(string region) =>
        _file.SignInMethods.Where(m => !m.ExceptRegions.Contains(region, StringComparer.Ordinal)).Select(m => Enum.Parse<SignInMethod>(m.Method, ignoreCase: true));

    /// <summary>The consent text in the locale's language, else in English.</summary>
    public ConsentText ConsentTextOf(string locale)
    {
        var texts = _file.MarketingConsent.Texts;
        var language = LanguageTag.Fallbacks(locale).Select(t => t.ToLowerInvariant()).FirstOrDefault(texts.ContainsKey) ?? "en";
        return new ConsentText { Version = _file.MarketingConsent.Version, Language = language, Text = texts[language] };
    }
}

/// <summary>The data file.</summary>
internal sealed record CatalogueFile
{
    public required string DefaultRegion { get; init; }
    public required IReadOnlyList<CatalogueApplication> Applications { get; init; }
    public required IReadOnlyList<CatalogueMethod> SignInMethods { get; init; }
    public required CatalogueConsent MarketingConsent { get; init; }

    /// <summary>The region that a bare language suggests.</summary>
    public required IReadOnlyDictionary<string, string> LanguageRegions { get; init; }
    public required IReadOnlyList<CatalogueRegion> Regions { get; init; }
}

internal sealed record CatalogueApplication
{
    public required string Id { get; init; }
    public required string Name { get; init; }

    /// <summary>Older versions get UPGRADE_REQUIRED when they register or sign in.</summary>
    public required string MinimumVersion { get; init; }
}

internal sealed record CatalogueMethod
{
    /// <summary>The name in the contract without its prefix.</summary>
    public required string Method { get; init; }
    public required IReadOnlyList<string> ExceptRegions { get; init; }
}

internal sealed record CatalogueConsent
{
    public required string Version { get; init; }
    public required IReadOnlyDictionary<string, string> Texts { get; init; }
}

internal sealed record CatalogueRegion
{
    /// <summary>ISO 3166-1 alpha-2.</summary>
    public required string Code { get; init; }
    public required string Name { get; init; }

    /// <summary>BCP 47, the default first.</summary>
    public required IReadOnlyList<string> Languages { get; init; }
    public required IReadOnlyList<string> Applications { get; init; }

    public Region ToContract()
    {
        var region = new Region { Code = Code, Name = Name };
        region.Languages.Add(Languages);
        region.ApplicationIds.Add(Applications);
        return region;
    }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow)]
[JsonSerializable(typeof(CatalogueFile))]
internal sealed partial class CatalogueJson : JsonSerializerContext;
