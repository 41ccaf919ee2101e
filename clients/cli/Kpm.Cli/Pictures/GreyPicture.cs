using System.Buffers.Binary;
using System.IO.Compression;

namespace Kpm.Cli.Pictures;

/// <summary>A picture in shades of grey, 0 for black.</summary>
internal sealed record GreyPicture(int Width, int Height, byte[] Pixels)
{
    private const int MostPixels = 4 * 1024 * 1024;
    private static readonly byte[] Signature = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];

    public byte this[int x, int y] => Pixels[(y * Width) + x];

    /// <summary>Reads a PNG that is not interlaced, with 8 bits a channel or a palette or greys of fewer; null for anything else.</summary>
    public static GreyPicture? FromPng(ReadOnlySpan<byte> png)
    {
        try
        {
            return Read(png);
        }
        catch (Exception damaged) when (damaged is InvalidDataException or ArgumentOutOfRangeException or IndexOutOfRangeException or EndOfStreamException)
        {
            return null;
        }
    }

    /// <summary>A smaller picture of this width; each pixel is the mean of those that it covers.</summary>
    public GreyPicture ShrinkTo(int width)
    {
        if (width >= Width)
        {
            return this;
        }

        var height = Math.Max(1, (int)Math.Round(Height * (double)width / Width));
        var pixels = new byte[width * height];
        for (var y = 0; y < height; y++)
        {
            var (top, bottom) = (y * Height / height, Math.Max((y * Height / height) + 1, (y + 1) * Height / height));
            for (var x = 0; x < width; x++)
            {
                var (left, right) = (x * Width / width, Math.Max((x * Width / width) + 1, (x + 1) * Width / width));
                var sum = 0;
                for (var row = top; row < bottom; row++)
                {
                    for (var column = left; column < right; column++)
                    {
                        sum += this[column, row];
                    }
                }

                pixels[(y * width) + x] = (byte)(sum / ((bottom - top) * (right - left)));
            }
        }

        return new GreyPicture(width, height, pixels);
    }

    private static GreyPicture? Read(ReadOnlySpan<byte> png)
    {
        if (!png.StartsWith(Signature))
        {
            return null;
        }

        var rest = png[Signature.Length..];
        Header? header = null;
        var palette = Array.Empty<byte>();
        using var compressed = new MemoryStream();
        while (rest.Length >= 12)
        {
            var length = checked((int)Math.Min(BinaryPrimitives.ReadUInt32BigEndian(rest), (uint)rest.Length));
            var type = rest.Slice(4, 4);
            var data = rest.Slice(8, length);
            if (type.SequenceEqual("IHDR"u8))
            {
                header = Header.Read(data);
            }
            else if (type.SequenceEqual("PLTE"u8))
            {
                palette = data.ToArray();
            }
            else if (type.SequenceEqual("IDAT"u8))
            {
                compressed.Write(data);
            }

            rest = rest[(12 + length)..];
        }

        if (header is null)
        {
            return null;
        }

        // Exactly what the header announces is inflated: a picture can't unpack to more than that.
        var scanlines = new byte[header.Height * (header.Stride + 1)];
        compressed.Position = 0;
        using var inflater = new ZLibStream(compressed, CompressionMode.Decompress);
        inflater.ReadExactly(scanlines);
        return new GreyPicture(header.Width, header.Height, ToGrey(header, Unfilter(header, scanlines), palette));
    }

    private static byte[] Unfilter(Header header, byte[] scanlines)
    {
        var (stride, step) = (header.Stride, Math.Max(1, header.Channels * header.Depth / 8));
        var bytes = new byte[header.Height * stride];
        for (var y = 0; y < header.Height; y++)
        {
            var filter = scanlines[y * (stride + 1)];
            for (var x = 0; x < stride; x++)
            {
                var raw = scanlines[(y * (stride + 1)) + 1 + x];
                var left = x >= step ? bytes[(y * stride) + x - step] : 0;
                var up = y > 0 ? bytes[((y - 1) * stride) + x] : 0;
                var upLeft = x >= step && y > 0 ? bytes[((y - 1) * stride) + x - step] : 0;
                bytes[(y * stride) + x] = (byte)(raw + filter switch
                {
                    0 => 0,
                    1 => left,
                    2 => up,
                    3 => (left + up) / 2,
                    4 => Paeth(left, up, upLeft),
                    _ => throw new InvalidDataException("There is no such filter."),
                });
            }
        }

        return bytes;
    }

    private static int Paeth(int left, int up, int upLeft)
    {
        var guess = left + up - upLeft;
        var (toLeft, toUp, toUpLeft) = (Math.Abs(guess - left), Math.Abs(guess - up), Math.Abs(guess - upLeft));
        return toLeft <= toUp && toLeft <= toUpLeft ? left : toUp <= toUpLeft ? up : upLeft;
    }

    private static byte[] ToGrey(Header header, byte[] bytes, byte[] palette)
    {
        var pixels = new byte[header.Width * header.Height];
        for (var y = 0; y < header.Height; y++)
        {
            for (var x = 0; x < header.Width; x++)
            {
                pixels[(y * header.Width) + x] = header.ColourType switch
                {
                    0 => (byte)(header.Sample(bytes, x, y) * 255 / ((1 << header.Depth) - 1)),
                    3 => Luma(palette.AsSpan(header.Sample(bytes, x, y) * 3, 3)),
                    4 => bytes[(y * header.Stride) + (x * 2)],
                    _ => Luma(bytes.AsSpan((y * header.Stride) + (x * header.Channels), 3)),
                };
            }
        }

        return pixels;
    }

    private static byte Luma(ReadOnlySpan<byte> colour) => (byte)(((colour[0] * 299) + (colour[1] * 587) + (colour[2] * 114)) / 1000);

    private sealed record Header(int Width, int Height, int Depth, int ColourType)
    {
        public int Channels => ColourType switch { 2 => 3, 4 => 2, 6 => 4, _ => 1 };

        public int Stride => ((Width * Channels * Depth) + 7) / 8;

        public static Header? Read(ReadOnlySpan<byte> data)
        {
            var (width, height) = (BinaryPrimitives.ReadUInt32BigEndian(data), BinaryPrimitives.ReadUInt32BigEndian(data[4..]));
            var (depth, colourType, interlaced) = (data[8], data[9], data[12] != 0);
            var known = colourType is 0 or 3 ? depth is 1 or 2 or 4 or 8 : colourType is 2 or 4 or 6 && depth == 8;
            return known && !interlaced && width > 0 && height > 0 && (ulong)width * height <= MostPixels ? new Header((int)width, (int)height, depth, colourType) : null;
        }

        /// <summary>A sample of at most eight bits.</summary>
        public int Sample(byte[] bytes, int x, int y)
        {
            var bit = x * Depth;
            return (bytes[(y * Stride) + (bit / 8)] >> (8 - Depth - (bit % 8))) & ((1 << Depth) - 1);
        }
    }
}
