using Kpm.Server.Storage.Files;

namespace Kpm.Server.Storage.Sqlite;

/// <summary>The files around a database: its folder, its lock and its mode.</summary>
internal static class DatabaseFiles
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    /// <summary>Makes folder and file where missing (readable by the owner only) and takes the lock, which is held until disposed.</summary>
    /// <exception cref="StartException">The folder can't be written, or another server holds the lock.</exception>
    public static FileStream Prepare(string path, IDiskSync disk)
    {
        var folder = Path.GetDirectoryName(path)!;
        try
        {
            CreateFolder(folder, disk);
            var lockFile = Lock(path, folder);
            try
            {
                CreateFile(path);
                return lockFile;
            }
            catch
            {
                lockFile.Dispose();
                throw;
            }
        }
        catch (Exception e) when (e is UnauthorizedAccessException or IOException)
        {
            throw new StartException($"The data folder {folder} can't be written ({e.Message.TrimEnd('.')}). Choose another with --data, or change its owner or mode.", e);
        }
    }

    /// <summary>With names that survive a loss of power: SQLite syncs the folder that its files are in, and none above.</summary>
    private static void CreateFolder(string folder, IDiskSync disk)
    {
        var missing = new List<string>();
        for (var above = folder; !Directory.Exists(above); above = Path.GetDirectoryName(above)!)
        {
            missing.Add(above);
        }

        if (OperatingSystem.IsWindows())
        {
            Directory.CreateDirectory(folder);
        }
        else
        {
            Directory.CreateDirectory(folder, OwnerOnly | UnixFileMode.UserExecute);
        }

        foreach (var made in missing)
        {
            disk.Folder(Path.GetDirectoryName(made)!);
        }
    }

    /// <summary>An exclusive lock of the operating system: it ends with the process, however that ends.</summary>
    private static FileStream Lock(string path, string folder)
    {
        try
        {
            return new FileStream(path + ".lock", Options(FileMode.OpenOrCreate));
        }
        catch (IOException e) when (e.GetType() == typeof(IOException) && File.Exists(path + ".lock"))
        {
            throw new StartException($"The data folder {folder} is in use by another kpm-server. Stop that one, or choose another folder with --data.", e);
        }
    }

    /// <summary>SQLite gives its log and shared memory the mode of the database file.</summary>
    private static void CreateFile(string path)
    {
        using (new FileStream(path, Options(FileMode.OpenOrCreate)))
        {
        }

        if (!OperatingSystem.IsWindows() && File.GetUnixFileMode(path) != OwnerOnly)
        {
            File.SetUnixFileMode(path, OwnerOnly);
        }
    }

    private static FileStreamOptions Options(FileMode mode)
    {
        var options = new FileStreamOptions { Mode = mode, Access = FileAccess.ReadWrite, Share = FileShare.None };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = OwnerOnly;
        }

        return options;
    }
}
