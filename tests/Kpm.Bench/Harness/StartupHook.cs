using Kpm.Bench.Harness;

#pragma warning disable CA1050, MA0047 // The runtime looks for a type of exactly this name, outside any namespace.

/// <summary>Loaded into a measured .NET process by DOTNET_STARTUP_HOOKS; the measured program knows nothing of it.</summary>
internal static class StartupHook
{
    public static void Initialize()
    {
        if (Environment.GetEnvironmentVariable(Probe.Variable) is { Length: > 0 } path)
        {
            Probe.Serve(path);
        }
    }
}
