using System.Diagnostics.CodeAnalysis;

namespace Kpm.Server.Storage;

/// <summary>Ends the process when going on could break a promise. Tests put their own in its place.</summary>
internal interface IFatalExit
{
    /// <param name="line">What happened and what to do, on one line.</param>
    void Exit(string line);
}

/// <summary>One line on standard error, then the end of the process: no hook runs that could acknowledge anything.</summary>
[ExcludeFromCodeCoverage(Justification = "Ends the process.")]
internal sealed class ProcessFatalExit : IFatalExit
{
    /// <summary>EX_IOERR of sysexits.h.</summary>
    private const int ExitCode = 74;

    public void Exit(string line)
    {
        Console.Error.WriteLine(line);
        Environment.Exit(ExitCode);
    }
}
