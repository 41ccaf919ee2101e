using System.Buffers.Binary;
using System.Security.Cryptography;
using Kpm.V1;

namespace Kpm.Server.Tests.Faults;

/// <summary>Reads an account's log as a device does: dense, in order, and with its chain.</summary>
internal sealed class LogReader
{
    public ulong Cursor { get; private set; }

    public byte[] ChainHash { get; private set; } = new byte[32];

    public void Take(Changes changes)
    {
        Assert.Equal(Cursor, changes.PrevSeq);
        Assert.NotEmpty(changes.Entries);
        foreach (var change in changes.Entries)
        {
            Assert.Equal(Cursor + 1, change.Seq);
            Cursor = change.Seq;
            var link = new byte[72];
            ChainHash.CopyTo(link, 0);
            BinaryPrimitives.WriteUInt64BigEndian(link.AsSpan(32), change.Seq);
            SHA256.HashData(change.Header.Span, link.AsSpan(40));
            ChainHash = SHA256.HashData(link);
        }

        Assert.Equal(Cursor, changes.LastSeq);
    }
}
