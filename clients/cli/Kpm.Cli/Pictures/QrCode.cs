using QRCoder;

namespace Kpm.Cli.Pictures;

/// <summary>The modules of a QR code.</summary>
internal static class QrCode
{
    /// <summary>The code without its quiet zone; true is dark. The lowest correction level keeps it small enough for a terminal.</summary>
    public static bool[,] Of(string text)
    {
        using var data = QRCodeGenerator.GenerateQrCode(text, QRCodeGenerator.ECCLevel.L);
        const int quiet = 4;
        var size = data.ModuleMatrix.Count - (2 * quiet);
        var modules = new bool[size, size];
        for (var row = 0; row < size; row++)
        {
            for (var column = 0; column < size; column++)
            {
                modules[row, column] = data.ModuleMatrix[row + quiet][column + quiet];
            }
        }

        return modules;
    }
}
