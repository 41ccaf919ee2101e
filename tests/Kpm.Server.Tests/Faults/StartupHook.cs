using Kpm.Server.Tests.Faults;

/// <summary>
/// .NET calls this before the program when DOTNET_STARTUP_HOOKS names this assembly: the way to a faulty disk under the
/// server as it ships, in a process of its own.
/// </summary>
#pragma warning disable MA0047 // the name and the missing namespace are .NET's
internal static class StartupHook
#pragma warning restore MA0047
{
    public static void Initialize() => FaultyDisk.AttachAsTold();
}
