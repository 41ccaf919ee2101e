namespace Kpm.Server.Verification.TwoStep;

/// <summary>Codes of authenticator apps (RFC 6238: SHA-1, six digits, 30 seconds).</summary>
internal interface IOneTimePasswords
{
    /// <summary>The step whose code this is: the present one, or one off for clocks that differ. Null where it is the code of none after the given step.</summary>
    long? StepOf(ReadOnlySpan<byte> secret, string code, DateTimeOffset now, long afterStep);
}
