using Kpm.Server.Administration;

namespace Kpm.Server.Secrets;

/// <summary>Destroys the sealing keys before the newest one.</summary>
internal sealed class RetireKeys(KeyRotation rotation) : IAdminCommand
{
    public static readonly AdminSyntax Shape = new("key retire", "", "takes the sealing keys before the newest one out of root.key");

    public AdminSyntax Syntax => Shape;

    public async Task<AdminAnswer> RunAsync(IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        var answer = await rotation.RetireAsync(cancellationToken);
        return answer.Done ? AdminAnswer.Done(answer.Text) : AdminAnswer.Refused(answer.Text);
    }
}
