using System.Globalization;
using System.Text;

namespace Kpm.Cli.Pictures;

/// <summary>What a terminal can show.</summary>
internal enum Shades
{
    /// <summary>24-bit colours.</summary>
    TrueColour,

    /// <summary>The 256 colours, 24 of them grey.</summary>
    Palette,

    /// <summary>Nothing but characters.</summary>
    Characters,
}

/// <summary>Pictures as text for a terminal.</summary>
internal static class Drawing
{
    private const string Reset = "\e[0m";
    private const string DarkOnLight = "\e[38;5;16;48;5;231m";
    private const int QuietZone = 2;

    /// <summary>Two pixels a character: the upper half in the foreground's shade, the lower one in the background's.</summary>
    public static string HalfBlocks(GreyPicture picture, Shades shades)
    {
        var text = new StringBuilder();
        for (var y = 0; y < picture.Height; y += 2)
        {
            for (var x = 0; x < picture.Width; x++)
            {
                var upper = picture[x, y];
                var lower = y + 1 < picture.Height ? picture[x, y + 1] : upper;
                _ = shades switch
                {
                    Shades.TrueColour => text.Append(CultureInfo.InvariantCulture, $"\e[38;2;{upper};{upper};{upper};48;2;{lower};{lower};{lower}m▀"),
                    Shades.Palette => text.Append(CultureInfo.InvariantCulture, $"\e[38;5;{Ramp(upper)};48;5;{Ramp(lower)}m▀"),
                    _ => text.Append(" ░▒▓█"[(upper + lower) * 5 / 512]),
                };
            }

            text.Append(shades == Shades.Characters ? "" : Reset).Append('\n');
        }

        return text.ToString();
    }

    /// <summary>The picture in the sixel graphics of DEC's terminals, in 16 shades; each band is six pixels high.</summary>
    public static string Sixels(GreyPicture picture)
    {
        var text = new StringBuilder().Append(CultureInfo.InvariantCulture, $"\eP0;1q\"1;1;{picture.Width};{picture.Height}");
        for (var shade = 0; shade < 16; shade++)
        {
            var percent = shade * 100 / 15;
            text.Append(CultureInfo.InvariantCulture, $"#{shade};2;{percent};{percent};{percent}");
        }

        for (var top = 0; top < picture.Height; top += 6)
        {
            for (var shade = 0; shade < 16; shade++)
            {
                AppendBand(text, picture, top, shade);
            }

            text.Append('-');
        }

        return text.Append("\e\\").ToString();
    }

    /// <summary>A QR code, two modules a character, dark on light whatever the terminal's own colours are.</summary>
    public static string Qr(bool[,] modules)
    {
        var size = modules.GetLength(0);
        bool Dark(int row, int column) => row >= 0 && row < size && column >= 0 && column < size && modules[row, column];
        var text = new StringBuilder();
        for (var row = -QuietZone; row < size + QuietZone; row += 2)
        {
            text.Append(DarkOnLight);
            for (var column = -QuietZone; column < size + QuietZone; column++)
            {
                text.Append((Dark(row, column), Dark(row + 1, column)) switch
                {
                    (true, true) => '█',
                    (true, false) => '▀',
                    (false, true) => '▄',
                    _ => ' ',
                });
            }

            text.Append(Reset).Append('\n');
        }

        return text.ToString();
    }

    private static int Ramp(byte shade) => shade switch
    {
        < 4 => 16,
        > 246 => 231,
        _ => 232 + ((shade - 4) * 24 / 243),
    };

    /// <summary>What one shade adds to a band, run-length encoded; nothing where the band does not have the shade.</summary>
    private static void AppendBand(StringBuilder text, GreyPicture picture, int top, int shade)
    {
        var columns = new char[picture.Width];
        var any = false;
        for (var x = 0; x < picture.Width; x++)
        {
            var bits = 0;
            for (var row = 0; row < 6 && top + row < picture.Height; row++)
            {
                bits |= picture[x, top + row] / 16 == shade ? 1 << row : 0;
            }

            columns[x] = (char)(63 + bits);
            any |= bits != 0;
        }

        if (!any)
        {
            return;
        }

        text.Append(CultureInfo.InvariantCulture, $"#{shade}");
        for (var x = 0; x < columns.Length;)
        {
            var run = 1;
            while (x + run < columns.Length && columns[x + run] == columns[x])
            {
                run++;
            }

            _ = run > 3 ? text.Append(CultureInfo.InvariantCulture, $"!{run}{columns[x]}") : text.Append(columns[x], run);
            x += run;
        }

        text.Append('$');
    }
}
