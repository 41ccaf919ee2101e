namespace Kpm.Server;

/// <summary>
/// Every bound of the server in one place, each with its reason. All can be configured under
/// <c>Kpm:Limits</c>; the values here are the defaults.
/// </summary>
internal sealed record Limits
{
    /// <summary>Shorter passwords fall to guessing against the sign-in delay. NIST SP 800-63B asks for 8.</summary>
    public int PasswordMinLength { get; init; } = 8;

    /// <summary>Long enough for any passphrase; bounds the work of the rules.</summary>
    public int PasswordMaxLength { get; init; } = 128;

    /// <summary>An access token can't be taken back faster than this where a replica has not heard of its end.</summary>
    public TimeSpan AccessTokenLifetime { get; init; } = TimeSpan.FromMinutes(15);

    /// <summary>A device in a drawer for a month signs in again.</summary>
    public TimeSpan RefreshTokenIdleLifetime { get; init; } = TimeSpan.FromDays(30);

    /// <summary>No session outlives this without the password.</summary>
    public TimeSpan SessionAbsoluteLifetime { get; init; } = TimeSpan.FromDays(180);

    /// <summary>A device whose answer got lost may ask with the spent token again for this long.</summary>
    public TimeSpan RefreshGrace { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Clocks of devices differ; a proof older than this is a replay.</summary>
    public TimeSpan ProofClockSkew { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>Nonces remembered at most (about 100 bytes each): 1,600 stream starts a second over the two minutes that a proof can live.</summary>
    public int ProofNonces { get; init; } = 200_000;

    /// <summary>Sessions whose check costs no database read (about 500 bytes each).</summary>
    public int CachedSessions { get; init; } = 200_000;

    /// <summary>How long ago "last seen" may have been written: one write a minute and device, not one a call.</summary>
    public TimeSpan LastSeenGranularity { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>A repeated request_id is answered with the first result for this long.</summary>
    public TimeSpan RequestIdLifetime { get; init; } = TimeSpan.FromHours(24);

    /// <summary>Ended sessions are kept this long, so that a repeated request and a replayed token are still recognised.</summary>
    public TimeSpan EndedSessionRetention { get; init; } = TimeSpan.FromDays(2);

    /// <summary>Password hashes waiting; at a quarter of a second each, more would only time out.</summary>
    public int PasswordHashQueue { get; init; } = 64;

    /// <summary>What a full hash queue tells callers to wait.</summary>
    public TimeSpan PasswordHashRetry { get; init; } = TimeSpan.FromSeconds(3);

    /// <summary>From this wrong password on, the account's next attempt is delayed.</summary>
    public int SignInFailuresBeforeDelay { get; init; } = 5;

    /// <summary>The first delay; it doubles with each further failure.</summary>
    public TimeSpan SignInFirstDelay { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>The longest delay: 96 guesses a day.</summary>
    public TimeSpan SignInLongestDelay { get; init; } = TimeSpan.FromMinutes(15);

    /// <summary>Failures are forgotten after this long without another.</summary>
    public TimeSpan SignInFailureMemory { get; init; } = TimeSpan.FromHours(24);

    /// <summary>Sign-ins to one address that may be waiting for their turn.</summary>
    public int SignInsWaitingPerAddress { get; init; } = 64;

    /// <summary>A pending account lapses, so that an address is never reserved by somebody who can't read its mail.</summary>
    public TimeSpan PendingAccountLifetime { get; init; } = TimeSpan.FromDays(7);

    /// <summary>Registrations at one address in a day, so that a mailbox can't be flooded with activation mails.</summary>
    public int RegistrationsPerAddressPerDay { get; init; } = 20;

    /// <summary>How long a mailed token and code can be used.</summary>
    public TimeSpan ActivationLifetime { get; init; } = TimeSpan.FromHours(24);

    /// <summary>Tries of one mailed code: at six digits, five tries hit once in 200,000.</summary>
    public int ActivationCodeTries { get; init; } = 5;

    /// <summary>Time between activation mails of one account.</summary>
    public TimeSpan ActivationResendInterval { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>Further activation mails of one account in a day.</summary>
    public int ActivationResendsPerDay { get; init; } = 6;

    /// <summary>How often the jobs look for what has lapsed.</summary>
    public TimeSpan SweepInterval { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>Rows that one step of a job removes, so that it never holds up the writer.</summary>
    public int SweepBatch { get; init; } = 100;

    /// <summary>Wait after the first failed delivery of a mail; doubles.</summary>
    public TimeSpan MailFirstRetry { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>The longest wait between two deliveries of a mail.</summary>
    public TimeSpan MailLongestRetry { get; init; } = TimeSpan.FromMinutes(15);

    /// <summary>Time for one delivery over SMTP, from connecting to the final answer.</summary>
    public TimeSpan MailDeliveryTimeout { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>Mails taken from the outbox at once.</summary>
    public int MailBatch { get; init; } = 16;

    /// <summary>Largest request message: 64 operations of a full envelope do not fit one message on purpose; they are several pushes.</summary>
    public int MessageBytes { get; init; } = 1024 * 1024;

    /// <summary>Devices on a page of ListDevices unless asked otherwise.</summary>
    public int DevicesPageSize { get; init; } = 50;

    /// <summary>Calls and streams that run when the server stops get this long to end.</summary>
    public TimeSpan DrainTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <exception cref="StartException">A limit is not positive.</exception>
    public void Validate()
    {
        foreach (var property in typeof(Limits).GetProperties())
        {
            var positive = property.GetValue(this) switch
            {
                int number => number > 0,
                TimeSpan span => span > TimeSpan.Zero,
                _ => true,
            };
            if (!positive)
            {
                throw new StartException($"Kpm:Limits:{property.Name} must be greater than zero.");
            }
        }
    }
}
