using System.Globalization;
using Kpm.Server.Support;

namespace Kpm.Server.Administration;

/// <summary>Shows the operators of support.</summary>
internal sealed class ListOperators(IOperatorStore operators) : IAdminCommand
{
    public static readonly AdminSyntax Shape = new("operator list", "", "the operators of support, when they were added and last seen");

    private static readonly CultureInfo Culture = CultureInfo.InvariantCulture;

    public AdminSyntax Syntax => Shape;

    public async Task<AdminAnswer> RunAsync(IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        var rows = await operators.ListAsync(cancellationToken);
        if (rows.Count == 0)
        {
            return AdminAnswer.Done("There are no operators. kpm-server operator add NAME makes one.");
        }

        var width = Math.Max("name".Length, rows.Max(r => r.Name.Length));
        return AdminAnswer.Done(string.Join('\n', rows
            .Select(r => Line(r.Name, Text(r.CreatedAt), r.LastUsedAt is { } used ? Text(used) : "never"))
            .Prepend(Line("name", "added", "last seen"))));

        string Line(string name, string added, string seen) => $"{name.PadRight(width)}  {added,-20}  {seen}";
    }

    private static string Text(DateTimeOffset time) => time.ToString("yyyy-MM-dd HH:mm 'UTC'", Culture);
}
