using System.Collections.Concurrent;
using System.Security.Cryptography;
using Kpm.Server.Verification.Checks;
using Kpm.V1;

namespace Kpm.Server.Tests.Hosting;

/// <summary>The server's own pictures, remembered with what they show: stands for the person who reads them.</summary>
internal sealed class ReadPictures : ICheckPictures
{
    private readonly CheckPictures _pictures = new();
    private readonly ConcurrentDictionary<string, string> _shown = new(StringComparer.Ordinal);

    /// <summary>How many were drawn.</summary>
    public int Drawn => _shown.Count;

    public string Alphabet => _pictures.Alphabet;

    public string NewCharacters() => _pictures.NewCharacters();

    public byte[] Draw(string characters)
    {
        var png = _pictures.Draw(characters);
        _shown[KeyOf(png)] = characters;
        return png;
    }

    public string Read(SecurityCheck check) => _shown[KeyOf(check.PicturePng.Span)];

    /// <summary>The right answer.</summary>
    public SecurityCheckAnswer Answer(SecurityCheckRequired required) => new() { CheckId = required.Check.CheckId, Answer = Read(required.Check) };

    private static string KeyOf(ReadOnlySpan<byte> png) => Convert.ToHexString(SHA256.HashData(png));
}
