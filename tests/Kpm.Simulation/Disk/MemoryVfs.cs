using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;

namespace Kpm.Simulation.Disk;

/// <summary>
/// SQLite's view of the simulated disks: a VFS that is this process's default, so that the code under test opens its databases
/// as it always does. A folder that no disk is mounted at does not exist.
/// </summary>
internal static unsafe class MemoryVfs
{
    private const int Ok = 0;
    private const int Busy = 5;
    private const int IoError = 10;
    private const int NotFound = 12;
    private const int Full = 13;
    private const int CantOpen = 14;
    private const int IoErrorShortRead = IoError | (2 << 8);
    private const int IoErrorWrite = IoError | (3 << 8);
    private const int IoErrorFsync = IoError | (4 << 8);
    private const int ReadOnlyCantInit = 8 | (5 << 8);
    private const int OpenCreate = 0x4;
    private const int OpenMemory = 0x80;
    private const int SectorSize = 4096;

    /// <summary>A write does not touch the bytes beside it, as SQLite assumes of the disks of its own VFS.</summary>
    private const int PowersafeOverwrite = 0x1000;

    private static readonly ConcurrentDictionary<string, SimDisk> Mounts = new(StringComparer.Ordinal);
    private static readonly Lock Gate = new();
    private static bool _registered;
    private static IoMethods* _methods;

    public static void Mount(string folder, SimDisk disk)
    {
        lock (Gate)
        {
            if (!_registered)
            {
                Register();
                _registered = true;
            }
        }

        Mounts[folder] = disk;
    }

    public static void Unmount(string folder) => Mounts.TryRemove(folder, out _);

    private static void Register()
    {
        SQLitePCL.Batteries_V2.Init();
        _methods = (IoMethods*)NativeMemory.AllocZeroed((nuint)sizeof(IoMethods));
        *_methods = new IoMethods
        {
            Version = 2,
            Close = &Close,
            Read = &Read,
            Write = &Write,
            Truncate = &Truncate,
            Sync = &Sync,
            FileSize = &FileSize,
            Lock = &LockFile,
            Unlock = &UnlockFile,
            CheckReservedLock = &CheckReservedLock,
            FileControl = &FileControl,
            SectorSize = &GetSectorSize,
            DeviceCharacteristics = &GetDeviceCharacteristics,
            ShmMap = &ShmMap,
            ShmLock = &ShmLock,
            ShmBarrier = &ShmBarrier,
            ShmUnmap = &ShmUnmap,
        };
        var name = "kpm-simulation\0"u8;
        var nameBytes = (byte*)NativeMemory.Alloc((nuint)name.Length);
        name.CopyTo(new Span<byte>(nameBytes, name.Length));
        var vfs = (Vfs*)NativeMemory.AllocZeroed((nuint)sizeof(Vfs));
        *vfs = new Vfs
        {
            Version = 2,
            FileSize = sizeof(File),
            MaxPathname = 512,
            Name = nameBytes,
            Open = &Open,
            Delete = &Delete,
            Access = &Access,
            FullPathname = &FullPathname,
            Randomness = &Randomness,
            Sleep = &Sleep,
            CurrentTime = &CurrentTime,
            GetLastError = &GetLastError,
            CurrentTimeInt64 = &CurrentTimeInt64,
        };
        var code = sqlite3_vfs_register(vfs, 1);
        if (code != Ok)
        {
            throw new InvalidOperationException($"SQLite refuses the VFS ({code}).");
        }
    }

