using Kpm.Server.Administration;

namespace Kpm.Server.Vaults;

/// <summary>What the operator runs once after restoring a backup.</summary>
internal sealed class VaultsRestored(Restoration restoration) : IAdminCommand
{
    public static readonly AdminSyntax Shape = new("vaults restored", "", "once after restoring a backup: every device asks before it goes on");

    public AdminSyntax Syntax => Shape;

    public async Task<AdminAnswer> RunAsync(IReadOnlyList<string> arguments, CancellationToken cancellationToken) =>
        AdminAnswer.Done($"The generation of {await restoration.RunAsync(cancellationToken)} vault(s) was raised: every device stops and asks its person before it goes on.");
}
