using System.CommandLine;
using System.Diagnostics;
using Kpm.V1;

namespace Kpm.Cli.Dialogues;

/// <summary>Takes a person through a provider's page in the browser.</summary>
internal static class Providers
{
    /// <summary>Which provider to use in place of the account password.</summary>
    public static readonly Option<string?> With = new("--with") { Description = "Use this provider in the browser in place of the account password: google, apple, facebook or another that the server offers" };

    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(10);

    public static Task<FederatedCredential> AskAsync(Invocation run, string provider, FederatedPurpose purpose, string region, CancellationToken cancellationToken) =>
        run.Client.Identities.AskProviderAsync(provider, purpose, region, address => Open(run.Terminal, address), Patience, cancellationToken);

    private static void Open(Terminal terminal, Uri address)
    {
        terminal.Note($"Go on in the browser. If it does not open by itself, this is the address:{Environment.NewLine}{address.AbsoluteUri}");
        var start = Opener();
        start.ArgumentList.Add(address.AbsoluteUri);
        try
        {
            // It goes on by itself.
            using var browser = Process.Start(start);
        }
        catch (System.ComponentModel.Win32Exception)
        {
            terminal.Note("There is no program here that opens it by itself; KPM_BROWSER can name one.");
        }
    }

    private static ProcessStartInfo Opener()
    {
        if (OperatingSystem.IsWindows())
        {
            return new ProcessStartInfo("rundll32", ["url.dll,FileProtocolHandler"]);
        }

        // A browser must neither read what a script has for kpm, nor write between its answers.
        var command = Environment.GetEnvironmentVariable("KPM_BROWSER") is { Length: > 0 } chosen ? chosen : OperatingSystem.IsMacOS() ? "open" : "xdg-open";
        return new ProcessStartInfo("/bin/sh", ["-c", "exec \"$0\" \"$@\" </dev/null >/dev/null 2>&1", command]);
    }
}
