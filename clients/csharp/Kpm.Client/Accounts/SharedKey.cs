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
    private const int MostTries = 250;
    private static readonly TimeSpan TryAgain = TimeSpan.FromMilliseconds(20);

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
            using var file = Take(path);
            return file.Length == 0 ? Create(file) : Read(file);
        }
        catch (Exception failed) when (failed is IOException or UnauthorizedAccessException or CryptographicException)
        {
            throw new LocalStoreException($"The key that apps share on this device, {path}, can't be used ({failed.Message}). Delete it if it is damaged: it is made anew.", failed);
        }
    }

    public DeviceProof Prove(string method, string token, TimeProvider time) => DeviceProofs.Sign(method, token, _key, time);

    public void Dispose() => _key.Dispose();

    /// <summary>Opens the file for this app alone, so that of apps that start together one makes the key and the others read it.</summary>
    private static FileStream Take(string path)
    {
        var folder = Path.GetDirectoryName(Path.GetFullPath(path))!;
        var options = new FileStreamOptions { Mode = FileMode.OpenOrCreate, Access = FileAccess.ReadWrite, Share = FileShare.None };
        if (OperatingSystem.IsWindows())
        {
            Directory.CreateDirectory(folder);
        }
        else
        {
            Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        }

        for (var tries = MostTries; ; tries--)
        {
            try
            {
                return new FileStream(path, options);
            }
            catch (IOException) when (tries > 1)
            {
                // Another app has it open, for as long as it takes to read it or to make it.
                Thread.Sleep(TryAgain);
            }
        }
    }

    private static SharedKey Read(FileStream file)
    {
        if (file.Length > MostBytes)
        {
            throw new CryptographicException("It is no key.");
        }

        var bytes = new byte[file.Length];
        var key = ECDsa.Create();
        try
        {
            file.ReadExactly(bytes);
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

    /// <summary>In one write: a crash before it leaves an empty file, into which the next app writes.</summary>
    private static SharedKey Create(FileStream file)
    {
        var key = P256.NewSigningKey();
        var bytes = key.ExportPkcs8PrivateKey();
        try
        {
            file.Write(bytes);
            file.Flush(flushToDisk: true);
            return new SharedKey(key);
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
}
