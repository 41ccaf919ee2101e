namespace Kpm.Server.Accounts.Passwords;

/// <summary>Hashes account passwords; slow on purpose, so callers go through <see cref="PasswordHashing"/>.</summary>
internal interface IPasswordHasher
{
    /// <summary>A salted hash that says itself how it was made.</summary>
    string Hash(string password);

    bool Verify(string password, string hash);

    /// <summary>The hash was made with other parameters than new ones are.</summary>
    bool IsOutdated(string hash);
}
