using System.Security.Cryptography;
using System.Text;
using Kpm.Server.Storage.Files;

namespace Kpm.Server.Secrets;

/// <summary>
/// The server's one long-lived secret: a file outside the database, made at the first start, mode 0600. It holds the
/// root key, from which the keys of hashes and tokens are derived by HKDF-SHA256 with a label each, and beside it the sealing
/// keys, of which the newest seals and the others still open. Sealing keys rotate while the server runs; the root key does
/// not, since what hangs on it are hashes of secrets that the server does not have.
/// </summary>
internal sealed class RootKey
{
    private readonly RootKeyFile _file;
    private readonly Lock _writing = new();
    private readonly byte[] _key;
    private volatile SealingKeys _sealing;

    private RootKey(RootKeyFile file, RootKeys keys)
    {
        _file = file;
        _key = keys.Root;
        _sealing = new SealingKeys(keys.Sealing);
    }

    /// <summary>Reads the key file, or makes it while nothing depends on it yet.</summary>
    /// <exception cref="StartException">The file is missing, damaged or out of reach.</exception>
    public static RootKey Open(string path, bool isInUse, IDiskSync disk)
    {
        var file = new RootKeyFile(path, disk);
        try
        {
            var keys = file.Read();
            if (keys is null && isInUse)
            {
                throw new StartException($"The root key {path} is missing, but the database beside it was made with one. Put the key back from its backup: without it, no password and no session of this database can be verified.");
            }

            if (keys is null || (keys.Sealing.Count == 0 && !isInUse))
            {
                keys = new RootKeys(keys?.Root ?? RandomNumberGenerator.GetBytes(RootKeyFile.KeyBytes), [SealingKey.New(1)]);
                file.Write(keys);
            }

            return new RootKey(file, keys);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new StartException($"The root key {path} can't be read or written: {e.Message}", e);
        }
    }

    /// <summary>Tells keys apart without telling anything about them: the database remembers which key it was made with.</summary>
    public byte[] Fingerprint => Derive("fingerprint");

    /// <summary>The sealing keys as they stand now.</summary>
    public SealingKeys Sealing => _sealing;

    /// <summary>A key for one purpose.</summary>
    public byte[] Derive(string label, int bytes = 32) => DeriveFrom(_key, label, bytes);

    public static byte[] DeriveFrom(byte[] key, string label, int bytes) =>
        HKDF.DeriveKey(HashAlgorithmName.SHA256, key, bytes, info: Encoding.ASCII.GetBytes("kpm/" + label));

    /// <summary>Writes another sealing key to the file. It seals only once <see cref="Use"/> says so.</summary>
    public SealingKey Append()
    {
        lock (_writing)
        {
            var key = SealingKey.New(_sealing.Newest.Id + 1);
            _file.Write(new RootKeys(_key, [.. _sealing.All, key]));
            return key;
        }
    }

    /// <summary>From here on the key seals.</summary>
    public void Use(SealingKey key)
    {
        lock (_writing)
        {
            _sealing = new SealingKeys([.. _sealing.All, key]);
        }
    }

    /// <summary>Takes all sealing keys but the newest out of the file and out of memory.</summary>
    public void Retire()
    {
        lock (_writing)
        {
            var rest = new SealingKeys([_sealing.Newest]);
            _file.Write(new RootKeys(_key, rest.All));
            _sealing = rest;
        }
    }
}
