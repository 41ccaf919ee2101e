using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Kpm.Server.Storage.Files;

/// <summary>Makes files durable. Tests put their own in its place, to see what a loss of power leaves.</summary>
internal interface IDiskSync
{
    /// <summary>The file's bytes and length survive a loss of power.</summary>
    void File(SafeFileHandle file, string path);

    /// <summary>The names in the folder do.</summary>
    void Folder(string path);
}

/// <summary>fsync of files and of folders.</summary>
internal sealed class DiskSync : IDiskSync
{
    private const int ReadOnly = 0;

    public void File(SafeFileHandle file, string path) => RandomAccess.FlushToDisk(file);

    /// <exception cref="IOException">The folder can't be synced.</exception>
    public void Folder(string path)
    {
        // Windows writes names with its file system's journal, and has no call for it.
        if (OperatingSystem.IsWindows())
        {
            return;
        }

        // The framework opens no folders.
        var folder = Open(Encoding.UTF8.GetBytes(path + '\0'), ReadOnly);
        if (folder < 0)
        {
            throw Failure(path);
        }

        try
        {
            if (Sync(folder) != 0)
            {
                throw Failure(path);
            }
        }
        finally
        {
            _ = Close(folder);
        }
    }

    private static IOException Failure(string path) => new($"The folder {path} can't be synced: {Marshal.GetLastPInvokeErrorMessage()}.", Marshal.GetLastPInvokeError());

    [DllImport("libc", EntryPoint = "open", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Open(byte[] path, int flags);

    [DllImport("libc", EntryPoint = "fsync", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Sync(int file);

    [DllImport("libc", EntryPoint = "close", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Close(int file);
}
