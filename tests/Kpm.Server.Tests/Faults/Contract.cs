namespace Kpm.Server.Tests.Faults;

/// <summary>What the tests know of the server beyond its protos.</summary>
internal static class Contract
{
    public const string SyncMethod = "/kpm.v1.VaultService/Sync";
    public const string RefreshMethod = "/kpm.v1.AccountService/RefreshSession";
    public const string ApplicationId = "kpm-sdk";

    /// <summary>The version of the consent text that people see today.</summary>
    public static readonly string ConsentVersion = Kpm.Server.Catalogue.RegionCatalogue.Load().File.MarketingConsent.Version;

    /// <summary>Cheap password hashes; everything else is as it ships.</summary>
    public static readonly IReadOnlyDictionary<string, string> TestSettings = new Dictionary<string, string>(StringComparer.Ordinal)
    {
        ["Kpm__PasswordHash__Cost"] = "4",
    };
}
