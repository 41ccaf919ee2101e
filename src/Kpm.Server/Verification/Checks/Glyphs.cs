using System.Collections.Frozen;
using System.Globalization;
using System.Numerics;

namespace Kpm.Server.Verification.Checks;

/// <summary>
/// The characters of a Security Check as strokes of a pen, drawn for this purpose: capitals and digits that can't be taken
/// for another one when they are bent (not both E and F, T and 7, A and 4, H and N, X and Y, and so on).
/// </summary>
internal static class Glyphs
{
    private const int PointsOfCurve = 14;

    /// <summary>Paths in a box 100 high: M moves the pen, L draws a line, C a cubic curve.</summary>
    private static readonly FrozenDictionary<char, Vector2[][]> Strokes = new Dictionary<char, string>
    {
        ['A'] = "M 2 100 L 42 0 L 82 100 M 17 64 L 67 64",
        ['C'] = "M 78 20 C 62 -8 4 -10 4 50 C 4 110 62 108 78 80",
        ['E'] = "M 68 0 L 4 0 L 4 100 L 68 100 M 4 49 L 58 49",
        ['H'] = "M 4 0 L 4 100 M 72 0 L 72 100 M 4 50 L 72 50",
        ['K'] = "M 4 0 L 4 100 M 70 0 L 4 58 M 26 39 L 74 100",
        ['R'] = "M 4 100 L 4 0 L 36 0 C 86 0 86 54 36 54 L 4 54 M 34 54 L 76 100",
        ['T'] = "M 0 0 L 78 0 M 39 0 L 39 100",
        ['U'] = "M 4 0 L 4 64 C 4 112 72 112 72 64 L 72 0",
        ['X'] = "M 4 0 L 74 100 M 74 0 L 4 100",
        ['3'] = "M 4 14 C 20 -10 74 -6 70 26 C 67 46 44 48 28 48 C 56 48 80 54 75 78 C 68 110 16 108 0 84",
        ['9'] = "M 72 34 C 72 -12 4 -12 4 32 C 4 76 72 74 72 34 C 73 64 66 92 30 101",
    }.ToFrozenDictionary(g => g.Key, g => Parse(g.Value));

    public const float Height = 100;

    /// <summary>What is drawn from.</summary>
    public static string Alphabet { get; } = string.Concat(Strokes.Keys.Order());

    /// <summary>The pen's ways, each from one point to the next.</summary>
    public static IReadOnlyList<Vector2[]> Of(char character) => Strokes[character];

    public static float WidthOf(char character) => Strokes[character].Max(s => s.Max(p => p.X));

    /// <summary>Points along a cubic curve, its first one left out.</summary>
    public static IEnumerable<Vector2> Curve(Vector2 a, Vector2 b, Vector2 c, Vector2 d, int points)
    {
        for (var i = 1; i <= points; i++)
        {
            var t = i / (float)points;
            var u = 1 - t;
            yield return (u * u * u * a) + (3 * u * u * t * b) + (3 * u * t * t * c) + (t * t * t * d);
        }
    }

    private static Vector2[][] Parse(string path)
    {
        var strokes = new List<List<Vector2>>();
        var tokens = path.Split(' ');
        var at = 0;
        Vector2 Point() => new(float.Parse(tokens[at++], CultureInfo.InvariantCulture), float.Parse(tokens[at++], CultureInfo.InvariantCulture));
        while (at < tokens.Length)
        {
            switch (tokens[at++])
            {
                case "M":
                    strokes.Add([Point()]);
                    break;
                case "L":
                    // In short steps, so that the warp bends lines too.
                    var from = strokes[^1][^1];
                    var to = Point();
                    strokes[^1].AddRange(Enumerable.Range(1, 8).Select(i => Vector2.Lerp(from, to, i / 8f)));
                    break;
                case "C":
                    strokes[^1].AddRange(Curve(strokes[^1][^1], Point(), Point(), Point(), PointsOfCurve));
                    break;
            }
        }

        return [.. strokes.Select(s => s.ToArray())];
    }
}
