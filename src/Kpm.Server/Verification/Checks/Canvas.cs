using System.Numerics;

namespace Kpm.Server.Verification.Checks;

/// <summary>A sheet of ink between 0 and 1, drawn on with an anti-aliased round pen.</summary>
internal sealed class Canvas(int width, int height)
{
    private readonly float[] _ink = new float[width * height];

    public int Width => width;

    public int Height => height;

    public ReadOnlySpan<float> Ink => _ink;

    /// <summary>A line of the pen; the pen's width changes from one end to the other.</summary>
    public void Line(Vector2 from, Vector2 to, float fromWidth, float toWidth)
    {
        var reach = (Math.Max(fromWidth, toWidth) / 2) + 1;
        var along = to - from;
        var length = Math.Max(along.LengthSquared(), 1e-6f);
        var (left, right) = Range(Math.Min(from.X, to.X) - reach, Math.Max(from.X, to.X) + reach, width);
        var (top, bottom) = Range(Math.Min(from.Y, to.Y) - reach, Math.Max(from.Y, to.Y) + reach, height);
        for (var y = top; y < bottom; y++)
        {
            for (var x = left; x < right; x++)
            {
                var point = new Vector2(x, y);
                var t = Math.Clamp(Vector2.Dot(point - from, along) / length, 0, 1);
                var pen = float.Lerp(fromWidth, toWidth, t) / 2;
                var cover = Math.Clamp(pen + 0.5f - Vector2.Distance(point, from + (t * along)), 0, 1);
                ref var ink = ref _ink[(y * width) + x];
                ink = Math.Max(ink, cover);
            }
        }
    }

    /// <summary>Turns ink into paper and paper into ink wherever the other sheet has ink.</summary>
    public void Invert(Canvas other)
    {
        for (var i = 0; i < _ink.Length; i++)
        {
            var (a, b) = (_ink[i], other._ink[i]);
            _ink[i] = a + b - (2 * a * b);
        }
    }

    /// <summary>A filled disc whose edge fades over some pixels, so that nobody takes it for a stroke.</summary>
    public void Disc(Vector2 centre, float radius, float fade)
    {
        var reach = radius + fade;
        var (left, right) = Range(centre.X - reach, centre.X + reach, width);
        var (top, bottom) = Range(centre.Y - reach, centre.Y + reach, height);
        for (var y = top; y < bottom; y++)
        {
            for (var x = left; x < right; x++)
            {
                ref var ink = ref _ink[(y * width) + x];
                ink = Math.Max(ink, Math.Clamp((reach - Vector2.Distance(new Vector2(x, y), centre)) / (2 * fade), 0, 1));
            }
        }
    }

    private static (int First, int Behind) Range(float low, float high, int size) =>
        (Math.Clamp((int)MathF.Floor(low), 0, size), Math.Clamp((int)MathF.Ceiling(high) + 1, 0, size));
}
