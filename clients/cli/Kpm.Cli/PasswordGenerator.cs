using System.Security.Cryptography;

namespace Kpm.Cli;

/// <summary>Makes passwords from letters, digits and signs that every keyboard has, none of them easily mistaken.</summary>
internal static class PasswordGenerator
{
    public const int DefaultLength = 20;
    public const int LeastLength = 8;
    public const int MostLength = 256;

    private static readonly string[] Classes = ["abcdefghijkmnopqrstuvwxyz", "ABCDEFGHJKLMNPQRSTUVWXYZ", "23456789", "!#%+-./:=?@_"];

    /// <summary>At least one of each class, else uniform.</summary>
    public static string Make(int length)
    {
        if (length is < LeastLength or > MostLength)
        {
            throw new UsageException($"A generated password has {LeastLength} to {MostLength} characters.");
        }

        while (true)
        {
            // Drawing again until each class is there keeps every fitting password equally likely.
            var password = RandomNumberGenerator.GetString(string.Concat(Classes), length);
            if (Classes.All(letters => password.AsSpan().ContainsAny(letters)))
            {
                return password;
            }
        }
    }
}
