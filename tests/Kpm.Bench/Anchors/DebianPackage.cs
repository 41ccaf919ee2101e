using System.ComponentModel;
using System.Diagnostics;

namespace Kpm.Bench.Anchors;

/// <summary>Debian packages used without installing them: downloaded and unpacked into a cache, so that no daemon is started.</summary>
internal static class DebianPackage
{
    /// <summary>The path of a file of the package, or null where packages can't be had.</summary>
    public static async Task<string?> TryUnpackAsync(string package, string file, CancellationToken cancel)
    {
        var folder = Path.Combine(CacheFolder(), package);
        var path = Path.Combine(folder, file);
        if (File.Exists(path))
        {
            return path;
        }

        Directory.CreateDirectory(folder);
        if (!await RunAsync(folder, "apt-get", ["download", package], cancel))
        {
            return null;
        }

        var archive = Directory.EnumerateFiles(folder, package + "_*.deb").FirstOrDefault();
        return archive != null && await RunAsync(folder, "dpkg", ["-x", archive, folder], cancel) && File.Exists(path) ? path : null;
    }

    private static string CacheFolder() =>
        Path.Combine(
            Environment.GetEnvironmentVariable("XDG_CACHE_HOME") is { Length: > 0 } cache ? cache : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".cache"),
            "kpm-bench");

    private static async Task<bool> RunAsync(string folder, string program, string[] arguments, CancellationToken cancel)
    {
        try
        {
            using var process = Process.Start(new ProcessStartInfo(program, arguments) { WorkingDirectory = folder, RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false });
            if (process == null)
            {
                return false;
            }

            var said = await Task.WhenAll(process.StandardOutput.ReadToEndAsync(cancel), process.StandardError.ReadToEndAsync(cancel));
            await process.WaitForExitAsync(cancel);
            if (process.ExitCode != 0)
            {
                Console.Error.WriteLine($"{program} {string.Join(' ', arguments)} failed: {string.Concat(said).Trim()}");
            }

            return process.ExitCode == 0;
        }
        catch (Win32Exception)
        {
            // Not a Debian machine.
            return false;
        }
    }
}