    [DllImport("e_sqlite3", CallingConvention = CallingConvention.Cdecl, ExactSpelling = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int sqlite3_vfs_register(Vfs* vfs, int makeDefault);

    private static string PathOf(byte* name) => Marshal.PtrToStringUTF8((nint)name)!;

    private static SimDisk? DiskOf(string path) => Mounts.GetValueOrDefault(Path.GetDirectoryName(path)!);

    private static OpenFile Of(File* file) => (OpenFile)GCHandle.FromIntPtr(file->Handle).Target!;

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int Open(Vfs* vfs, byte* name, File* file, int flags, int* outFlags)
    {
        file->Methods = null;
        OpenFile opened;
        if (name is null)
        {
            var scratch = new SimDisk(new Random(0));
            opened = new OpenFile(scratch, "scratch", scratch.Open("scratch", create: true));
        }
        else
        {
            var path = PathOf(name);
            var disk = DiskOf(path);
            if (disk is null || (!disk.Exists(path) && (flags & (OpenCreate | OpenMemory)) == 0))
            {
                return CantOpen;
            }

            opened = new OpenFile(disk, path, disk.Open(path, create: true));
        }

        file->Handle = GCHandle.ToIntPtr(GCHandle.Alloc(opened));
        file->Methods = _methods;
        if (outFlags is not null)
        {
            *outFlags = flags;
        }

        return Ok;
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int Delete(Vfs* vfs, byte* name, int syncFolder)
    {
        var path = PathOf(name);
        DiskOf(path)?.Delete(path);
        return Ok;
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int Access(Vfs* vfs, byte* name, int flags, int* result)
    {
        var path = PathOf(name);
        *result = DiskOf(path)?.Exists(path) == true ? 1 : 0;
        return Ok;
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int FullPathname(Vfs* vfs, byte* name, int size, byte* result)
    {
        var bytes = Encoding.UTF8.GetBytes(Path.GetFullPath(PathOf(name)) + '\0');
        if (bytes.Length > size)
        {
            return CantOpen;
        }

        bytes.CopyTo(new Span<byte>(result, size));
        return Ok;
    }

    /// <summary>Always the same: what SQLite makes of it stands in its files.</summary>
    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int Randomness(Vfs* vfs, int size, byte* result)
    {
        new Span<byte>(result, size).Fill(0x5a);
        return size;
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int Sleep(Vfs* vfs, int microseconds) => microseconds;

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int CurrentTime(Vfs* vfs, double* result)
    {
        *result = 2461101.0;
        return Ok;
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int GetLastError(Vfs* vfs, int size, byte* result) => 0;

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int CurrentTimeInt64(Vfs* vfs, long* result)
    {
        *result = 2461101L * 86_400_000;
        return Ok;
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int Close(File* file)
    {
        var opened = Of(file);
        opened.Locks.Unlock(opened, FileLocks.None);
        opened.Locks.LeaveShm(opened);
        GCHandle.FromIntPtr(file->Handle).Free();
        file->Methods = null;
        return Ok;
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int Read(File* file, void* into, int count, long offset)
    {
        var opened = Of(file);
        if (opened.IsStale)
        {
            return IoError;
        }

        return opened.Content.Read(offset, new Span<byte>(into, count)) ? Ok : IoErrorShortRead;
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int Write(File* file, void* data, int count, long offset)
    {
        var opened = Of(file);
        if (opened.IsStale)
        {
            return IoError;
        }

        var disk = opened.Disk;
        if (!disk.Pass(out var half))
        {
            if (half)
            {
                opened.Content.Write(offset, new ReadOnlySpan<byte>(data, count));
            }

            disk.StopHere();
            return IoErrorWrite;
        }

        if (disk.FailingWrites > 0)
        {
            disk.FailingWrites--;
            return IoErrorWrite;
        }

        if (disk.Full && offset + count > opened.Content.Length)
        {
            return Full;
        }

        opened.Content.Write(offset, new ReadOnlySpan<byte>(data, count));
        return Ok;
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int Truncate(File* file, long size)
    {
        var opened = Of(file);
        if (opened.IsStale)
        {
            return IoError;
        }

        if (!opened.Disk.Pass(out _))
        {
            opened.Disk.StopHere();
            return IoError;
        }

        opened.Content.Truncate(size);
        return Ok;
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int Sync(File* file, int flags)
    {
        var opened = Of(file);
        if (opened.IsStale)
        {
            return IoError;
        }

        var disk = opened.Disk;
        if (!disk.Pass(out var half))
        {
            if (half)
            {
                opened.Content.Sync();
            }

            disk.StopHere();
            return IoErrorFsync;
        }

        if (disk.FailNextSync)
        {
            disk.FailNextSync = false;
            disk.LoseUnsynced(opened.Content);
            return IoErrorFsync;
        }

        if (disk.Bug == SyncBug.None || (disk.Bug == SyncBug.NotTheLog && !opened.IsLog))
        {
            opened.Content.Sync();
        }

        return Ok;
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int FileSize(File* file, long* size)
    {
        var opened = Of(file);
        *size = opened.Content.Length;
        return opened.IsStale ? IoError : Ok;
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int LockFile(File* file, int level)
    {
        var opened = Of(file);
        return opened.Locks.TryLock(opened, level) ? Ok : Busy;
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int UnlockFile(File* file, int level)
    {
        var opened = Of(file);
        opened.Locks.Unlock(opened, level);
        return Ok;
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int CheckReservedLock(File* file, int* result)
    {
        *result = Of(file).Locks.IsReserved ? 1 : 0;
        return Ok;
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int FileControl(File* file, int operation, void* argument) => NotFound;

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int GetSectorSize(File* file) => SectorSize;

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int GetDeviceCharacteristics(File* file) => PowersafeOverwrite;

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int ShmMap(File* file, int region, int size, int extend, void** result)
    {
        var opened = Of(file);
        if (opened.IsStale)
        {
            *result = null;
            return ReadOnlyCantInit;
        }

        *result = (void*)opened.Locks.Region(region, size, extend != 0);
        return Ok;
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int ShmLock(File* file, int first, int count, int flags)
    {
        const int unlock = 1;
        const int exclusive = 8;
        var opened = Of(file);
        if ((flags & unlock) != 0)
        {
            opened.Locks.UnlockShm(opened, first, count);
            return Ok;
        }

        return opened.Locks.TryLockShm(opened, first, count, (flags & exclusive) != 0) ? Ok : Busy;
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void ShmBarrier(File* file) => Interlocked.MemoryBarrier();

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int ShmUnmap(File* file, int delete)
    {
        var opened = Of(file);
        opened.Locks.LeaveShm(opened);
        return Ok;
    }

    /// <summary>A file as one connection has it open.</summary>
    private sealed class OpenFile(SimDisk disk, string path, SimFile content)
    {
        private readonly int _boot = disk.Boot;

        public SimDisk Disk => disk;

        public SimFile Content => content;

        /// <summary>Those of its own time: after a crash others are in force.</summary>
        public FileLocks Locks { get; } = content.Locks;

        public bool IsLog { get; } = path.EndsWith("-wal", StringComparison.Ordinal);

        /// <summary>The machine was restarted since.</summary>
        public bool IsStale => disk.Boot != _boot;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct File
    {
        public IoMethods* Methods;
        public nint Handle;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct IoMethods
    {
        public int Version;
        public delegate* unmanaged[Cdecl]<File*, int> Close;
        public delegate* unmanaged[Cdecl]<File*, void*, int, long, int> Read;
        public delegate* unmanaged[Cdecl]<File*, void*, int, long, int> Write;
        public delegate* unmanaged[Cdecl]<File*, long, int> Truncate;
        public delegate* unmanaged[Cdecl]<File*, int, int> Sync;
        public delegate* unmanaged[Cdecl]<File*, long*, int> FileSize;
        public delegate* unmanaged[Cdecl]<File*, int, int> Lock;
        public delegate* unmanaged[Cdecl]<File*, int, int> Unlock;
        public delegate* unmanaged[Cdecl]<File*, int*, int> CheckReservedLock;
        public delegate* unmanaged[Cdecl]<File*, int, void*, int> FileControl;
        public delegate* unmanaged[Cdecl]<File*, int> SectorSize;
        public delegate* unmanaged[Cdecl]<File*, int> DeviceCharacteristics;
        public delegate* unmanaged[Cdecl]<File*, int, int, int, void**, int> ShmMap;
        public delegate* unmanaged[Cdecl]<File*, int, int, int, int> ShmLock;
        public delegate* unmanaged[Cdecl]<File*, void> ShmBarrier;
        public delegate* unmanaged[Cdecl]<File*, int, int> ShmUnmap;
        public void* Fetch;
        public void* Unfetch;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct Vfs
    {
        public int Version;
        public int FileSize;
        public int MaxPathname;
        public Vfs* Next;
        public byte* Name;
        public void* AppData;
        public delegate* unmanaged[Cdecl]<Vfs*, byte*, File*, int, int*, int> Open;
        public delegate* unmanaged[Cdecl]<Vfs*, byte*, int, int> Delete;
        public delegate* unmanaged[Cdecl]<Vfs*, byte*, int, int*, int> Access;
        public delegate* unmanaged[Cdecl]<Vfs*, byte*, int, byte*, int> FullPathname;
        public void* DlOpen;
        public void* DlError;
        public void* DlSym;
        public void* DlClose;
        public delegate* unmanaged[Cdecl]<Vfs*, int, byte*, int> Randomness;
        public delegate* unmanaged[Cdecl]<Vfs*, int, int> Sleep;
        public delegate* unmanaged[Cdecl]<Vfs*, double*, int> CurrentTime;
        public delegate* unmanaged[Cdecl]<Vfs*, int, byte*, int> GetLastError;
        public delegate* unmanaged[Cdecl]<Vfs*, long*, int> CurrentTimeInt64;
    }
}
