using Kpm.Server.Administration;

namespace Kpm.Server.Secrets;

/// <summary>Puts a new sealing key to use; the server goes on meanwhile.</summary>
internal sealed class RotateKey(KeyRotation rotation) : IAdminCommand
{
    public static readonly AdminSyntax Shape = new("key rotate", "", "puts a new sealing key to use and seals everything anew");

    public AdminSyntax Syntax => Shape;

    public async Task<AdminAnswer> RunAsync(IReadOnlyList<string> arguments, CancellationToken cancellationToken) =>
        AdminAnswer.Done(await rotation.RotateAsync(cancellationToken));
}
