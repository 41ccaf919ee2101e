using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Kpm.Server.Secrets;
using Org.BouncyCastle.Crypto.Generators;

namespace Kpm.Server.Accounts.Passwords;

/// <summary>
/// bcrypt ($2b$) over base64(HMAC-SHA-384(pepper, NFKC password)): the pepper makes a stolen database
/// alone useless, and the 64 characters stay below the 72 bytes that bcrypt looks at.
/// </summary>
internal sealed class BcryptPasswordHasher(RootKey root, PasswordHashOptions options) : IPasswordHasher
{
    private const int SaltBytes = 16;

    private readonly byte[] _pepper = root.Derive("pepper", HMACSHA384.HashSizeInBytes);

    public string Hash(string password) =>
        OpenBsdBCrypt.Generate("2b", Prehash(password), RandomNumberGenerator.GetBytes(SaltBytes), options.Cost);

    public bool Verify(string password, string hash) => OpenBsdBCrypt.CheckPassword(hash, Prehash(password));

    public bool IsOutdated(string hash) =>
        !hash.StartsWith(string.Create(CultureInfo.InvariantCulture, $"$2b${options.Cost:D2}$"), StringComparison.Ordinal);

    private char[] Prehash(string password)
    {
        Span<byte> mac = stackalloc byte[HMACSHA384.HashSizeInBytes];
        var bytes = Encoding.UTF8.GetBytes(PasswordRules.Normalise(password));
        HMACSHA384.HashData(_pepper, bytes, mac);
        CryptographicOperations.ZeroMemory(bytes);
        return Convert.ToBase64String(mac).ToCharArray();
    }
}
