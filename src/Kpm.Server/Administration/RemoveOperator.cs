using Kpm.Server.Support;

namespace Kpm.Server.Administration;

/// <summary>Withdraws an operator's credential at once. What the operator did stays in the accounts' events.</summary>
internal sealed class RemoveOperator(IOperatorStore operators) : IAdminCommand
{
    public static readonly AdminSyntax Shape = new("operator remove", "NAME", "withdraws an operator's credential at once");

    public AdminSyntax Syntax => Shape;

    public async Task<AdminAnswer> RunAsync(IReadOnlyList<string> arguments, CancellationToken cancellationToken) =>
        OperatorName.TryParse(arguments[0], out var name) && await operators.RemoveAsync(name.Key, cancellationToken)
            ? AdminAnswer.Done($"Operator {name.Text} was removed; the credential works no more.")
            : AdminAnswer.Refused($"There is no operator {arguments[0]}. kpm-server operator list shows them.");
}
