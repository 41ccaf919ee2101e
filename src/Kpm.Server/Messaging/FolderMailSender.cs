namespace Kpm.Server.Messaging;

/// <summary>Writes each mail as a file, under a name that sorts by time.</summary>
internal sealed class FolderMailSender(string folder) : IMailSender
{
    private readonly PrivateFolder _folder = new(folder, "The mail folder", "--mail-folder");

    public string Destination => _folder.Path;

    public Task SendAsync(WrittenMail mail, Guid mailId, CancellationToken cancellationToken) =>
        _folder.WriteAsync(mailId.ToWire() + ".eml", mail.Content, cancellationToken);
}
