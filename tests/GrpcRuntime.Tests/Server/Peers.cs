using System.Diagnostics;

namespace GrpcRuntime.Tests.Server;

/// <summary>Runs programs that speak gRPC through another implementation.</summary>
internal static class Peers
{
    private static readonly SemaphoreSlim NpmGate = new(1, 1);

    public static string ProjectFolder { get; } = FindProjectFolder();

    public static string EchoProtos { get; } = Path.Combine(ProjectFolder, "protos");

    public static string GrpcProtos { get; } = Path.GetFullPath(Path.Combine(ProjectFolder, "..", "..", "protos"));

    /// <summary>Runs <c>node</c> on a script of the folder <c>node</c>, whose packages are installed first where they are not.</summary>
    public static async Task<(int ExitCode, string Output)> NodeAsync(string script, string[] arguments, CancellationToken cancellationToken)
    {
        var folder = await InstallNodePackagesAsync(cancellationToken);
        return await RunAsync("node", [script, .. arguments], folder, cancellationToken);
    }

    /// <summary>The folder of the scripts, its packages installed.</summary>
    public static async Task<string> InstallNodePackagesAsync(CancellationToken cancellationToken)
    {
        var folder = Path.Combine(ProjectFolder, "node");
        await NpmGate.WaitAsync(cancellationToken);
        try
        {
            var installed = new FileInfo(Path.Combine(folder, "node_modules", ".package-lock.json"));
            if (!installed.Exists || installed.LastWriteTimeUtc < File.GetLastWriteTimeUtc(Path.Combine(folder, "package-lock.json")))
            {
                var (exitCode, output) = await RunAsync("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund"], folder, cancellationToken);
                Assert.True(exitCode == 0, output);
            }
        }
        finally
        {
            NpmGate.Release();
        }

        return folder;
    }

    public static async Task<(int ExitCode, string Output)> RunAsync(string program, string[] arguments, string folder, CancellationToken cancellationToken)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            WorkingDirectory = folder,
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using var process = Process.Start(start) ?? throw new InvalidOperationException($"{program} did not start.");
        try
        {
            var output = process.StandardOutput.ReadToEndAsync(cancellationToken);
            var errors = process.StandardError.ReadToEndAsync(cancellationToken);
            await process.WaitForExitAsync(cancellationToken);
            return (process.ExitCode, await output + await errors);
        }
        finally
        {
            if (!process.HasExited)
            {
                process.Kill(entireProcessTree: true);
            }
        }
    }

    private static string FindProjectFolder()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "GrpcRuntime.Tests.csproj")))
            {
                return folder.FullName;
            }
        }

        throw new InvalidOperationException("The folder of the test project was not found.");
    }
}
