using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Kpm.Bench.Harness;

/// <summary>What a figure is held to.</summary>
internal sealed record Bound(bool AtLeast, double Value)
{
    public static Bound Min(double value) => new(true, value);

    public static Bound Max(double value) => new(false, value);

    public bool Holds(double figure) => AtLeast ? figure >= Value : figure <= Value;
}

/// <summary>
/// One line of the table. <see cref="Samples"/> holds one figure a pair (a ratio, or a value where the unit says so);
/// the median counts. <see cref="Ours"/> and <see cref="Anchor"/> are absolute, for a feeling only.
/// </summary>
internal sealed record Row
{
    public required string Id { get; init; }
    public required string What { get; init; }
    public required string Unit { get; init; }
    public string Ours { get; init; } = "";
    public string Anchor { get; init; } = "";

    /// <summary>What the server used an operation, ours and the anchor's: CPU, and bytes written where there were any.</summary>
    public string Used { get; init; } = "";
    public double[] Samples { get; init; } = [];
    public Bound? Must { get; init; }
    public Bound? Goal { get; init; }

    /// <summary>Why there is no figure; null where there is one.</summary>
    public string? Missing { get; init; }

    public double? Median => Samples.Length == 0 ? null : Statistics.Median(Samples);

    public string Verdict =>
        Median is not { } median ? "n/a"
        : Must == null && Goal == null ? "-"
        : Goal?.Holds(median) == true ? "goal"
        : Must == null ? "below goal"
        : Must.Holds(median) ? "must"
        : "MISSED";
}

/// <summary>Collects rows and prints them as one table, or as JSON.</summary>
internal sealed class Report
{
    private static readonly JsonSerializerOptions Json = new() { WriteIndented = true, PropertyNamingPolicy = JsonNamingPolicy.CamelCase };

    private readonly List<Row> _rows = [];

    public IReadOnlyList<Row> Rows => _rows;

    public void Add(Row row)
    {
        _rows.Add(row);
        var figure = row.Median is { } median ? Figure(median, row.Unit) + Range(row) : row.Missing;
        Console.Error.WriteLine($"  {row.Id} {row.What}: {figure}  [{row.Verdict}]  ours {row.Ours}  anchor {row.Anchor}  used {row.Used}");
    }

    /// <summary>Adds a row of rates, ours / anchor; with <paramref name="missing"/>, why there is no anchor, only ours.</summary>
    public void AddRates(string id, string what, IReadOnlyList<(LoadResult Ours, LoadResult Anchor)> pairs, Bound? must = null, Bound? goal = null, string? missing = null) =>
        AddRatio(id, what, pairs, r => r.Rate, v => Text($"{v:#,0}/s"), must, goal, missing, Used(pairs, missing));

    /// <summary>Adds a row of latencies, ours / anchor.</summary>
    public void AddLatencies(string id, string what, IReadOnlyList<(LoadResult Ours, LoadResult Anchor)> pairs, Func<LoadResult, double> microseconds, Bound? must = null, Bound? goal = null, string? missing = null) =>
        AddRatio(id, what, pairs, microseconds, v => Text($"{v:#,0} us"), must, goal, missing, used: "");

    public string Table(BenchEnvironment environment)
    {
        var text = new StringBuilder();
        text.AppendLine(CultureInfo.InvariantCulture, $"{environment}");
        text.AppendLine();
        string[][] cells =
        [
            ["#", "What", "Ours", "Anchor", "Server used/op", "Figure", "Range", "Must", "Goal", "Verdict"],
            .. _rows.Select(r => new[]
            {
                r.Id,
                r.What,
                r.Ours,
                r.Anchor,
                r.Used,
                r.Median is { } median ? Figure(median, r.Unit) : "n/a",
                r.Missing ?? Range(r).Trim(),
                Limit(r.Must, r.Unit),
                Limit(r.Goal, r.Unit),
                r.Verdict,
            }),
        ];
        var widths = Enumerable.Range(0, cells[0].Length).Select(c => cells.Max(line => line[c].Length)).ToArray();
        for (var i = 0; i < cells.Length; i++)
        {
            AppendLine(text, cells[i].Select((cell, c) => cell.PadRight(widths[c])));
            if (i == 0)
            {
                AppendLine(text, widths.Select(w => new string('-', w)));
            }
        }

        return text.ToString();
    }

    public string ToJson(BenchEnvironment environment) =>
        JsonSerializer.Serialize(
            new
            {
                environment,
                rows = _rows.Select(r => new
                {
                    r.Id,
                    r.What,
                    r.Unit,
                    r.Ours,
                    r.Anchor,
                    r.Used,
                    r.Median,
                    r.Samples,
                    must = Limit(r.Must, r.Unit),
                    goal = Limit(r.Goal, r.Unit),
                    r.Verdict,
                    r.Missing,
                }),
            },
            Json);

    private void AddRatio(
        string id,
        string what,
        IReadOnlyList<(LoadResult Ours, LoadResult Anchor)> pairs,
        Func<LoadResult, double> figure,
        Func<double, string> format,
        Bound? must,
        Bound? goal,
        string? missing,
        string used) =>
        Add(new Row
        {
            Id = id,
            What = what,
            Unit = "x",
            Samples = missing != null ? [] : [.. pairs.Select(p => figure(p.Ours) / figure(p.Anchor))],
            Ours = format(Statistics.Median([.. pairs.Select(p => figure(p.Ours))])),
            Anchor = missing != null ? "" : format(Statistics.Median([.. pairs.Select(p => figure(p.Anchor))])),
            Used = used,
            Must = must,
            Goal = goal,
            Missing = missing,
        });

    private static string Used(IReadOnlyList<(LoadResult Ours, LoadResult Anchor)> pairs, string? missing)
    {
        double Median(Func<(LoadResult Ours, LoadResult Anchor), double> of) => Statistics.Median([.. pairs.Select(of)]);
        var written = Median(p => p.Ours.WrittenPerOperation);
        return missing != null
            ? Text($"{Median(p => p.Ours.CpuPerOperation):0.0} us")
            : Text($"{Median(p => p.Ours.CpuPerOperation):0.0} / {Median(p => p.Anchor.CpuPerOperation):0.0} us")
                + (written > 100 ? Text($", {written / 1024:0.0} / {Median(p => p.Anchor.WrittenPerOperation) / 1024:0.0} KiB") : "");
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    private static void AppendLine(StringBuilder text, IEnumerable<string> cells) => text.Append("| ").AppendJoin(" | ", cells).AppendLine(" |");

    private static string Range(Row row) =>
        row.Samples.Length < 2 ? "" : $" {Number(row.Samples.Min())} to {Number(row.Samples.Max())}";

    private static string Figure(double value, string unit) => unit == "x" ? Number(value) + "x" : $"{Number(value)} {unit}";

    private static string Limit(Bound? bound, string unit) =>
        bound == null ? "" : (bound.AtLeast ? ">= " : "<= ") + Figure(bound.Value, unit);

    private static string Number(double value) =>
        value.ToString(Math.Abs(value) switch { < 10 => "0.00", < 100 => "0.0", _ => "#,0" }, CultureInfo.InvariantCulture);
}
