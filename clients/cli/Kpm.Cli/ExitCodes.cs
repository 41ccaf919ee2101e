namespace Kpm.Cli;

/// <summary>What the process returns; `kpm --help` lists them.</summary>
internal static class ExitCodes
{
    public const int Done = 0;
    public const int Failed = 1;
    public const int Usage = 2;
    public const int NotSignedIn = 3;
    public const int NotFound = 4;
    public const int Offline = 5;
    public const int Untrusted = 6;
    public const int StepNeeded = 7;
    public const int Cancelled = 130;

    public const string Help =
        """
        Exit codes: 0 done, 1 failed, 2 wrong usage, 3 not signed in or wrong password, 4 no such item or device,
        5 the server can't be reached, 6 the server's data is not what your devices wrote (nothing of it was used),
        or an export does not verify, 7 a step that needs a person: a Security Check, a second factor, a registration.
        """;
}
