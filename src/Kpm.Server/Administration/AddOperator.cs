using Kpm.Server.Secrets;
using Kpm.Server.Support;

namespace Kpm.Server.Administration;

/// <summary>Makes an operator of support; the credential is shown here and never again.</summary>
internal sealed class AddOperator(IOperatorStore operators, TimeProvider time) : IAdminCommand
{
    public static readonly AdminSyntax Shape = new("operator add", "NAME", "a new operator of support; shows the credential once");

    public AdminSyntax Syntax => Shape;

    public async Task<AdminAnswer> RunAsync(IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        if (!OperatorName.TryParse(arguments[0], out var name))
        {
            return AdminAnswer.Refused("The name of an operator has 1 to 40 letters, digits, spaces, dots, hyphens and underscores, and does not begin or end with a space or begin with a hyphen.");
        }

        var credential = SecretToken.New(Operators.CredentialPrefix);
        var row = new OperatorRow { OperatorId = Ids.New(time), Name = name.Text, CreatedAt = time.Now(), LastUsedAt = null };
        return await operators.AddAsync(row, name.Key, SecretToken.Hash(credential), cancellationToken)
            ? AdminAnswer.Done($"Operator {name.Text} was added. The credential is shown only now; give it to nobody else:\n{credential}")
            : AdminAnswer.Refused($"There is an operator {name.Text} already. Remove that one first, or choose another name.");
    }
}
