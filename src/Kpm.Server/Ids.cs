namespace Kpm.Server;

/// <summary>Ids: lower-case UUIDs on the wire, <see cref="Guid"/> in code, 16 big-endian bytes in storage.</summary>
internal static class Ids
{
    /// <summary>A new UUIDv7, so that keys made later sort later.</summary>
    public static Guid New(TimeProvider time) => Guid.CreateVersion7(time.GetUtcNow());

    public static byte[] ToBytes(this Guid id) => id.ToByteArray(bigEndian: true);

    public static Guid FromBytes(ReadOnlySpan<byte> bytes) => new(bytes, bigEndian: true);

    public static string ToWire(this Guid id) => id.ToString("D");
}
