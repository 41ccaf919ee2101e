namespace Kpm.Server.Accounts.Passwords;

/// <summary>Section <c>Kpm:PasswordHash</c>.</summary>
internal sealed record PasswordHashOptions
{
    /// <summary>bcrypt's cost: 12 is about a quarter of a second on one core. Existing hashes follow at the next sign-in.</summary>
    public int Cost { get; init; } = 12;

    /// <summary>Threads that hash; 0 for half of the cores, so that sign-ins never starve the other calls.</summary>
    public int Threads { get; init; }

    public int EffectiveThreads => Threads > 0 ? Threads : Math.Max(1, Environment.ProcessorCount / 2);

    public void Validate()
    {
        // 4 is bcrypt's least, for tests; above 16 a sign-in takes four seconds.
        if (Cost is < 4 or > 16)
        {
            throw new StartException($"Kpm:PasswordHash:Cost is {Cost}; it must be 4 to 16 (12 is the default).");
        }

        if (Threads is < 0 or > 256)
        {
            throw new StartException($"Kpm:PasswordHash:Threads is {Threads}; it must be 1 to 256, or 0 for half of the cores.");
        }
    }
}
