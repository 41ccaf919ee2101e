using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Kpm.Tests.Disk;

/// <content>The methods of an open file: four that change the disk are shown to the tap, the others handed on.</content>
internal static unsafe partial class DiskShim
{
    private const int SyncDataOnly = 0x10;

    private static NativeMethods Methods() => new()
    {
        Version = 2,
        Close = &Close,
        Read = &Read,
        Write = &Write,
        Truncate = &Truncate,
        Sync = &Sync,
        FileSize = &FileSize,
        Lock = &Lock,
        Unlock = &Unlock,
        CheckReservedLock = &CheckReservedLock,
        FileControl = &FileControl,
        SectorSize = &SectorSize,
        DeviceCharacteristics = &DeviceCharacteristics,
        ShmMap = &ShmMap,
        ShmLock = &ShmLock,
        ShmBarrier = &ShmBarrier,
        ShmUnmap = &ShmUnmap,
    };

    private static OpenFile Of(NativeFile* file) => (OpenFile)GCHandle.FromIntPtr(file->Handle).Target!;

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int Write(NativeFile* file, byte* bytes, int count, long offset)
    {
        var open = Of(file);
        var step = new DiskStep(DiskAction.Write, open.Name) { Offset = offset, Bytes = new ReadOnlySpan<byte>(bytes, count).ToArray() };
        return Do(
            open.Tap,
            step,
            Below(file),
            (f, data, s) => ((NativeFile*)f)->Methods->Write((NativeFile*)f, (byte*)data, s.Bytes.Length, s.Offset),
            bytes);
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int Truncate(NativeFile* file, long size)
    {
        var open = Of(file);
        return Do(
            open.Tap,
            new DiskStep(DiskAction.Truncate, open.Name) { Offset = size },
            Below(file),
            (f, _, s) => ((NativeFile*)f)->Methods->Truncate((NativeFile*)f, s.Offset));
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int Sync(NativeFile* file, int flags)
    {
        var open = Of(file);
        var code = Do(
            open.Tap,
            new DiskStep(DiskAction.Sync, open.Name) { SyncsFolder = open.SyncsFolder, Offset = flags & ~SyncDataOnly },
            Below(file),
            (f, _, s) => ((NativeFile*)f)->Methods->Sync((NativeFile*)f, (int)s.Offset));
        open.SyncsFolder &= code != 0;
        return code;
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int Close(NativeFile* file)
    {
        GCHandle.FromIntPtr(file->Handle).Free();
        return Below(file)->Methods->Close(Below(file));
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int Read(NativeFile* file, byte* bytes, int count, long offset) => Below(file)->Methods->Read(Below(file), bytes, count, offset);

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int FileSize(NativeFile* file, long* size) => Below(file)->Methods->FileSize(Below(file), size);

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int Lock(NativeFile* file, int level) => Below(file)->Methods->Lock(Below(file), level);

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int Unlock(NativeFile* file, int level) => Below(file)->Methods->Unlock(Below(file), level);

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int CheckReservedLock(NativeFile* file, int* result) => Below(file)->Methods->CheckReservedLock(Below(file), result);

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int FileControl(NativeFile* file, int operation, void* argument) => Below(file)->Methods->FileControl(Below(file), operation, argument);

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int SectorSize(NativeFile* file) => Below(file)->Methods->SectorSize(Below(file));

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int DeviceCharacteristics(NativeFile* file) => Below(file)->Methods->DeviceCharacteristics(Below(file));

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int ShmMap(NativeFile* file, int region, int bytes, int extend, void** memory) => Below(file)->Methods->ShmMap(Below(file), region, bytes, extend, memory);

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int ShmLock(NativeFile* file, int offset, int count, int flags) => Below(file)->Methods->ShmLock(Below(file), offset, count, flags);

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void ShmBarrier(NativeFile* file) => Below(file)->Methods->ShmBarrier(Below(file));

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int ShmUnmap(NativeFile* file, int delete) => Below(file)->Methods->ShmUnmap(Below(file), delete);
}
