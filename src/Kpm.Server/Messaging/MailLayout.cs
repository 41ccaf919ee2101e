namespace Kpm.Server.Messaging;

/// <summary>How the parts of a mail look in one of its two forms.</summary>
/// <param name="pieces">The sections of the layout file: "page", and one for each kind of block.</param>
/// <param name="between">What stands between two blocks.</param>
/// <param name="escape">Makes plain text harmless in this form.</param>
internal sealed class MailLayout(IReadOnlyDictionary<string, string> pieces, string between, Func<string, string> escape)
{
    /// <param name="mail">The words.</param>
    /// <param name="page">What is the same in every mail of the language.</param>
    /// <param name="values">The mail's values.</param>
    /// <param name="value">Looks a placeholder of the words up.</param>
    public string Render(MailWords mail, IReadOnlyDictionary<string, string> page, IReadOnlyDictionary<string, string> values, Func<string, string> value)
    {
        var body = new System.Text.StringBuilder();
        MailBlock? before = null;
        foreach (var block in mail.Blocks)
        {
            // Facts are a list, not paragraphs.
            body.Append(before is null ? "" : before.Kind == MailBlockKind.Fact && block.Kind == MailBlockKind.Fact ? "\n" : between);
            body.Append(Render(block, page, values, value));
            before = block;
        }

        return TextSections.Fill(pieces["page"], name => name == "body" ? body.ToString() : escape(page[name])) + "\n";
    }

    private string Render(MailBlock block, IReadOnlyDictionary<string, string> page, IReadOnlyDictionary<string, string> values, Func<string, string> value)
    {
        var local = new Dictionary<string, string>(StringComparer.Ordinal) { ["text"] = TextSections.Fill(block.Text, value) };
        var piece = block.Kind.ToString().ToLowerInvariant();
        switch (block.Kind)
        {
            case MailBlockKind.Fact:
                local["name"] = block.Arguments[0];
                local["value"] = local["text"];
                break;
            case MailBlockKind.Action or MailBlockKind.Lesser:
                local["link"] = values[block.Arguments[0]];
                local["key"] = values[block.Arguments[1]];
                // A server without pages has no links; then the key is all there is.
                piece = local["link"].Length > 0 ? piece : "key";
                break;
        }

        return TextSections.Fill(pieces[piece], name => escape(local.GetValueOrDefault(name) ?? page[name]));
    }
}
