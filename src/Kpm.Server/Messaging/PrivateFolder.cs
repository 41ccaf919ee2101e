namespace Kpm.Server.Messaging;

/// <summary>A folder for messages that no server takes: only its owner may read what is written there.</summary>
internal sealed class PrivateFolder
{
    /// <exception cref="StartException">The folder can't be made.</exception>
    public PrivateFolder(string path, string name, string option)
    {
        Path = System.IO.Path.GetFullPath(path);
        try
        {
            if (OperatingSystem.IsWindows())
            {
                Directory.CreateDirectory(Path);
            }
            else
            {
                Directory.CreateDirectory(Path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new StartException($"{name} {Path} can't be written ({e.Message.TrimEnd('.')}). Choose another with {option}, or change its owner or mode.", e);
        }
    }

    public string Path { get; }

    public async Task WriteAsync(string name, byte[] content, CancellationToken cancellationToken)
    {
        var path = System.IO.Path.Combine(Path, name);
        var temporary = path + ".new";
        var options = new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.Write, Options = FileOptions.Asynchronous };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        }

        await using (var file = new FileStream(temporary, options))
        {
            await file.WriteAsync(content, cancellationToken);
            file.Flush(flushToDisk: true);
        }

        // Who watches the folder sees whole messages only.
        File.Move(temporary, path, overwrite: true);
    }
}
