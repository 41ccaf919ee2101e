using System.Security.Cryptography;
using Kpm.Client.Kpm1;
using Kpm.Client.Storage;
using Kpm.V1;

namespace Kpm.Client.Accounts;

/// <summary>
/// The key that the apps of this product family share on one device, in a file of its user: an app that holds it may ask
/// which accounts the others are signed in to. It opens nothing by itself.
/// </summary>
internal sealed class SharedKey : IDisposable
{
    private const int MostBytes = 4096;
    private readonly ECDsa _key;

    private SharedKey(ECDsa key)
    {
        _key = key;
        PublicKey = P256.PublicKey(key);
    }

    public byte[] PublicKey { get; }

    /// <summary>Reads the file; the first app of the device makes it, for its user alone.</summary>
    /// <exception cref="LocalStoreException">The file can't be used.</exception>
    public static SharedKey OpenOrCreate(string path)
    {
        try
        {
            if (!File.Exists(path))
            {
                Create(path);
            }

            return Read(path);
        }
        catch (Exception failed) when (failed is IOException or UnauthorizedAccessException or CryptographicException)
        {
            throw new LocalStoreException($"The key that apps share on this device, {path}, can't be used ({failed.Message}). Delete it if it is damaged: it is made anew.", failed);
        }
    }

    public DeviceProof Prove(string method, string token, TimeProvider time) => DeviceProofs.Sign(method, token, _key, time);

    public void Dispose() => _key.Dispose();

    private static SharedKey Read(string path)
    {
        if (new FileInfo(path).Length > MostBytes)
        {
            throw new CryptographicException("It is no key.");
        }

        var bytes = File.ReadAllBytes(path);
        var key = ECDsa.Create();
        try
        {
            key.ImportPkcs8PrivateKey(bytes, out _);
            var isP256 = key.ExportParameters(includePrivateParameters: false).Curve.Oid.Value == ECCurve.NamedCurves.nistP256.Oid.Value;
            return isP256 ? new SharedKey(key) : throw new CryptographicException("It is a key of another kind.");
        }
        catch
        {
            key.Dispose();
            throw;
        }
        finally
        {
            CryptographicOperations.ZeroMemory(bytes);
        }
    }

    /// <summary>Written whole and then put in place, so that two apps that start together read one and the same key.</summary>
    private static void Create(string path)
    {
        var folder = Path.GetDirectoryName(Path.GetFullPath(path))!;
        var draft = Path.Combine(folder, $".{Path.GetFileName(path)}.{Path.GetRandomFileName()}");
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (OperatingSystem.IsWindows())
        {
            Directory.CreateDirectory(folder);
        }
        else
        {
            Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        }

        using var key = P256.NewSigningKey();
        var bytes = key.ExportPkcs8PrivateKey();
        try
        {
            using (var file = new FileStream(draft, options))
            {
                file.Write(bytes);
                file.Flush(flushToDisk: true);
            }

            File.Move(draft, path, overwrite: false);
        }
        catch (IOException) when (File.Exists(path))
        {
            // Another app was first: its key counts.
            File.Delete(draft);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(bytes);
        }
    }
}
