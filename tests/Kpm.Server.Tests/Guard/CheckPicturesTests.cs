using System.Diagnostics;
using System.Globalization;
using System.Numerics;
using System.Security.Cryptography;
using Kpm.Server.Tests.Storage;
using Kpm.Server.Verification.Checks;

namespace Kpm.Server.Tests.Guard;

/// <summary>The pictures: who reads them is a person. tesseract-ocr and ImageMagick, Debian's, stand for programs.</summary>
public sealed class CheckPicturesTests
{
    private const int Columns = 4;
    private const int Rows = 5;
    private const int Gap = 10;
    private const int Read = 300;

    /// <summary>Names the file to which the sheet of the docs is written anew, with its answers beside it in a text file.</summary>
    private static readonly string? SheetFile = Environment.GetEnvironmentVariable("KPM_TEST_SHEET");

    /// <summary>What a program does to a picture before it reads: arguments of ImageMagick.</summary>
    private static readonly Dictionary<string, string> Preparations = new()
    {
        ["as it is"] = "",
        ["thresholded"] = "-threshold 50%",
        ["smoothed, three times as large"] = "-scale 300% -blur 0x2 -threshold 45%",
        ["median-filtered, twice as large"] = "-median 1 -scale 200% -threshold 50%",
        ["median-filtered more, three times as large"] = "-median 3 -scale 300% -blur 0x1.5 -threshold 60%",
    };

    /// <summary>tesseract's page segmentation: a block, a line, a word, a line without its tricks.</summary>
    private static readonly int[] Segmentations = [6, 7, 8, 13];

    [Fact]
    public async Task A_program_reads_at_most_one_of_a_hundred()
    {
        var cancellationToken = TestContext.Current.CancellationToken;
        using var folder = new TempFolder();
        var answers = DrawAll(Directory.CreateDirectory(folder.File("drawn")).FullName);
        var read = new HashSet<int>();
        var ways = new SortedDictionary<string, int>(StringComparer.Ordinal);
        var characters = 0;
        await Parallel.ForEachAsync(Preparations.Index(), new ParallelOptions { MaxDegreeOfParallelism = Environment.ProcessorCount, CancellationToken = cancellationToken }, async (preparation, stop) =>
        {
            var list = await PrepareAsync(folder.File("drawn"), Directory.CreateDirectory(folder.File($"prepared-{preparation.Index}")).FullName, preparation.Item.Value, stop);
            foreach (var segmentation in Segmentations)
            {
                var texts = await ReadAsync(list, segmentation, stop);
                lock (read)
                {
                    var right = Enumerable.Range(0, Read).Where(i => texts[i] == answers[i]).ToList();
                    ways[$"{preparation.Item.Key}, segmentation {segmentation}"] = right.Count;
                    read.UnionWith(right);
                    characters += Enumerable.Range(0, Read).Sum(i => texts[i].Zip(answers[i]).Count(c => c.First == c.Second));
                }
            }
        });

        TestContext.Current.SendDiagnosticMessage($"read by any of {Preparations.Count * Segmentations.Length} ways: {read.Count} of {Read} pictures ({string.Join("; ", ways.Where(w => w.Value > 0).Select(w => $"{w.Key}: {w.Value}"))})");
        Assert.True(read.Count <= Read / 100, $"A program reads {read.Count} of {Read} pictures: {string.Join(" ", read.Select(i => answers[i]))}");
        // It did look at them: some characters stand where they should, if only by chance.
        Assert.NotEqual(0, characters);
    }

