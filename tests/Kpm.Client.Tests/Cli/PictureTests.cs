using System.Buffers.Binary;
using System.Globalization;
using System.IO.Compression;
using System.Text.RegularExpressions;
using Kpm.Cli.Pictures;

namespace Kpm.Client.Tests.Cli;

public sealed partial class PictureTests
{
    [Theory]
    [InlineData(0, 1, 37, 11)]
    [InlineData(0, 2, 37, 11)]
    [InlineData(0, 4, 37, 11)]
    [InlineData(0, 8, 240, 80)]
    [InlineData(2, 8, 31, 9)]
    [InlineData(3, 1, 17, 5)]
    [InlineData(3, 4, 17, 5)]
    [InlineData(3, 8, 40, 20)]
    [InlineData(4, 8, 12, 12)]
    [InlineData(6, 8, 12, 12)]
    public void A_picture_is_read_with_every_filter(int colourType, int depth, int width, int height)
    {
        var expected = new byte[width * height];
        var greys = 1 << (colourType is 0 or 3 ? depth : 8);
        for (var i = 0; i < expected.Length; i++)
        {
            // Each grey that the depth can hold, in no regular order.
            expected[i] = (byte)(i * 7919 % greys * 255 / (greys - 1));
        }

        var picture = GreyPicture.FromPng(Png(colourType, depth, width, height, expected, filterOf: row => row % 5))!;
        Assert.Equal((width, height), (picture.Width, picture.Height));
        Assert.Equal(expected, picture.Pixels);
    }

    [Fact]
    public void What_is_damaged_or_no_picture_or_too_large_is_none()
    {
        var png = Png(0, 8, 40, 20, new byte[800], _ => 0);
        Assert.NotNull(GreyPicture.FromPng(png));
        for (var length = 0; length < png.Length - 12; length++)
        {
            Assert.Null(GreyPicture.FromPng(png.AsSpan(0, length)));
        }

        Assert.Null(GreyPicture.FromPng("<svg/>"u8));
        Assert.Null(GreyPicture.FromPng(Changed(png, 16, 0x7f)));
        Assert.Null(GreyPicture.FromPng(Changed(png, 28, 1)));
        Assert.Null(GreyPicture.FromPng(Png(0, 8, 4, 1, new byte[4], _ => 9)));
        Assert.Null(GreyPicture.FromPng(Png(3, 8, 4, 1, [0, 0, 0, 200], _ => 0, paletteColours: 100)));
    }

    [Fact]
    public void A_smaller_picture_keeps_the_mean()
    {
        var picture = new GreyPicture(4, 2, [0, 100, 200, 200, 100, 200, 0, 40]);
        var half = picture.ShrinkTo(2);
        Assert.Equal((2, 1, 100, 110), (half.Width, half.Height, (int)half[0, 0], (int)half[1, 0]));
        Assert.Same(picture, picture.ShrinkTo(4));
        Assert.Equal((1, 1), (picture.ShrinkTo(1).Width, picture.ShrinkTo(1).Height));
    }

    [Fact]
    public void Half_blocks_show_every_pixel()
    {
        var picture = new GreyPicture(2, 3, [0, 10, 20, 30, 40, 255]);
        Assert.Equal(
            "\e[38;2;0;0;0;48;2;20;20;20m▀\e[38;2;10;10;10;48;2;30;30;30m▀\e[0m\n\e[38;2;40;40;40;48;2;40;40;40m▀\e[38;2;255;255;255;48;2;255;255;255m▀\e[0m\n",
            Drawing.HalfBlocks(picture, Shades.TrueColour));
        Assert.Equal("\e[38;5;16;48;5;233m▀\e[38;5;232;48;5;234m▀\e[0m\n\e[38;5;235;48;5;235m▀\e[38;5;231;48;5;231m▀\e[0m\n", Drawing.HalfBlocks(picture, Shades.Palette));
        Assert.Equal("  \n █\n", Drawing.HalfBlocks(picture, Shades.Characters));
    }

