using System.Security.Cryptography;
using System.Text;

namespace Kpm.Server.Secrets;

/// <summary>
/// The server's one long-lived secret: a file outside the database, made at the first start, mode 0600.
/// Everything else is derived from it by HKDF-SHA256 with a label, so that no two uses share a key.
/// </summary>
internal sealed class RootKey
{
    private const int KeyBytes = 32;
    private const string Prefix = "kpm-root-key-1:";

    private readonly byte[] _key;

    private RootKey(byte[] key) => _key = key;

    /// <summary>Reads the key file, or makes it while nothing depends on it yet.</summary>
    public static RootKey Open(string path, bool isInUse)
    {
        try
        {
            if (File.Exists(path))
            {
                return new RootKey(Parse(File.ReadAllText(path), path));
            }

            if (isInUse)
            {
                throw new StartException($"The root key {path} is missing, but the database beside it was made with one. Put the key back from its backup: without it, no password and no session of this database can be verified.");
            }

            var key = RandomNumberGenerator.GetBytes(KeyBytes);
            Write(path, Prefix + Convert.ToBase64String(key) + "\n");
            return new RootKey(key);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new StartException($"The root key {path} can't be read or written: {e.Message}", e);
        }
    }

    /// <summary>Tells keys apart without telling anything about them: the database remembers which key it was made with.</summary>
    public byte[] Fingerprint => Derive("fingerprint");

    /// <summary>A key for one purpose.</summary>
    public byte[] Derive(string label, int bytes = 32) =>
        HKDF.DeriveKey(HashAlgorithmName.SHA256, _key, bytes, info: Encoding.ASCII.GetBytes("kpm/" + label));

    private static byte[] Parse(string text, string path)
    {
        var line = text.TrimEnd();
        var key = new byte[KeyBytes];
        return line.StartsWith(Prefix, StringComparison.Ordinal)
            && Convert.TryFromBase64String(line[Prefix.Length..], key, out var length) && length == KeyBytes
                ? key
                : throw new StartException($"The root key {path} is damaged: one line \"{Prefix}\" and 32 bytes in base64 were expected. Put it back from its backup.");
    }

    /// <summary>Written aside and renamed, so that a crash leaves a whole key or none.</summary>
    private static void Write(string path, string text)
    {
        var temporary = path + ".new";
        File.Delete(temporary);
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        }

        using (var file = new FileStream(temporary, options))
        {
            file.Write(Encoding.ASCII.GetBytes(text));
            file.Flush(flushToDisk: true);
        }

        File.Move(temporary, path, overwrite: false);
    }
}
