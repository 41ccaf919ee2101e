using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Kpm.Server.Accounts;
using Kpm.Server.Verification;

namespace Kpm.Server.Tests.Hosting;

/// <summary>A mail as its reader sees it.</summary>
internal sealed partial record ReceivedMail(string Raw, string To, string Subject, string Text, string Html)
{
    public string Code => CodeLine().Match(Text).Groups[1].Value;

    public string Token => Word(ActivationMails.TokenPrefix);

    public string DiscardToken => Word(ActivationMails.DiscardPrefix);

    /// <summary>The mailed link to a page.</summary>
    public string Link(string path) => Regex.Match(Text, $@"https?://\S+{Regex.Escape(path)}\?\S+").Value;

    public static ReceivedMail Parse(string raw)
    {
        var end = raw.IndexOf("\r\n\r\n", StringComparison.Ordinal);
        var headers = raw[..end].Replace("\r\n ", " ", StringComparison.Ordinal).Split("\r\n")
            .Select(h => h.Split(": ", 2)).ToDictionary(h => h[0], h => h[1], StringComparer.OrdinalIgnoreCase);
        var boundary = Boundary().Match(headers["Content-Type"]).Groups[1].Value;
        var parts = raw[(end + 4)..].Split("--" + boundary);
        return new ReceivedMail(raw, headers["To"].Trim('<', '>'), DecodeWords(headers["Subject"]), DecodePart(parts[1]), DecodePart(parts[2]));
    }

    private string Word(string prefix) => Regex.Match(Text, Regex.Escape(prefix) + "[A-Za-z0-9_-]{43}").Value;

    private static string DecodePart(string part)
    {
        var body = part[(part.IndexOf("\r\n\r\n", StringComparison.Ordinal) + 4)..].Replace("=\r\n", "", StringComparison.Ordinal);
        var bytes = new List<byte>();
        for (var i = 0; i < body.Length; i++)
        {
            if (body[i] == '=')
            {
                bytes.Add(byte.Parse(body.AsSpan(i + 1, 2), NumberStyles.HexNumber, CultureInfo.InvariantCulture));
                i += 2;
            }
            else
            {
                bytes.Add((byte)body[i]);
            }
        }

        return Encoding.UTF8.GetString([.. bytes]);
    }

    private static string DecodeWords(string value) =>
        EncodedWord().Replace(value.Replace("?= =?", "?==?", StringComparison.Ordinal), m => Encoding.UTF8.GetString(Convert.FromBase64String(m.Groups[1].Value)));

    [GeneratedRegex(@"^ +(\d{6})\r?$", RegexOptions.Multiline)]
    private static partial Regex CodeLine();

    [GeneratedRegex("boundary=\"([^\"]+)\"")]
    private static partial Regex Boundary();

    [GeneratedRegex(@"=\?utf-8\?B\?([A-Za-z0-9+/=]*)\?=")]
    private static partial Regex EncodedWord();
}

/// <summary>The folder that mails are written to.</summary>
internal sealed class Mailbox(string folder)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    public IReadOnlyList<ReceivedMail> All => Directory.Exists(folder)
        ? [.. Directory.EnumerateFiles(folder, "*.eml").Order(StringComparer.Ordinal).Select(f => ReceivedMail.Parse(File.ReadAllText(f)))]
        : [];

    public IReadOnlyList<ReceivedMail> To(string address) => [.. All.Where(m => m.To == EmailAddress.Parse(address).Mailbox)];

    /// <summary>The n-th mail to an address, once it is there.</summary>
    public async Task<ReceivedMail> WaitAsync(string address, int count = 1)
    {
        for (var waited = Stopwatch.StartNew(); waited.Elapsed < Patience; await Task.Delay(10))
        {
            if (To(address) is { } mails && mails.Count >= count)
            {
                return mails[count - 1];
            }
        }

        throw new TimeoutException($"Mail {count} to {address} did not come; there are {To(address).Count}.");
    }
}
