using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Kpm.Server.Messaging;

/// <summary>A mail as bytes, with its envelope.</summary>
internal sealed record WrittenMail(string From, string To, byte[] Content)
{
    /// <summary>A mailbox beyond ASCII needs a server that speaks SMTPUTF8 (RFC 6531).</summary>
    public bool NeedsUtf8 => !Ascii.IsValid(To) || !Ascii.IsValid(From);
}

/// <summary>
/// Writes a mail by RFC 5322 and 2045: multipart/alternative, UTF-8, quoted-printable, lines ended by CRLF.
/// Header values are encoded words or checked mailboxes, so that no value can begin another header.
/// </summary>
internal sealed class MailWriter(MailOptions options)
{
    private const int MostOfALine = 76;

    public WrittenMail Write(Guid mailId, string to, MailText text, DateTimeOffset at)
    {
        var from = Accounts.EmailAddress.Parse(options.From).Mailbox;
        var boundary = "kpm-" + Convert.ToHexStringLower(SHA256.HashData(mailId.ToBytes())[..12]);
        var mail = new StringBuilder();
        Header(mail, "From", $"{EncodedWords(options.FromName)} <{Mailbox(from)}>");
        Header(mail, "To", $"<{Mailbox(to)}>");
        Header(mail, "Subject", EncodedWords(text.Subject));
        Header(mail, "Date", at.UtcDateTime.ToString("ddd, dd MMM yyyy HH:mm:ss", CultureInfo.InvariantCulture) + " +0000");
        Header(mail, "Message-ID", $"<{mailId.ToWire()}@{from[(from.IndexOf('@', StringComparison.Ordinal) + 1)..]}>");
        Header(mail, "Content-Language", text.Language);
        // Keeps out-of-office answers from coming back (RFC 3834).
        Header(mail, "Auto-Submitted", "auto-generated");
        Header(mail, "MIME-Version", "1.0");
        Header(mail, "Content-Type", $"multipart/alternative; boundary=\"{boundary}\"");
        mail.Append("\r\n");
        Part(mail, boundary, "text/plain", text.Text);
        Part(mail, boundary, "text/html", text.Html);
        mail.Append("--").Append(boundary).Append("--\r\n");
        return new WrittenMail(from, to, Encoding.UTF8.GetBytes(mail.ToString()));
    }

    private static void Header(StringBuilder mail, string name, string value) => mail.Append(name).Append(": ").Append(value).Append("\r\n");

    private static void Part(StringBuilder mail, string boundary, string type, string text)
    {
        mail.Append("--").Append(boundary).Append("\r\n");
        Header(mail, "Content-Type", type + "; charset=utf-8");
        Header(mail, "Content-Transfer-Encoding", "quoted-printable");
        mail.Append("\r\n");
        QuotedPrintable(mail, text);
        mail.Append("\r\n");
    }

    /// <summary>Addresses come from <see cref="Accounts.EmailAddress"/>; whatever could end a header is a defect here.</summary>
    private static string Mailbox(string mailbox) =>
        mailbox.Any(c => char.IsControl(c) || char.IsWhiteSpace(c) || c is '<' or '>')
            ? throw new InvalidOperationException("A mailbox holds a character that no mailbox can hold.")
            : mailbox;

    /// <summary>RFC 2047, "B": words of at most 36 bytes, so that a line with its header stays below 76, cut between characters, on folded lines.</summary>
    private static string EncodedWords(string text)
    {
        if (text.All(c => c is >= ' ' and < '\u007f') && text.Length <= 60 && !text.Contains("=?", StringComparison.Ordinal) && text.All(c => c is not ('"' or '(' or ')' or '<' or '>' or '@' or ',' or ';' or ':' or '\\' or '[' or ']')))
        {
            return text;
        }

        var words = new List<string>();
        var word = new List<byte>();
        Span<byte> utf8 = stackalloc byte[4];
        foreach (var rune in text.EnumerateRunes())
        {
            var length = rune.EncodeToUtf8(utf8);
            if (word.Count + length > 36)
            {
                words.Add(Convert.ToBase64String([.. word]));
                word.Clear();
            }

            word.AddRange(utf8[..length]);
        }

        words.Add(Convert.ToBase64String([.. word]));
        return string.Join("\r\n ", words.Select(w => $"=?utf-8?B?{w}?="));
    }

    /// <summary>RFC 2045, section 6.7: ASCII stays readable, lines have at most 76 characters.</summary>
    private static void QuotedPrintable(StringBuilder mail, string text)
    {
        foreach (var line in text.TrimEnd('\n').Split('\n'))
        {
            var column = 0;
            var bytes = Encoding.UTF8.GetBytes(line);
            for (var i = 0; i < bytes.Length; i++)
            {
                var b = bytes[i];
                var literal = b is >= 33 and <= 126 and not (byte)'=' || (b is (byte)' ' or (byte)'\t' && i < bytes.Length - 1);
                var width = literal ? 1 : 3;
                // One column is kept for the "=" of a soft break.
                if (column + width > MostOfALine - 1)
                {
                    mail.Append("=\r\n");
                    column = 0;
                }

                if (literal)
                {
                    mail.Append((char)b);
                }
                else
                {
                    mail.Append(CultureInfo.InvariantCulture, $"={b:X2}");
                }

                column += width;
            }

            mail.Append("\r\n");
        }
    }
}
