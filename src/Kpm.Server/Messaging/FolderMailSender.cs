namespace Kpm.Server.Messaging;

/// <summary>Writes each mail as a file that only its owner may read, under a name that sorts by time.</summary>
internal sealed class FolderMailSender : IMailSender
{
    private readonly string _folder;

    public FolderMailSender(string folder)
    {
        _folder = Path.GetFullPath(folder);
        try
        {
            if (OperatingSystem.IsWindows())
            {
                Directory.CreateDirectory(_folder);
            }
            else
            {
                Directory.CreateDirectory(_folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new StartException($"The mail folder {_folder} can't be written ({e.Message.TrimEnd('.')}). Choose another with --mail-folder, or change its owner or mode.", e);
        }
    }

    public string Destination => _folder;

    public async Task SendAsync(WrittenMail mail, Guid mailId, CancellationToken cancellationToken)
    {
        var path = Path.Combine(_folder, mailId.ToWire() + ".eml");
        var temporary = path + ".new";
        var options = new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.Write, Options = FileOptions.Asynchronous };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        }

        await using (var file = new FileStream(temporary, options))
        {
            await file.WriteAsync(mail.Content, cancellationToken);
            file.Flush(flushToDisk: true);
        }

        // Who watches the folder sees whole mails only.
        File.Move(temporary, path, overwrite: true);
    }
}
