using System.Security.Cryptography;
using Google.Protobuf;
using Kpm.V1;
using TestDevice = Kpm.Server.Tests.Faults.TestDevice;

namespace Kpm.Server.Tests.BadInput;

/// <summary>Valid requests about revisions, the trash and attachments.</summary>
public sealed partial class World
{
    private Dictionary<string, Func<CancellationToken, Task<BaseCall>>> AttachmentMakers => new(StringComparer.Ordinal)
    {
        ["kpm.v1.VaultService.ListRevisions"] = async c => By(Owner, new ListRevisionsRequest { ItemId = await DeletedItemAsync(c), PageSize = 10 }),
        ["kpm.v1.VaultService.GetRevision"] = async c => By(Owner, new GetRevisionRequest { ItemId = await DeletedItemAsync(c), Rev = 1 }),
        ["kpm.v1.VaultService.ListTrash"] = async c =>
        {
            await DeletedItemAsync(c);
            return By(Owner, new ListTrashRequest { PageSize = 10 });
        },
        ["kpm.v1.VaultService.UploadAttachment:start"] = async c =>
        {
            var (what, _) = await BegunAsync(c);
            return By(Owner, Start(what)) with { Opening = () => Start(what) };
        },
        ["kpm.v1.VaultService.UploadAttachment:data"] = async c =>
        {
            var (what, bytes) = await BegunAsync(c);
            return By(Owner, new UploadAttachmentRequest { Data = ByteString.CopyFrom(bytes) }) with { Opening = () => Start(what) };
        },
        ["kpm.v1.VaultService.PutAttachmentChunk"] = async c =>
        {
            var (what, bytes) = await BegunAsync(c);
            return By(Owner, new PutAttachmentChunkRequest { Upload = what, Data = ByteString.CopyFrom(bytes) });
        },
        ["kpm.v1.VaultService.GetAttachmentUpload"] = async c => By(Owner, new GetAttachmentUploadRequest { AttachmentId = (await BegunAsync(c)).What.AttachmentId }),
        ["kpm.v1.VaultService.DownloadAttachment"] = async c =>
        {
            var (what, bytes) = await BegunAsync(c);
            await Vaults.PutAttachmentChunkAsync(new PutAttachmentChunkRequest { Upload = what, Data = ByteString.CopyFrom(bytes) }, Owner.Headers, cancellationToken: c);
            return By(Owner, new DownloadAttachmentRequest { AttachmentId = what.AttachmentId, Offset = 1, Length = 10 });
        },
    };

    private VaultService.VaultServiceClient Vaults => new(Connection);

    private static UploadAttachmentRequest Start(AttachmentUpload what) => new() { Start = new UploadStart { Upload = what } };

    private async Task<string> DeletedItemAsync(CancellationToken cancellationToken)
    {
        // A device of its own: some of the cases use up the greatest op_seq of the owner's.
        var device = await EnrolledAsync(cancellationToken);
        var item = TestDevice.NewId();
        var request = new PushRequest { Operations = { device.Put(item, 0), device.Delete(item, 1) } };
        var response = await Vaults.PushAsync(request, device.Headers, cancellationToken: cancellationToken);
        Assert.All(response.Results, r => Assert.NotNull(r.Applied));
        return item;
    }

    /// <summary>An upload that is entered, so that the first message of its stream changes nothing any more.</summary>
    private async Task<(AttachmentUpload What, byte[] Bytes)> BegunAsync(CancellationToken cancellationToken)
    {
        var bytes = RandomNumberGenerator.GetBytes(1000);
        var what = new AttachmentUpload { AttachmentId = TestDevice.NewId(), Size = (ulong)bytes.Length, Sha256 = ByteString.CopyFrom(SHA256.HashData(bytes)) };
        using var call = Vaults.UploadAttachment(Owner.Headers, cancellationToken: cancellationToken);
        await call.RequestStream.WriteAsync(Start(what), cancellationToken);
        await call.RequestStream.CompleteAsync();
        Assert.False((await call).Complete);
        return (what, bytes);
    }
}
