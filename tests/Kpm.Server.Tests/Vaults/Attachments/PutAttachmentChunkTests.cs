using Kpm.Server.Tests.Hosting;
using Kpm.V1;

namespace Kpm.Server.Tests.Vaults.Attachments;

/// <summary>Uploads of clients without client streaming; the rules are those of UploadAttachment.</summary>
public sealed class PutAttachmentChunkTests
{
    [Fact]
    public async Task Pieces_make_the_attachment_and_each_is_durable_when_it_is_told()
    {
        await using var server = await TestServer.StartAsync();
        var device = await server.EnrolAsync();
        var attachment = TestAttachment.OfSize(1_200_000);

        Assert.Equal((524_304UL, false), await PutAsync(0, 524_304));
        Assert.Equal(524_304UL, (await server.StatusAsync(device, attachment)).Received);
        await server.RestartAsync();
        Assert.Equal((1_048_608UL, false), await PutAsync(524_304, 524_304));
        Assert.Equal((1_048_608UL, false), await PutAsync(0, 524_304));
        Assert.Equal((1_200_000UL, true), await PutAsync(1_048_608, 151_392));
        Assert.Equal((1_200_000UL, true), await PutAsync(1_048_608, 151_392));
        Assert.Equal(attachment.Bytes, await server.Vault.DownloadAsync(device, attachment));

        async Task<(ulong, bool)> PutAsync(int offset, int length)
        {
            var answer = await server.Vault.PutAttachmentChunkAsync(attachment.Chunk(offset, length), device.Call);
            return (answer.Received, answer.Complete);
        }
    }

    [Theory]
    [InlineData(101, 1)] // above what has arrived
    [InlineData(100, 901)] // beyond the end
    public async Task A_piece_that_does_not_fit_is_refused(int offset, int length)
    {
        await using var server = await TestServer.StartAsync();
        var device = await server.EnrolAsync();
        var attachment = TestAttachment.OfSize(1000);
        await server.Vault.PutAttachmentChunkAsync(attachment.Chunk(0, 100), device.Call);
        var piece = attachment.Chunk(offset, 1);
        piece.Data = Google.Protobuf.ByteString.CopyFrom(new byte[length]);

        await Refused.WithAsync(ErrorReason.OffsetInvalid, server.Vault.PutAttachmentChunkAsync(piece, device.Call));

        Assert.Equal(100UL, (await server.StatusAsync(device, attachment)).Received);
        Assert.True((await server.Vault.PutAttachmentChunkAsync(attachment.Chunk(100, 900), device.Call)).Complete);
    }

    [Fact]
    public async Task Sixty_four_times_the_same_piece_counts_once()
    {
        await using var server = await TestServer.StartAsync();
        var device = await server.EnrolAsync();
        var attachment = TestAttachment.OfSize(1000);

        var answers = await Race.Of64Async(async () => await server.Vault.PutAttachmentChunkAsync(attachment.Chunk(0, 1000), device.Call));

        Assert.All(answers, a => Assert.Equal("OK", a));
        Assert.Equal(1000UL, (await server.UsageOfAsync(device)).AttachmentBytes);
        Assert.Single(server.AttachmentFiles());
        Assert.Equal(attachment.Bytes, await server.Vault.DownloadAsync(device, attachment));
    }
}
