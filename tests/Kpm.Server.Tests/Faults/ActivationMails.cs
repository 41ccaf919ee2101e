using Kpm.Server.Tests.Hosting;

namespace Kpm.Server.Tests.Faults;

/// <summary>The activation mails that a server of another process has written.</summary>
internal static class ActivationMails
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    /// <summary>Waits for the newest mail to the address; there may be thousands to others.</summary>
    public static async Task<ReceivedMail> ReadAsync(string dataFolder, string address, CancellationToken cancellationToken)
    {
        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        timeout.CancelAfter(Patience);
        var folder = new DirectoryInfo(Path.Combine(dataFolder, "mail"));
        while (true)
        {
            foreach (var file in folder.Exists ? folder.GetFiles("*.eml").OrderByDescending(f => f.LastWriteTimeUtc) : Enumerable.Empty<FileInfo>())
            {
                var raw = await File.ReadAllTextAsync(file.FullName, timeout.Token);
                if (raw.Contains($"To: <{address}>", StringComparison.OrdinalIgnoreCase))
                {
                    return ReceivedMail.Parse(raw);
                }
            }

            await Task.Delay(TimeSpan.FromMilliseconds(20), timeout.Token);
        }
    }
}
