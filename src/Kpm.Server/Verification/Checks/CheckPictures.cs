using System.Buffers.Binary;
using System.Numerics;
using System.Security.Cryptography;

namespace Kpm.Server.Verification.Checks;

/// <summary>
/// Draws the pictures. What a person sees through and a program does not: characters turned, sheared and close to each other,
/// bent together by a wave; lines through all of them, in which ink and paper change places, so that neither a threshold
/// nor thinning takes them away; a grain on everything.
/// </summary>
internal sealed class CheckPictures : ICheckPictures
{
    public const int Length = 6;
    public const int Width = 320;
    public const int Height = 96;

    private const float Paper = 13.2f;
    private const float InkDepth = 10.4f;
    private const float Grain = 2.6f;

    public string Alphabet => Glyphs.Alphabet;

    public string NewCharacters() => RandomNumberGenerator.GetString(Glyphs.Alphabet, Length);

    public byte[] Draw(string characters) => Png.Write(Width, Height, Greys(characters));

    /// <summary>The picture's pixels, 0 for black to 15 for white.</summary>
    public static byte[] Greys(string characters)
    {
        var random = new Chance();
        var canvas = new Canvas(Width, Height);
        Characters(canvas, characters, random);
        var lines = new Canvas(Width, Height);
        Lines(lines, random);
        canvas.Invert(lines);
        Dashes(canvas, random);
        return Develop(canvas, random);
    }

    private static void Characters(Canvas canvas, string characters, Chance random)
    {
        var size = characters.Select(_ => random.Between(0.44f, 0.6f)).ToArray();
        var widths = characters.Select((c, i) => Glyphs.WidthOf(c) * size[i]).ToArray();
        var overlaps = characters.Select(_ => random.Between(-6f, 0f)).ToArray();
        var total = widths.Sum() - overlaps.Skip(1).Sum();
        var fit = Math.Min(1, (Width - 22) / total);
        var left = (Width - (total * fit)) / 2;
        var bend = new Bend(random);
        for (var i = 0; i < characters.Length; i++)
        {
            left -= i == 0 ? 0 : overlaps[i] * fit;
            var centre = new Vector2(left + (widths[i] * fit / 2), (Height / 2f) + random.Between(-11, 11));
            Character(canvas, characters[i], Matrix3x2.CreateTranslation(-Glyphs.WidthOf(characters[i]) / 2, -Glyphs.Height / 2)
                * Matrix3x2.CreateScale(size[i] * fit, size[i] * random.Between(0.95f, 1.15f))
                * Matrix3x2.CreateSkew(random.Between(-0.16f, 0.16f), 0)
                * Matrix3x2.CreateRotation(random.Between(-0.25f, 0.25f))
                * Matrix3x2.CreateTranslation(centre), bend, random);
            left += widths[i] * fit;
        }
    }

    private static void Character(Canvas canvas, char character, Matrix3x2 place, Bend bend, Chance random)
    {
        var pen = random.Between(4.6f, 6.2f);
        foreach (var stroke in Glyphs.Of(character))
        {
            var points = Array.ConvertAll(stroke, p => bend.Of(Vector2.Transform(p, place)));
            Pull(canvas, points, pen, random);
        }
    }

    /// <summary>Draws through the points with a pen whose width wanders.</summary>
    private static void Pull(Canvas canvas, ReadOnlySpan<Vector2> points, float pen, Chance random)
    {
        var width = pen;
        for (var i = 1; i < points.Length; i++)
        {
            var next = Math.Clamp(width + random.Between(-0.5f, 0.5f), pen * 0.75f, pen * 1.25f);
            canvas.Line(points[i - 1], points[i], width, next);
            width = next;
        }
    }

    /// <summary>Lines across the characters, from edge to edge.</summary>
    private static void Lines(Canvas canvas, Chance random)
    {
        for (var i = 0; i < 2; i++)
        {
            Vector2 Somewhere(float x) => new(x * Width, random.Between(0.12f, 0.88f) * Height);
            var from = Somewhere(-0.02f);
            Vector2[] points = [from, .. Glyphs.Curve(from, Somewhere(0.3f), Somewhere(0.7f), Somewhere(1.02f), 40)];
            Pull(canvas, points, random.Between(3f, 4f), random);
        }
    }

    /// <summary>Short strokes that look like parts of characters.</summary>
    private static void Dashes(Canvas canvas, Chance random)
    {
        for (var i = 0; i < 16; i++)
        {
            var from = new Vector2(random.Between(0, Width), random.Between(0, Height));
            var (sin, cos) = MathF.SinCos(random.Between(0, MathF.Tau));
            var width = random.Between(1.2f, 2.4f);
            canvas.Line(from, from + (random.Between(2, 7) * new Vector2(cos, sin)), width, width);
        }
    }

    private static byte[] Develop(Canvas canvas, Chance random)
    {
        var greys = new byte[Width * Height];
        var (slopeX, slopeY) = (random.Between(-1.2f, 1.2f) / Width, random.Between(-1.2f, 1.2f) / Height);
        for (var i = 0; i < greys.Length; i++)
        {
            var light = Paper + ((i % Width) * slopeX) + ((i / Width) * slopeY) - (canvas.Ink[i] * InkDepth) + random.Between(-Grain, Grain);
            greys[i] = (byte)Math.Clamp((int)MathF.Round(light), 0, 15);
        }

        return greys;
    }

    /// <summary>One wave through the whole picture.</summary>
    private sealed class Bend(Chance random)
    {
        private readonly float _highX = random.Between(1f, 2f);
        private readonly float _highY = random.Between(2f, 4f);
        private readonly float _longX = random.Between(44, 70);
        private readonly float _longY = random.Between(60, 110);
        private readonly float _atX = random.Between(0, MathF.Tau);
        private readonly float _atY = random.Between(0, MathF.Tau);

        public Vector2 Of(Vector2 point) => new(
            point.X + (_highX * MathF.Sin((point.Y / _longX * MathF.Tau) + _atX)),
            point.Y + (_highY * MathF.Sin((point.X / _longY * MathF.Tau) + _atY)));
    }

    /// <summary>Numbers that nobody can foretell, drawn from the system in blocks.</summary>
    private sealed class Chance
    {
        private readonly byte[] _block = new byte[16 * 1024];
        private int _next = int.MaxValue;

        public float Between(float low, float high)
        {
            if (_next > _block.Length - sizeof(ushort))
            {
                RandomNumberGenerator.Fill(_block);
                _next = 0;
            }

            var number = BinaryPrimitives.ReadUInt16LittleEndian(_block.AsSpan(_next)) / (float)ushort.MaxValue;
            _next += sizeof(ushort);
            return float.Lerp(low, high, number);
        }
    }
}