    [Fact]
    public void Sixels_draw_the_picture_in_sixteen_shades()
    {
        var picture = new GreyPicture(21, 13, [.. Enumerable.Range(0, 21 * 13).Select(i => (byte)(i * 31 % 256))]);
        var sixels = Drawing.Sixels(picture);
        Assert.StartsWith("\eP0;1q\"1;1;21;13#0;2;0;0;0#1;2;6;6;6", sixels, StringComparison.Ordinal);
        Assert.EndsWith("\e\\", sixels, StringComparison.Ordinal);
        Assert.Equal(picture.Pixels.Select(pixel => (byte)(pixel / 16)), Shown(sixels, 21, 13));
    }

    [Theory]
    [InlineData("\e[?62;4;22c", true)]
    [InlineData("\e[?4;22c", false)]
    [InlineData("\e[?62;22;4c", true)]
    [InlineData("\e[?62;14;42c", false)]
    [InlineData("x\e[?1;4c", true)]
    [InlineData("\e[?62;4", false)]
    [InlineData("", false)]
    public void A_terminal_announces_sixel_by_attribute_4(string answer, bool expected) => Assert.Equal(expected, SixelSupport.Announces(answer));

    [Fact]
    public void A_drawn_qr_code_has_the_modules_of_the_code_and_a_quiet_zone()
    {
        const string text = "otpauth://totp/Kpm:ada%40example.com?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=Kpm&algorithm=SHA1&digits=6&period=30";
        var modules = QrCode.Of(text);
        var size = modules.GetLength(0);
        Assert.True(size % 4 == 1 && size <= 49, $"{size} modules do not fit 24 lines and a bit.");
        AssertFinder(modules, 0, 0);
        AssertFinder(modules, size - 7, 0);
        AssertFinder(modules, 0, size - 7);

        var lines = Colours().Replace(Drawing.Qr(modules), "").Split('\n', StringSplitOptions.RemoveEmptyEntries);
        for (var row = -2; row < size + 2; row++)
        {
            for (var column = -2; column < size + 2; column++)
            {
                var drawn = lines[(row + 2) / 2][column + 2] is '█' || lines[(row + 2) / 2][column + 2] == ((row + 2) % 2 == 0 ? '▀' : '▄');
                var isDark = row >= 0 && row < size && column >= 0 && column < size && modules[row, column];
                Assert.Equal(isDark, drawn);
            }
        }
    }

    private static void AssertFinder(bool[,] modules, int top, int left)
    {
        string[] finder = ["1111111", "1000001", "1011101", "1011101", "1011101", "1000001", "1111111"];
        for (var row = 0; row < 7; row++)
        {
            Assert.Equal(finder[row], string.Concat(Enumerable.Range(0, 7).Select(column => modules[top + row, left + column] ? '1' : '0')));
        }
    }

    /// <summary>What a terminal would show.</summary>
    private static byte[] Shown(string sixels, int width, int height)
    {
        var shown = new byte[width * height];
        var (x, top, shade) = (0, 0, 0);
        var body = sixels[(sixels.LastIndexOf(";100", StringComparison.Ordinal) + 4)..^2];
        foreach (Match token in SixelToken().Matches(body))
        {
            switch (token.Value[0])
            {
                case '#':
                    shade = int.Parse(token.Value.AsSpan(1), CultureInfo.InvariantCulture);
                    break;
                case '$':
                    x = 0;
                    break;
                case '-':
                    (x, top) = (0, top + 6);
                    break;
                default:
                    var count = token.Value[0] == '!' ? int.Parse(token.Value.AsSpan(1, token.Value.Length - 2), CultureInfo.InvariantCulture) : 1;
                    for (var end = x + count; x < end; x++)
                    {
                        for (var row = 0; row < 6; row++)
                        {
                            if (((token.Value[^1] - 63) & (1 << row)) != 0)
                            {
                                shown[((top + row) * width) + x] = (byte)shade;
                            }
                        }
                    }

                    break;
            }
        }

        return shown;
    }

