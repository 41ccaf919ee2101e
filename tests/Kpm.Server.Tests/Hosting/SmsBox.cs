using System.Diagnostics;
using System.Text.RegularExpressions;

namespace Kpm.Server.Tests.Hosting;

/// <summary>An SMS as its reader sees it.</summary>
internal sealed partial record ReceivedSms(string To, string Text)
{
    public string Code => Digits().Match(Text).Value;

    [GeneratedRegex("[0-9]{6,8}")]
    private static partial Regex Digits();
}

/// <summary>The folder that SMS are written to.</summary>
internal sealed class SmsBox(string folder)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    public IReadOnlyList<ReceivedSms> All => Directory.Exists(folder)
        ? [.. Directory.EnumerateFiles(folder, "*.txt").Order(StringComparer.Ordinal).Select(f => Parse(File.ReadAllText(f)))]
        : [];

    public IReadOnlyList<ReceivedSms> To(string number) => [.. All.Where(s => s.To == number)];

    /// <summary>The n-th message to a number, once it is there.</summary>
    public async Task<ReceivedSms> WaitAsync(string number, int count = 1)
    {
        for (var waited = Stopwatch.StartNew(); waited.Elapsed < Patience; await Task.Delay(10))
        {
            if (To(number) is { } messages && messages.Count >= count)
            {
                return messages[count - 1];
            }
        }

        throw new TimeoutException($"SMS {count} to {number} did not come; there are {To(number).Count}.");
    }

    private static ReceivedSms Parse(string text)
    {
        var end = text.IndexOf("\n\n", StringComparison.Ordinal);
        return new ReceivedSms(text["To: ".Length..end], text[(end + 2)..].TrimEnd('\n'));
    }
}
