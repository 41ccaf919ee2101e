using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Kpm.Server.Storage.Files;

namespace Kpm.Server.Secrets;

/// <summary>What the key file holds.</summary>
internal sealed record RootKeys(byte[] Root, IReadOnlyList<SealingKey> Sealing);

/// <summary>A key that seals, and its number.</summary>
internal sealed class SealingKey(int id, byte[] key)
{
    public int Id => id;

    public byte[] Bytes => key;

    public byte[] Fingerprint => Derive("fingerprint");

    public static SealingKey New(int id) => new(id, RandomNumberGenerator.GetBytes(RootKeyFile.KeyBytes));

    public byte[] Derive(string label) => RootKey.DeriveFrom(key, label, RootKeyFile.KeyBytes);
}

/// <summary>The sealing keys at one moment, oldest first.</summary>
internal sealed class SealingKeys(IReadOnlyList<SealingKey> keys)
{
    public IReadOnlyList<SealingKey> All => keys;

    public SealingKey Newest => keys[^1];

    public SealingKey? Find(int id) => keys.FirstOrDefault(k => k.Id == id);
}

/// <summary>The key file: a line "kpm-root-key-1:" and a line "kpm-sealing-key-N:" for each sealing key, each with 32 bytes in base64.</summary>
internal sealed class RootKeyFile(string path, IDiskSync disk)
{
    public const int KeyBytes = 32;

    private const string RootPrefix = "kpm-root-key-1:";
    private const string SealingPrefix = "kpm-sealing-key-";

    /// <summary>Null for a file that is not there.</summary>
    /// <exception cref="StartException">The file is damaged.</exception>
    public RootKeys? Read()
    {
        if (!File.Exists(path))
        {
            return null;
        }

        var lines = File.ReadAllText(path).TrimEnd().Split('\n').Select(l => l.TrimEnd('\r')).ToList();
        if (!lines[0].StartsWith(RootPrefix, StringComparison.Ordinal) || !TryDecode(lines[0][RootPrefix.Length..], out var root))
        {
            throw Damaged();
        }

        var sealing = lines.Skip(1).Select(Parse).ToList();
        return sealing.Zip(sealing.Skip(1)).All(pair => pair.First.Id < pair.Second.Id) ? new RootKeys(root, sealing) : throw Damaged();
    }

    /// <summary>
    /// Written aside and renamed, so that a crash leaves the former file or the new one; durable when it returns, since what
    /// the database stores next depends on it.
    /// </summary>
    public void Write(RootKeys keys)
    {
        var text = new StringBuilder().Append(RootPrefix).Append(Convert.ToBase64String(keys.Root)).Append('\n');
        foreach (var key in keys.Sealing)
        {
            text.Append(CultureInfo.InvariantCulture, $"{SealingPrefix}{key.Id}:{Convert.ToBase64String(key.Bytes)}\n");
        }

        var temporary = path + ".new";
        File.Delete(temporary);
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        }

        using (var file = new FileStream(temporary, options))
        {
            file.Write(Encoding.ASCII.GetBytes(text.ToString()));
            file.Flush();
            disk.File(file.SafeFileHandle, temporary);
        }

        File.Move(temporary, path, overwrite: true);
        disk.Folder(Path.GetDirectoryName(Path.GetFullPath(path))!);
    }

    private SealingKey Parse(string line)
    {
        var colon = line.IndexOf(':', StringComparison.Ordinal);
        return line.StartsWith(SealingPrefix, StringComparison.Ordinal) && colon > 0
            && int.TryParse(line[SealingPrefix.Length..colon], NumberStyles.None, CultureInfo.InvariantCulture, out var id) && id > 0
            && TryDecode(line[(colon + 1)..], out var key)
                ? new SealingKey(id, key)
                : throw Damaged();
    }

    private static bool TryDecode(string text, out byte[] key)
    {
        key = new byte[KeyBytes];
        return Convert.TryFromBase64String(text, key, out var length) && length == KeyBytes;
    }

    private StartException Damaged() =>
        new($"The root key {path} is damaged: a line \"{RootPrefix}\" and lines \"{SealingPrefix}N:\" with rising numbers were expected, each with 32 bytes in base64. Put it back from its backup.");
}
