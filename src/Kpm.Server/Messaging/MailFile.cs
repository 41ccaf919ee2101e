namespace Kpm.Server.Messaging;

/// <summary>Reads the sections of <c>Templates/mails.language.txt</c>.</summary>
internal static class MailFile
{
    /// <summary>
    /// A mail: its subject, then blocks between blank lines. A block is a paragraph, or one line or more that each begin with
    /// <c>[kind arguments]</c>.
    /// </summary>
    public static MailWords Mail(string section)
    {
        var paragraphs = section.Split("\n\n", StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        return new MailWords(paragraphs[0], [.. paragraphs.Skip(1).SelectMany(Blocks)]);
    }

    private static IEnumerable<MailBlock> Blocks(string paragraph) => paragraph.StartsWith('[')
        ? paragraph.Split('\n').Select(Block)
        : [new MailBlock(MailBlockKind.Paragraph, [], paragraph.Replace('\n', ' '))];

    private static MailBlock Block(string line)
    {
        var close = line.IndexOf(']', StringComparison.Ordinal);
        var head = line[1..close].Split(' ', 2);
        var kind = Enum.Parse<MailBlockKind>(head[0], ignoreCase: true);
        string[] arguments = head.Length == 1 ? [] : kind == MailBlockKind.Fact ? [head[1]] : head[1].Split(' ');
        if (arguments.Length != kind switch { MailBlockKind.Action or MailBlockKind.Lesser => 2, MailBlockKind.Fact => 1, _ => 0 })
        {
            throw new InvalidOperationException($"The mail block \"{line}\" has the wrong number of arguments.");
        }

        return new MailBlock(kind, arguments, line[(close + 1)..].Trim());
    }
}

/// <summary>The words of one mail in one language, with placeholders.</summary>
internal sealed record MailWords(string Subject, IReadOnlyList<MailBlock> Blocks);

/// <summary>A part of a mail.</summary>
/// <param name="Kind">How it looks.</param>
/// <param name="Arguments">Of a fact its name; of an action the names of the values that are its link and its key.</param>
/// <param name="Text">Its words.</param>
internal sealed record MailBlock(MailBlockKind Kind, IReadOnlyList<string> Arguments, string Text);

internal enum MailBlockKind
{
    Paragraph,

    /// <summary>A paragraph of less weight.</summary>
    Note,

    /// <summary>A code to be typed.</summary>
    Code,

    /// <summary>A name and a value.</summary>
    Fact,

    /// <summary>What the mail is for: a button, and the key that does the same in an app.</summary>
    Action,

    /// <summary>Something else that can be done.</summary>
    Lesser,
}
