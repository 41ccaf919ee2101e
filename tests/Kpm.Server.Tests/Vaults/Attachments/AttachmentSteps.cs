using System.Security.Cryptography;
using Google.Protobuf;
using Grpc.Core;
using Kpm.Server.Tests.Hosting;
using Kpm.V1;

namespace Kpm.Server.Tests.Vaults.Attachments;

/// <summary>The ciphertext of an attachment, as a client has it.</summary>
internal sealed class TestAttachment(byte[] bytes, Guid? id = null)
{
    public const int Piece = 512 * 1024;

    public Guid Id { get; } = id ?? Guid.CreateVersion7();

    public byte[] Bytes => bytes;

    public AttachmentUpload What => new() { AttachmentId = Id.ToWire(), Size = (ulong)bytes.Length, Sha256 = ByteString.CopyFrom(SHA256.HashData(bytes)) };

    public static TestAttachment OfSize(int bytes) => new(RandomNumberGenerator.GetBytes(bytes));

    public UploadAttachmentRequest Start(ulong offset = 0) => new() { Start = new UploadStart { Upload = What, Offset = offset } };

    public UploadAttachmentRequest Data(int offset, int length) => new() { Data = ByteString.CopyFrom(bytes, offset, length) };

    public PutAttachmentChunkRequest Chunk(int offset, int length) => new() { Upload = What, Offset = (ulong)offset, Data = ByteString.CopyFrom(bytes, offset, length) };
}

/// <summary>The steps that tests of attachments begin with.</summary>
internal static class AttachmentSteps
{
    /// <summary>Uploads from an offset to the end, or as far as is told.</summary>
    public static async Task<UploadAttachmentResponse> UploadAsync(this VaultService.VaultServiceClient vault, VaultDevice device, TestAttachment attachment, int from = 0, int? to = null, int piece = TestAttachment.Piece)
    {
        using var call = vault.UploadAttachment(device.Call);
        try
        {
            await call.RequestStream.WriteAsync(attachment.Start((ulong)from));
            for (var at = from; at < (to ?? attachment.Bytes.Length); at += piece)
            {
                await call.RequestStream.WriteAsync(attachment.Data(at, Math.Min(piece, (to ?? attachment.Bytes.Length) - at)));
            }

            await call.RequestStream.CompleteAsync();
        }
        catch (Exception e) when (e is RpcException or InvalidOperationException)
        {
            // The server has answered before everything was sent; the answer says what.
        }

        return await call;
    }

    /// <summary>An attachment that is whole.</summary>
    public static async Task<TestAttachment> AttachAsync(this TestServer server, VaultDevice device, int bytes = 1000)
    {
        var attachment = TestAttachment.OfSize(bytes);
        Assert.True((await server.Vault.UploadAsync(device, attachment)).Complete);
        return attachment;
    }

    public static async Task<GetAttachmentUploadResponse> StatusAsync(this TestServer server, VaultDevice device, TestAttachment attachment) =>
        await server.Vault.GetAttachmentUploadAsync(new GetAttachmentUploadRequest { AttachmentId = attachment.Id.ToWire() }, device.Call);

    public static async Task<byte[]> DownloadAsync(this VaultService.VaultServiceClient vault, VaultDevice device, TestAttachment attachment, ulong offset = 0, ulong length = 0)
    {
        using var call = vault.DownloadAttachment(new DownloadAttachmentRequest { AttachmentId = attachment.Id.ToWire(), Offset = offset, Length = length }, device.Call);
        using var bytes = new MemoryStream();
        while (await call.ResponseStream.MoveNext(TestContext.Current.CancellationToken))
        {
            var piece = call.ResponseStream.Current;
            Assert.Equal(offset + (ulong)bytes.Length, piece.Offset);
            Assert.Equal((ulong)attachment.Bytes.Length, piece.Size);
            piece.Data.WriteTo(bytes);
        }

        return bytes.ToArray();
    }

    /// <summary>A PUT whose header names attachments.</summary>
    public static Operation PutWith(this VaultDevice device, Guid item, ulong baseRev, params TestAttachment[] attachments) =>
        device.Author.Put(item, baseRev, bend: d => d.Attachments = [.. attachments.Select(a => a.Id).OrderBy(i => Convert.ToHexString(i.ToBytes()), StringComparer.Ordinal)]);

    public static string AttachmentFolder(this TestServer server) => Path.Combine(server.Options.DataFolder, "attachments");

    /// <summary>Every file of attachments, by its name below the folder.</summary>
    public static IReadOnlyList<string> Files(string folder) => Directory.Exists(folder)
        ? [.. Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories).Select(f => Path.GetRelativePath(folder, f)).Order(StringComparer.Ordinal)]
        : [];

    public static IReadOnlyList<string> AttachmentFiles(this TestServer server) => Files(server.AttachmentFolder());
}
