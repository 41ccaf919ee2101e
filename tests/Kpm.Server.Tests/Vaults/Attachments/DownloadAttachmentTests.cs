using Kpm.Server.Tests.Hosting;
using Kpm.V1;
using Microsoft.Extensions.DependencyInjection;

namespace Kpm.Server.Tests.Vaults.Attachments;

/// <summary>Whole and in ranges, with slow readers, and what ends a download.</summary>
public sealed class DownloadAttachmentTests
{
    private const int Piece = 256 * 1024;
    private const int Size = (2 * Piece) + 10;

    [Theory]
    [InlineData(0, 0, Size)]
    [InlineData(0, 1, 1)]
    [InlineData(1, 0, Size - 1)]
    [InlineData(Size - 1, 0, 1)]
    [InlineData(Size - 1, 1, 1)]
    [InlineData(0, Size, Size)]
    [InlineData(0, Size + 1, Size)]
    [InlineData(5, Size, Size - 5)]
    [InlineData(Piece - 1, 2, 2)]
    [InlineData(Piece, Piece, Piece)]
    [InlineData(3, Piece + 1, Piece + 1)]
    public async Task A_range_is_what_it_says(int offset, int length, int expected)
    {
        await using var server = await TestServer.StartAsync();
        var device = await server.EnrolAsync();
        var attachment = await server.AttachAsync(device, Size);

        var bytes = await server.Vault.DownloadAsync(device, attachment, (ulong)offset, (ulong)length);

        Assert.Equal(attachment.Bytes[offset..(offset + expected)], bytes);
    }

    [Theory]
    [InlineData(Size)]
    [InlineData(Size + 1)]
    public async Task A_range_begins_below_the_size(int offset)
    {
        await using var server = await TestServer.StartAsync();
        var device = await server.EnrolAsync();
        var attachment = await server.AttachAsync(device, Size);
        await Refused.WithAsync(ErrorReason.OffsetInvalid, () => server.Vault.DownloadAsync(device, attachment, (ulong)offset));
    }

    [Fact]
    public async Task What_is_not_whole_is_not_found()
    {
        await using var server = await TestServer.StartAsync();
        var device = await server.EnrolAsync();
        var attachment = TestAttachment.OfSize(100);
        await server.Vault.UploadAsync(device, attachment, to: 99);

        await Refused.WithAsync(ErrorReason.NotFound, () => server.Vault.DownloadAsync(device, attachment));
        await Refused.WithAsync(ErrorReason.NotFound, () => server.Vault.DownloadAsync(device, TestAttachment.OfSize(1)));
    }

    [Fact]
    public async Task A_slow_reader_of_an_attachment_that_is_removed_reads_it_to_its_end()
    {
        var time = new FakeTime();
        await using var server = await TestServer.StartAsync(time);
        var device = await server.EnrolAsync();
        var attachment = await server.AttachAsync(device, 8 * 1024 * 1024);
        using var call = server.Vault.DownloadAttachment(new DownloadAttachmentRequest { AttachmentId = attachment.Id.ToWire() }, device.Call);
        Assert.True(await call.ResponseStream.MoveNext(TestContext.Current.CancellationToken));
        var bytes = call.ResponseStream.Current.Data.ToList();

        await server.Database.WriteAsync(c => Dapper.SqlMapper.Execute(c, "UPDATE attachment SET expires_at = 1"), CancellationToken.None);
        time.Advance(server.Limits.SweepInterval);
        await Eventually.TrueAsync(() => server.AttachmentFiles().Count == 0);

        while (await call.ResponseStream.MoveNext(TestContext.Current.CancellationToken))
        {
            bytes.AddRange(call.ResponseStream.Current.Data);
        }

        Assert.Equal(attachment.Bytes, bytes);
        await Refused.WithAsync(ErrorReason.NotFound, () => server.Vault.DownloadAsync(device, attachment));
    }

    [Fact]
    public async Task A_revoked_device_reads_no_further_byte()
    {
        await using var server = await TestServer.StartAsync();
        var owner = await server.EnrolAsync();
        var lost = await server.EnrolAsync(owner.Email);
        var attachment = await server.AttachAsync(owner, 30 * 1024 * 1024);
        using var call = server.Vault.DownloadAttachment(new DownloadAttachmentRequest { AttachmentId = attachment.Id.ToWire() }, lost.Call);
        Assert.True(await call.ResponseStream.MoveNext(TestContext.Current.CancellationToken));
        long received = call.ResponseStream.Current.Data.Length;

        await server.Accounts.RevokeDeviceAsync(new RevokeDeviceRequest { RequestId = Guid.CreateVersion7().ToString(), DeviceId = lost.Session.DeviceId.ToWire() }, owner.Call);

        // What was buffered may still come, the rest does not.
        await Assert.ThrowsAsync<Grpc.Core.RpcException>(async () =>
        {
            while (await call.ResponseStream.MoveNext(TestContext.Current.CancellationToken))
            {
                received += call.ResponseStream.Current.Data.Length;
            }
        });
        Assert.True(received < 8 * 1024 * 1024, $"{received} bytes came");
        await Refused.WithAsync(ErrorReason.SessionInvalid, () => server.Vault.DownloadAsync(lost, attachment));
    }

    [Fact]
    public async Task A_client_that_does_not_read_is_cut_off()
    {
        var time = new FakeTime();
        await using var server = await TestServer.StartAsync(time);
        var device = await server.EnrolAsync();
        var attachment = await server.AttachAsync(device, 30 * 1024 * 1024);
        using var call = server.Vault.DownloadAttachment(new DownloadAttachmentRequest { AttachmentId = attachment.Id.ToWire() }, device.Call);
        Assert.True(await call.ResponseStream.MoveNext(TestContext.Current.CancellationToken));
        var transfers = server.Services.GetRequiredService<Kpm.Server.Vaults.Attachments.Transfers>();
        Assert.Equal(1, transfers.Running);

        // Until the windows are full, each piece that fits begins the time anew.
        await Eventually.TrueAsync(() =>
        {
            time.Advance(server.Limits.StallTimeout);
            return transfers.Running == 0;
        });

        var error = await Assert.ThrowsAsync<Grpc.Core.RpcException>(async () =>
        {
            while (await call.ResponseStream.MoveNext(TestContext.Current.CancellationToken))
            {
                Assert.NotEmpty(call.ResponseStream.Current.Data);
            }
        });
        Assert.NotEqual(Grpc.Core.StatusCode.OK, error.StatusCode);
    }
}
