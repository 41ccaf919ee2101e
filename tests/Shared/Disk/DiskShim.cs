using System.Collections.Concurrent;
using System.Runtime.InteropServices;

namespace Kpm.Tests.Disk;

/// <summary>
/// A VFS between SQLite and the system's own. It becomes the process's default, so that production code opens its files
/// through it unchanged; files of folders without a tap are handed on and pass it no more.
/// </summary>
internal static unsafe partial class DiskShim
{
    private const int OpenCreate = 0x4;
    private const int OpenMainJournal = 0x800;
    private const int OpenSuperJournal = 0x4000;
    private const int OpenWal = 0x80000;
    private const int NoMemory = 7;

    private static readonly ConcurrentDictionary<string, DiskTap> Taps = new(StringComparer.Ordinal);
    private static readonly Lazy<nint> Registered = new(Register);
    private static NativeVfs* _below;
    private static NativeMethods* _methods;

    /// <summary>From now on the tap sees what SQLite does to files of this folder that it opens, until disposed.</summary>
    public static IDisposable Attach(string folder, DiskTap tap)
    {
        _ = Registered.Value;
        folder = Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder));
        return Taps.TryAdd(folder, tap) ? new Attachment(folder) : throw new InvalidOperationException($"The folder {folder} has a tap.");
    }

    private static nint Register()
    {
        // SQLite's own set-up comes first: it is refused once a VFS was looked for.
        SQLitePCL.Batteries_V2.Init();
        _below = sqlite3_vfs_find(null);
        _methods = (NativeMethods*)NativeMemory.Alloc((nuint)sizeof(NativeMethods));
        *_methods = Methods();
        var vfs = (NativeVfs*)NativeMemory.Alloc((nuint)sizeof(NativeVfs));
        *vfs = *_below;
        vfs->Version = Math.Min(3, _below->Version);
        vfs->FileBytes = sizeof(NativeFile) + _below->FileBytes;
        vfs->Next = null;
        vfs->Name = (byte*)Marshal.StringToCoTaskMemUTF8("kpm-test-disk");
        vfs->AppData = null;
        vfs->Open = &Open;
        vfs->Delete = &Delete;
        vfs->Access = &Access;
        vfs->FullPathname = &FullPathname;
        var code = sqlite3_vfs_register(vfs, 1);
        return code == 0 ? (nint)vfs : throw new InvalidOperationException($"sqlite3_vfs_register: {code}");
    }

    private static DiskTap? TapOf(string? path) =>
        path is not null && Path.GetDirectoryName(path) is { } folder && Taps.TryGetValue(folder, out var tap) ? tap : null;

    [UnmanagedCallersOnly(CallConvs = [typeof(System.Runtime.CompilerServices.CallConvCdecl)])]
    private static int Open(NativeVfs* vfs, byte* name, NativeFile* file, int flags, int* outFlags)
    {
        var path = Marshal.PtrToStringUTF8((nint)name);
        if (TapOf(path) is not { } tap)
        {
            return _below->Open(_below, name, file, flags, outFlags);
        }

        file->Methods = null;
        if ((flags & OpenCreate) != 0 && !File.Exists(path))
        {
            var step = new DiskStep(DiskAction.Create, Path.GetFileName(path!));
            if (tap.Before(step) is > 0 and var refused)
            {
                return refused;
            }
        }

        var below = Below(file);
        below->Methods = null;
        var code = _below->Open(_below, name, below, flags, outFlags);
        if (below->Methods is null)
        {
            return code == 0 ? NoMemory : code;
        }

        // As the system's VFS does it: the first sync of a journal or log makes its name durable too.
        var folderToo = (flags & OpenCreate) != 0 && (flags & (OpenMainJournal | OpenSuperJournal | OpenWal)) != 0;
        file->Handle = GCHandle.ToIntPtr(GCHandle.Alloc(new OpenFile(Path.GetFileName(path!), tap) { SyncsFolder = folderToo }));
        file->Methods = _methods;
        tap.After(new DiskStep(DiskAction.Create, Path.GetFileName(path!)));
        return code;
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(System.Runtime.CompilerServices.CallConvCdecl)])]
    private static int Delete(NativeVfs* vfs, byte* name, int syncFolder)
    {
        var path = Marshal.PtrToStringUTF8((nint)name);
        return TapOf(path) is { } tap
            ? Do(tap, new DiskStep(DiskAction.Delete, Path.GetFileName(path!)) { SyncsFolder = syncFolder != 0 }, name, (n, _, s) => _below->Delete(_below, (byte*)n, s.SyncsFolder ? 1 : 0))
            : _below->Delete(_below, name, syncFolder);
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(System.Runtime.CompilerServices.CallConvCdecl)])]
    private static int Access(NativeVfs* vfs, byte* name, int flags, int* result) => _below->Access(_below, name, flags, result);

    [UnmanagedCallersOnly(CallConvs = [typeof(System.Runtime.CompilerServices.CallConvCdecl)])]
    private static int FullPathname(NativeVfs* vfs, byte* name, int bytes, byte* result) => _below->FullPathname(_below, name, bytes, result);

    private static NativeFile* Below(NativeFile* file) => file + 1;

    /// <summary>Asks the tap, then the disk, then tells the tap.</summary>
    private static int Do(DiskTap tap, DiskStep step, void* target, Func<nint, nint, DiskStep, int> disk, void* data = null)
    {
        var verdict = tap.Before(step);
        if (verdict != DiskTap.Proceed)
        {
            return verdict == DiskTap.Pretend ? 0 : verdict;
        }

        var code = disk((nint)target, (nint)data, step);
        if (code == 0)
        {
            tap.After(step);
        }

        return code;
    }

    [LibraryImport("e_sqlite3")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial NativeVfs* sqlite3_vfs_find(byte* name);

    [LibraryImport("e_sqlite3")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int sqlite3_vfs_register(NativeVfs* vfs, int makeDefault);

    private sealed class OpenFile(string name, DiskTap tap)
    {
        public string Name => name;

        public DiskTap Tap => tap;

        public bool SyncsFolder { get; set; }
    }

    private sealed class Attachment(string folder) : IDisposable
    {
        public void Dispose() => Taps.TryRemove(folder, out _);
    }
}