    /// <summary>The same pen without what makes it hard: a program that reads nothing at all would let the test above pass.</summary>
    [Fact]
    public async Task The_program_reads_the_same_characters_in_plain_print()
    {
        const string Text = "HEATER";
        using var folder = new TempFolder();
        var canvas = new Canvas(CheckPictures.Width, CheckPictures.Height);
        var left = 24f;
        foreach (var character in Text)
        {
            foreach (var stroke in Glyphs.Of(character))
            {
                var points = Array.ConvertAll(stroke, p => (p * 0.48f) + new Vector2(left, 24));
                foreach (var (from, to) in points.Zip(points.Skip(1)))
                {
                    canvas.Line(from, to, 6, 6);
                }
            }

            left += (Glyphs.WidthOf(character) * 0.48f) + 10;
        }

        var greys = canvas.Ink.ToArray().Select(ink => (byte)(15 - (ink * 15))).ToArray();
        await File.WriteAllBytesAsync(folder.File("plain.png"), Png.Write(canvas.Width, canvas.Height, greys), TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(folder.File("list.txt"), folder.File("plain.png"), TestContext.Current.CancellationToken);

        Assert.Contains(Text, await ReadAsync(folder.File("list.txt"), 8, TestContext.Current.CancellationToken));
    }

    [Fact]
    public void A_sheet_of_twenty_pictures_is_drawn()
    {
        var pictures = new CheckPictures();
        var width = (Columns * (CheckPictures.Width + Gap)) + Gap;
        var sheet = new byte[width * ((Rows * (CheckPictures.Height + Gap)) + Gap)];
        Array.Fill(sheet, (byte)15);
        var answers = new List<string>();
        for (var i = 0; i < Columns * Rows; i++)
        {
            answers.Add(pictures.NewCharacters());
            var greys = CheckPictures.Greys(answers[^1]);
            var (left, top) = (Gap + (i % Columns * (CheckPictures.Width + Gap)), Gap + (i / Columns * (CheckPictures.Height + Gap)));
            for (var y = 0; y < CheckPictures.Height; y++)
            {
                greys.AsSpan(y * CheckPictures.Width, CheckPictures.Width).CopyTo(sheet.AsSpan(((top + y) * width) + left));
            }
        }

        var png = Png.Write(width, sheet.Length / width, sheet);
        if (SheetFile is not null)
        {
            File.WriteAllBytes(SheetFile, png);
            File.WriteAllLines(SheetFile + ".txt", answers.Chunk(Columns).Select(row => string.Join("  ", row)));
        }

        Assert.Equal(Columns * Rows, answers.Distinct().Count());
        Assert.All(answers, a => Assert.Equal(CheckPictures.Length, a.Length));
        Assert.All(answers, a => Assert.All(a, c => Assert.Contains(c, Glyphs.Alphabet)));
    }

    /// <summary>ImageMagick decodes what was written to the same greys, so the file is a PNG to others too.</summary>
    [Fact]
    public async Task The_file_is_a_png_of_the_same_pixels()
    {
        using var folder = new TempFolder();
        // An odd width: its last byte of a row is half empty.
        const int Width = 31;
        const int Height = 7;
        var greys = RandomNumberGenerator.GetItems<byte>([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15], Width * Height);
        await File.WriteAllBytesAsync(folder.File("a.png"), Png.Write(Width, Height, greys), TestContext.Current.CancellationToken);

        await RunAsync("convert", [folder.File("a.png"), "-depth", "8", "gray:" + folder.File("a.gray")], TestContext.Current.CancellationToken);

        Assert.Equal(greys, (await File.ReadAllBytesAsync(folder.File("a.gray"), TestContext.Current.CancellationToken)).Select(g => (byte)(g / 17)));
    }

    private static List<string> DrawAll(string folder)
    {
        var pictures = new CheckPictures();
        var answers = new List<string>();
        for (var i = 0; i < Read; i++)
        {
            answers.Add(pictures.NewCharacters());
            File.WriteAllBytes(Path.Combine(folder, $"{i:D3}.png"), pictures.Draw(answers[i]));
        }

        return answers;
    }

    /// <summary>A list of the prepared pictures, as tesseract takes it.</summary>
    private static async Task<string> PrepareAsync(string drawn, string prepared, string arguments, CancellationToken cancellationToken)
    {
        var files = Directory.GetFiles(drawn).Order(StringComparer.Ordinal).ToArray();
        await RunAsync("mogrify", ["-path", prepared, .. arguments.Split(' ', StringSplitOptions.RemoveEmptyEntries), .. files], cancellationToken);
        var list = prepared + ".txt";
        await File.WriteAllLinesAsync(list, files.Select(f => Path.Combine(prepared, Path.GetFileName(f))), cancellationToken);
        return list;
    }

    /// <summary>What tesseract reads on each page, told which characters there can be.</summary>
    private static async Task<string[]> ReadAsync(string list, int segmentation, CancellationToken cancellationToken)
    {
        var whitelist = Glyphs.Alphabet + Glyphs.Alphabet.ToLowerInvariant();
        var text = await RunAsync("tesseract", [list, "-", "--psm", segmentation.ToString(CultureInfo.InvariantCulture), "-c", $"tessedit_char_whitelist={whitelist}"], cancellationToken);
        return [.. text.Split('\f').Select(page => string.Concat(page.ToUpperInvariant().Where(c => Glyphs.Alphabet.Contains(c))))];
    }

    private static async Task<string> RunAsync(string program, IEnumerable<string> arguments, CancellationToken cancellationToken)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true, Environment = { ["OMP_THREAD_LIMIT"] = "1" } };
        using var process = Process.Start(start)!;
        var errors = process.StandardError.ReadToEndAsync(cancellationToken);
        var text = await process.StandardOutput.ReadToEndAsync(cancellationToken);
        await process.WaitForExitAsync(cancellationToken);
        Assert.True(process.ExitCode == 0, $"{program} failed: {await errors}");
        return text;
    }
}