    private static byte[] Changed(byte[] png, int index, byte value)
    {
        var changed = (byte[])png.Clone();
        changed[index] = value;
        return changed;
    }

    /// <summary>A PNG whose pixels are these greys, as far as its depth can hold them.</summary>
    private static byte[] Png(int colourType, int depth, int width, int height, byte[] greys, Func<int, int> filterOf, int paletteColours = 256)
    {
        var channels = colourType switch { 2 => 3, 4 => 2, 6 => 4, _ => 1 };
        var (stride, step) = (((width * channels * depth) + 7) / 8, Math.Max(1, channels * depth / 8));
        var rows = new byte[height, stride];
        var top = (1 << depth) - 1;
        for (var y = 0; y < height; y++)
        {
            for (var x = 0; x < width; x++)
            {
                var grey = greys[(y * width) + x];
                for (var channel = 0; channel < channels; channel++)
                {
                    // The alpha of the two kinds that have one says nothing about the shade.
                    var isAlpha = (colourType == 4 && channel == 1) || (colourType == 6 && channel == 3);
                    var sample = isAlpha ? 77 : depth == 8 ? grey : grey * top / 255;
                    var bit = ((x * channels) + channel) * depth;
                    rows[y, bit / 8] |= (byte)(sample << (8 - depth - (bit % 8)));
                }
            }
        }

        using var raw = new MemoryStream();
        for (var y = 0; y < height; y++)
        {
            var filter = filterOf(y);
            raw.WriteByte((byte)filter);
            for (var x = 0; x < stride; x++)
            {
                int left = x >= step ? rows[y, x - step] : 0, up = y > 0 ? rows[y - 1, x] : 0, corner = x >= step && y > 0 ? rows[y - 1, x - step] : 0;
                var guess = left + up - corner;
                var paeth = Math.Abs(guess - left) <= Math.Abs(guess - up) && Math.Abs(guess - left) <= Math.Abs(guess - corner) ? left : Math.Abs(guess - up) <= Math.Abs(guess - corner) ? up : corner;
                raw.WriteByte((byte)(rows[y, x] - (filter switch { 1 => left, 2 => up, 3 => (left + up) / 2, 4 => paeth, _ => 0 })));
            }
        }

        using var file = new MemoryStream();
        file.Write([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
        var header = new byte[13];
        BinaryPrimitives.WriteInt32BigEndian(header, width);
        BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(4), height);
        (header[8], header[9]) = ((byte)depth, (byte)colourType);
        Chunk(file, "IHDR"u8, header);
        if (colourType == 3)
        {
            var colours = Math.Min(paletteColours, 1 << depth);
            Chunk(file, "PLTE"u8, [.. Enumerable.Range(0, colours).SelectMany(i => Enumerable.Repeat((byte)(i * 255 / top), 3))]);
        }

        using (var packed = new MemoryStream())
        {
            using (var zlib = new ZLibStream(packed, CompressionLevel.Optimal, leaveOpen: true))
            {
                zlib.Write(raw.ToArray());
            }

            // In two chunks, as encoders may cut it.
            var bytes = packed.ToArray();
            Chunk(file, "IDAT"u8, bytes.AsSpan(0, bytes.Length / 2));
            Chunk(file, "IDAT"u8, bytes.AsSpan(bytes.Length / 2));
        }

        Chunk(file, "IEND"u8, []);
        return file.ToArray();
    }

    private static void Chunk(MemoryStream file, ReadOnlySpan<byte> type, ReadOnlySpan<byte> data)
    {
        Span<byte> number = stackalloc byte[4];
        BinaryPrimitives.WriteInt32BigEndian(number, data.Length);
        file.Write(number);
        file.Write(type);
        file.Write(data);
        file.Write([0, 0, 0, 0]);
    }

    [GeneratedRegex(@"\e\[[0-9;]*m")]
    private static partial Regex Colours();

    [GeneratedRegex(@"#\d+|!\d+[?-~]|\$|-|[?-~]")]
    private static partial Regex SixelToken();
}
