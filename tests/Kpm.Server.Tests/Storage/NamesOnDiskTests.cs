using Kpm.Server.Secrets;
using Kpm.Server.Storage.Files;
using Kpm.Server.Storage.Sqlite;
using Microsoft.Win32.SafeHandles;

namespace Kpm.Server.Tests.Storage;

/// <summary>A file whose name is not synced may be gone after a power loss, however well its content was synced.</summary>
public sealed class NamesOnDiskTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void The_key_file_is_durable_under_its_name_before_anything_depends_on_it()
    {
        var path = _folder.File("root.key");
        var disk = new Recorded(_folder.Path);
        var root = RootKey.Open(path, isInUse: false, disk);

        // The content first, then its name; and a synced folder holds the file that the caller goes on with.
        Assert.Equal(["sync root.key.new", "sync folder with root.key"], disk.Steps);

        root.Append();

        Assert.Equal(["sync root.key.new", "sync folder with root.key", "sync root.key.new", "sync folder with root.key"], disk.Steps);
        Assert.Equal(2, RootKey.Open(path, isInUse: true, disk).Sealing.All.Count);
    }

    [Fact]
    public void The_folders_that_are_made_for_the_database_are_durable()
    {
        var disk = new Recorded(_folder.Path);

        DatabaseFiles.Prepare(_folder.File("a/b/kpm.db"), disk).Dispose();
        Assert.Equal(["sync folder a with b", "sync folder with a"], disk.Steps);

        DatabaseFiles.Prepare(_folder.File("a/b/kpm.db"), disk).Dispose();
        Assert.Equal(2, disk.Steps.Count);
    }

    [Fact]
    public void A_folder_that_can_not_be_synced_is_an_error() =>
        Assert.Throws<IOException>(() => new DiskSync().Folder(_folder.File("nowhere")));

    /// <summary>Notes what is synced, and what a folder has at that moment.</summary>
    private sealed class Recorded(string root) : IDiskSync
    {
        public List<string> Steps { get; } = [];

        public void File(SafeFileHandle file, string path)
        {
            Assert.True(RandomAccess.GetLength(file) > 0, "nothing was written yet");
            Steps.Add($"sync {Path.GetFileName(path)}");
        }

        public void Folder(string path)
        {
            var name = path == root ? "" : " " + Path.GetFileName(path);
            Steps.Add($"sync folder{name} with {string.Join(' ', Directory.GetFileSystemEntries(path).Select(Path.GetFileName))}");
        }
    }
}
