namespace Kpm.Server.Vaults;

/// <summary>How full a vault is.</summary>
internal static class Quota
{
    /// <summary>Above 90 % of items or bytes: time to tell the person, before anything is refused.</summary>
    public static bool IsNearlyFull(this VaultState state, Limits limits) => IsNearly(state.Items, limits.VaultItems) || IsNearly(state.TotalBytes, limits.VaultBytes);

    private static bool IsNearly(ulong used, ulong most) => (UInt128)used * 10 > (UInt128)most * 9;
}
