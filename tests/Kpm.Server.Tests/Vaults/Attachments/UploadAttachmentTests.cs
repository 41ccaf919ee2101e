using System.Security.Cryptography;
using Grpc.Core;
using Kpm.Server.Tests.Accounts.Lifecycle;
using Kpm.Server.Tests.Hosting;
using Kpm.V1;

namespace Kpm.Server.Tests.Vaults.Attachments;

/// <summary>Uploads as a stream, cut and resumed; what is refused leaves nothing.</summary>
public sealed class UploadAttachmentTests
{
    private const int MiB = 1024 * 1024;

    [Theory]
    [InlineData(1)]
    [InlineData(524_304)]
    [InlineData((3 * MiB) + 7)]
    public async Task What_arrives_whole_with_the_promised_hash_is_there(int size)
    {
        await using var server = await TestServer.StartAsync();
        var device = await server.EnrolAsync();
        var attachment = TestAttachment.OfSize(size);

        var answer = await server.Vault.UploadAsync(device, attachment);

        Assert.Equal(((ulong)size, true), (answer.Received, answer.Complete));
        Assert.Equal(attachment.Bytes, await server.Vault.DownloadAsync(device, attachment));
        var hash = Convert.ToHexStringLower(SHA256.HashData(attachment.Bytes));
        Assert.Equal([Path.Combine(hash[..2], $"{device.Session.AccountId:N}.{hash}")], server.AttachmentFiles());
        Assert.Equal((ulong)size, (await server.UsageOfAsync(device)).AttachmentBytes);
    }

    [Fact]
    public async Task An_upload_that_is_cut_at_any_byte_goes_on_where_it_was()
    {
        await using var server = await TestServer.StartAsync();
        var device = await server.EnrolAsync();
        var attachment = TestAttachment.OfSize((4 * MiB) + 321);
        var random = new Random(4711);
        var cuts = 0;
        for (var from = 0; ;)
        {
            var to = from + random.Next(1, MiB * 3 / 2);
            if (to >= attachment.Bytes.Length)
            {
                Assert.True((await server.Vault.UploadAsync(device, attachment, from, piece: 100_003)).Complete);
                break;
            }

            await CutAsync(server, device, attachment, from, to, random);
            cuts++;
            var status = await StatusWhenReleasedAsync(server, device, attachment);
            Assert.False(status.Complete);
            // What was told before is still there, and nothing that was not sent.
            Assert.InRange(status.Received, (ulong)from, (ulong)to);
            from = (int)status.Received;
        }

        Assert.True(cuts >= 3);
        Assert.Equal(attachment.Bytes, await server.Vault.DownloadAsync(device, attachment));
    }

    [Fact]
    public async Task What_has_arrived_is_told_and_an_overlap_does_no_harm()
    {
        await using var server = await TestServer.StartAsync();
        var device = await server.EnrolAsync();
        var attachment = TestAttachment.OfSize(10_000);

        Assert.Equal((6000UL, false), Told(await server.Vault.UploadAsync(device, attachment, to: 6000)));
        Assert.Equal((6000UL, false), Told(await server.Vault.UploadAsync(device, attachment, from: 2000, to: 3000)));
        Assert.Equal((6000UL, false), Told(await server.Vault.UploadAsync(device, attachment, from: 6000, to: 6000)));
        Assert.Equal((10_000UL, true), Told(await server.Vault.UploadAsync(device, attachment, from: 5999)));
        Assert.Equal((10_000UL, true), Told(await server.Vault.UploadAsync(device, attachment)));
        Assert.Equal(attachment.Bytes, await server.Vault.DownloadAsync(device, attachment));
        Assert.Equal(10_000UL, (await server.UsageOfAsync(device)).AttachmentBytes);
    }

    [Fact]
    public async Task What_lies_in_the_file_beyond_what_was_told_does_not_count()
    {
        await using var server = await TestServer.StartAsync();
        var device = await server.EnrolAsync();
        var attachment = TestAttachment.OfSize(10_000);
        await server.Vault.UploadAsync(device, attachment, to: 6000);
        await File.AppendAllBytesAsync(Path.Combine(server.AttachmentFolder(), Assert.Single(server.AttachmentFiles())), new byte[1000], TestContext.Current.CancellationToken);

        Assert.Equal((6000UL, false), Told(await server.Vault.UploadAsync(device, attachment, to: 0)));
        Assert.True((await server.Vault.UploadAsync(device, attachment, 6000)).Complete);
    }

    [Theory]
    [InlineData(6000, true)]
    [InlineData(6001, false)]
    public async Task An_offset_above_what_has_arrived_is_refused(int offset, bool taken)
    {
        await using var server = await TestServer.StartAsync();
        var device = await server.EnrolAsync();
        var attachment = TestAttachment.OfSize(10_000);
        await server.Vault.UploadAsync(device, attachment, to: 6000);

        if (taken)
        {
            Assert.True((await server.Vault.UploadAsync(device, attachment, offset)).Complete);
        }
        else
        {
            await Refused.WithAsync(ErrorReason.OffsetInvalid, () => server.Vault.UploadAsync(device, attachment, offset));
            Assert.Equal(6000UL, (await server.StatusAsync(device, attachment)).Received);
        }
    }

    [Fact]
    public async Task More_bytes_than_were_promised_are_refused_and_what_came_before_is_kept()
    {
        await using var server = await TestServer.StartAsync();
        var device = await server.EnrolAsync();
        var attachment = TestAttachment.OfSize(1000);

        await Refused.WithAsync(ErrorReason.OffsetInvalid, async () =>
        {
            using var call = server.Vault.UploadAttachment(device.Call);
            await call.RequestStream.WriteAsync(attachment.Start());
            await call.RequestStream.WriteAsync(attachment.Data(0, 999));
            await call.RequestStream.WriteAsync(attachment.Data(0, 2));
            await call.RequestStream.CompleteAsync();
            await call;
        });

        Assert.Equal(999UL, (await StatusWhenReleasedAsync(server, device, attachment)).Received);
        Assert.True((await server.Vault.UploadAsync(device, attachment, 999)).Complete);
    }

    [Fact]
    public async Task Bytes_without_the_promised_hash_are_dropped_and_the_quota_is_given_back()
    {
        await using var server = await TestServer.StartAsync();
        var device = await server.EnrolAsync();
        var promised = TestAttachment.OfSize(2 * MiB);
        var flipped = promised.Bytes.ToArray();
        flipped[^1] ^= 1;

        await Refused.WithAsync(ErrorReason.AttachmentMismatch, async () =>
        {
            using var call = server.Vault.UploadAttachment(device.Call);
            await call.RequestStream.WriteAsync(promised.Start());
            foreach (var piece in flipped.Chunk(TestAttachment.Piece))
            {
                await call.RequestStream.WriteAsync(new UploadAttachmentRequest { Data = Google.Protobuf.ByteString.CopyFrom(piece) });
            }

            await call.RequestStream.CompleteAsync();
            await call;
        });

        Assert.Empty(server.AttachmentFiles());
        Assert.Equal(0, Snapshot.Rows(server.Database, "attachment"));
        Assert.Equal(0UL, (await server.UsageOfAsync(device)).AttachmentBytes);
        await Refused.WithAsync(ErrorReason.NotFound, () => server.StatusAsync(device, promised));
        Assert.True((await server.Vault.UploadAsync(device, promised)).Complete);
    }

    [Fact]
    public async Task An_id_stands_for_one_content()
    {
        await using var server = await TestServer.StartAsync();
        var device = await server.EnrolAsync();
        var begun = TestAttachment.OfSize(1000);
        await server.Vault.UploadAsync(device, begun, to: 500);

        foreach (var other in new[] { new TestAttachment(RandomNumberGenerator.GetBytes(1000), begun.Id), new TestAttachment(begun.Bytes[..999], begun.Id) })
        {
            await Refused.WithAsync(ErrorReason.AttachmentMismatch, () => server.Vault.UploadAsync(device, other));
        }

        Assert.True((await server.Vault.UploadAsync(device, begun, 500)).Complete);
        await Refused.WithAsync(ErrorReason.AttachmentMismatch, () => server.Vault.UploadAsync(device, new TestAttachment([1], begun.Id)));
        Assert.Equal(begun.Bytes, await server.Vault.DownloadAsync(device, begun));
    }

    [Fact]
    public async Task The_same_content_needs_no_second_transfer_within_an_account_and_is_one_file()
    {
        await using var server = await TestServer.StartAsync();
        var device = await server.EnrolAsync();
        var first = await server.AttachAsync(device, 5000);
        var second = new TestAttachment(first.Bytes);

        Assert.Equal((5000UL, true), Told(await server.Vault.UploadAsync(device, second, to: 0)));

        Assert.Single(server.AttachmentFiles());
        Assert.Equal(first.Bytes, await server.Vault.DownloadAsync(device, second));
        Assert.Equal(10_000UL, (await server.UsageOfAsync(device)).AttachmentBytes);
    }

    [Fact]
    public async Task Another_account_learns_nothing_of_an_id_or_a_content()
    {
        await using var server = await TestServer.StartAsync();
        var owner = await server.EnrolAsync();
        var stranger = await server.EnrolAsync();
        var attachment = await server.AttachAsync(owner, 5000);
        await server.Vault.UploadAsync(owner, new TestAttachment([1, 2, 3], Guid.CreateVersion7()), to: 1);

        await Refused.WithAsync(ErrorReason.NotFound, () => server.StatusAsync(stranger, attachment));
        await Refused.WithAsync(ErrorReason.NotFound, () => server.Vault.DownloadAsync(stranger, attachment));
        // The content of others has to be sent like any other, and the id is free for what the stranger wants.
        Assert.Equal((0UL, false), Told(await server.Vault.UploadAsync(stranger, new TestAttachment(attachment.Bytes), to: 0)));
        var own = new TestAttachment([9, 9, 9], attachment.Id);
        Assert.True((await server.Vault.UploadAsync(stranger, own)).Complete);
        Assert.Equal(own.Bytes, await server.Vault.DownloadAsync(stranger, own));
        Assert.Equal(attachment.Bytes, await server.Vault.DownloadAsync(owner, attachment));
        Assert.Equal(RejectionReason.AttachmentMissing, (await server.PushAsync(stranger, stranger.PutWith(Guid.CreateVersion7(), 0, TestAttachment.OfSize(1)))).Rejected.Reason);
    }

    [Theory]
    [InlineData(10_000, true)]
    [InlineData(10_001, false)]
    public async Task The_quota_is_taken_at_the_beginning_and_what_does_not_fit_leaves_nothing(int size, bool fits)
    {
        await using var server = await TestServer.StartAsync(options: o => o with { Limits = o.Limits with { VaultBytes = 11_200 } });
        var device = await server.EnrolAsync(); // 200 bytes of the directory
        await server.PushAsync(device, device.Author.Put(Guid.CreateVersion7(), 0, new byte[1000]));
        var attachment = TestAttachment.OfSize(size);

        if (fits)
        {
            await server.Vault.UploadAsync(device, attachment, to: 1);
            Assert.Equal((11_200UL, 10_000UL), Used(await server.UsageOfAsync(device)));
            Assert.Equal(RejectionReason.QuotaExceeded, (await server.PushAsync(device, device.Author.Put(Guid.CreateVersion7(), 0, [1]))).Rejected.Reason);
            Assert.True((await server.Vault.UploadAsync(device, attachment)).Complete);
        }
        else
        {
            var before = Snapshot.Of(server.Database);
            var refused = await Refused.WithAsync(ErrorReason.QuotaExceeded, () => server.Vault.UploadAsync(device, attachment));
            Assert.Equal(("10001", "1200", "11200"), (refused.Info.Metadata["size"], refused.Info.Metadata["used"], refused.Info.Metadata["max"]));
            Assert.Equal(before, Snapshot.Of(server.Database));
            Assert.Empty(server.AttachmentFiles());
        }
    }

    [Theory]
    [InlineData(2, true)]
    [InlineData(3, false)]
    public async Task Unfinished_uploads_of_an_account_are_limited(int count, bool fits)
    {
        await using var server = await TestServer.StartAsync(options: o => o with { Limits = o.Limits with { AttachmentUploadsPerAccount = 2 } });
        var device = await server.EnrolAsync();
        var uploads = Enumerable.Range(0, count).Select(_ => TestAttachment.OfSize(100)).ToList();
        foreach (var upload in uploads.SkipLast(1))
        {
            await server.Vault.UploadAsync(device, upload, to: 10);
        }

        if (fits)
        {
            await server.Vault.UploadAsync(device, uploads[^1], to: 10);
            return;
        }

        var refused = await Refused.WithAsync(ErrorReason.RateLimited, () => server.Vault.UploadAsync(device, uploads[^1], to: 10));
        Assert.NotNull(refused.RetryAfter);
        Assert.True((await server.Vault.UploadAsync(device, uploads[0], 10)).Complete);
        Assert.True((await server.Vault.UploadAsync(device, uploads[^1])).Complete);
    }

    [Theory]
    [InlineData(2, true)]
    [InlineData(3, false)]
    public async Task Attachments_of_an_account_are_limited(int count, bool fits)
    {
        await using var server = await TestServer.StartAsync(options: o => o with { Limits = o.Limits with { AttachmentsPerAccount = 2 } });
        var device = await server.EnrolAsync();
        for (var i = 1; i < count; i++)
        {
            await server.AttachAsync(device, 10);
        }

        if (fits)
        {
            await server.AttachAsync(device, 10);
        }
        else
        {
            await Refused.WithAsync(ErrorReason.QuotaExceeded, () => server.AttachAsync(device, 10));
            Assert.Equal(2, server.AttachmentFiles().Count);
        }
    }

    [Fact]
    public async Task A_newer_call_takes_the_upload_over_and_the_older_one_is_told()
    {
        await using var server = await TestServer.StartAsync();
        var device = await server.EnrolAsync();
        var attachment = TestAttachment.OfSize(10_000);
        using var older = server.Vault.UploadAttachment(device.Call);
        await older.RequestStream.WriteAsync(attachment.Start());
        await older.RequestStream.WriteAsync(attachment.Data(0, 4000));
        await Eventually.TrueAsync(() => server.AttachmentFiles() is [var file] && new FileInfo(Path.Combine(server.AttachmentFolder(), file)).Length == 4000);

        // It goes on where the older one was: what that had received was kept before it left.
        Assert.Equal((4000UL, false), Told(await server.Vault.UploadAsync(device, attachment, to: 0)));
        var refused = RefusedCall.Of(await Assert.ThrowsAsync<RpcException>(async () => await older));
        Assert.Equal(("UNAVAILABLE", "replaced"), (refused.Info.Reason, refused.Info.Metadata["upload"]));
        Assert.NotNull(refused.RetryAfter);
        Assert.True((await server.Vault.UploadAsync(device, attachment, 4000)).Complete);
    }

    [Fact]
    public async Task Sixty_four_at_once_make_one_attachment()
    {
        await using var server = await TestServer.StartAsync();
        var device = await server.EnrolAsync();
        var attachment = TestAttachment.OfSize(200_000);

        var answers = await Race.Of64Async(async () => Assert.True((await server.Vault.UploadAsync(device, attachment, piece: 10_000)).Complete));

        Assert.Contains("OK", answers);
        Assert.All(answers, a => Assert.Contains(a, new[] { "OK", "UNAVAILABLE" }));
        Assert.Single(server.AttachmentFiles());
        Assert.Equal(200_000UL, (await server.UsageOfAsync(device)).AttachmentBytes);
        Assert.Equal(attachment.Bytes, await server.Vault.DownloadAsync(device, attachment));
    }

    [Fact]
    public async Task Only_a_start_may_come_first_and_only_once()
    {
        await using var server = await TestServer.StartAsync();
        var device = await server.EnrolAsync();
        var attachment = TestAttachment.OfSize(100);

        await Refused.WithAsync(ErrorReason.ProtocolViolation, () => SendAsync(server, device));
        await Refused.WithAsync(ErrorReason.ProtocolViolation, () => SendAsync(server, device, attachment.Data(0, 100)));
        Assert.Equal(0, Snapshot.Rows(server.Database, "attachment"));
        await Refused.WithAsync(ErrorReason.ProtocolViolation, () => SendAsync(server, device, attachment.Start(), attachment.Start()));
    }

    [Fact]
    public async Task A_session_under_the_hold_uploads_nothing()
    {
        await using var server = await TestServer.StartAsync(new FakeTime());
        var owner = await server.EnrolAsync();
        await server.ResetPasswordAsync(owner.Email);
        var thief = new VaultDevice(await server.ConnectAsync(owner.Email, LifecycleSteps.NewPassword));

        await Refused.WithAsync(ErrorReason.KeysHeld, () => server.Vault.UploadAsync(thief, TestAttachment.OfSize(10)));
        Assert.Equal(0, Snapshot.Rows(server.Database, "attachment"));
    }

    [Fact]
    public async Task A_revoked_device_uploads_no_further_byte()
    {
        await using var server = await TestServer.StartAsync();
        var owner = await server.EnrolAsync();
        var lost = await server.EnrolAsync(owner.Email);
        var attachment = TestAttachment.OfSize(3 * MiB);
        using var call = server.Vault.UploadAttachment(lost.Call);
        await call.RequestStream.WriteAsync(attachment.Start());
        await call.RequestStream.WriteAsync(attachment.Data(0, 1000));
        await Eventually.TrueAsync(() => server.AttachmentFiles().Count == 1);

        await server.Accounts.RevokeDeviceAsync(new RevokeDeviceRequest { RequestId = Guid.CreateVersion7().ToString(), DeviceId = lost.Session.DeviceId.ToWire() }, owner.Call);

        await Refused.WithAsync(ErrorReason.SessionInvalid, async () => await call);
        Assert.False((await server.StatusAsync(owner, attachment)).Complete);
        await Refused.WithAsync(ErrorReason.SessionInvalid, () => server.Vault.UploadAsync(lost, attachment));
    }

    [Fact]
    public async Task A_client_that_sends_nothing_does_not_hold_the_upload()
    {
        var time = new FakeTime();
        await using var server = await TestServer.StartAsync(time);
        var device = await server.EnrolAsync();
        var attachment = TestAttachment.OfSize(1000);
        using var call = server.Vault.UploadAttachment(device.Call);
        await call.RequestStream.WriteAsync(attachment.Start());
        await call.RequestStream.WriteAsync(attachment.Data(0, 10));
        await Eventually.TrueAsync(() => server.AttachmentFiles() is [var file] && new FileInfo(Path.Combine(server.AttachmentFolder(), file)).Length == 10);

        time.Advance(server.Limits.StallTimeout);
        time.Advance(server.Limits.StallTimeout);

        await Refused.WithAsync(ErrorReason.StreamStalled, async () => await call);
        Assert.Equal(10UL, (await StatusWhenReleasedAsync(server, device, attachment)).Received);
    }

    [Fact]
    public async Task A_server_that_stops_keeps_what_has_arrived()
    {
        await using var server = await TestServer.StartAsync();
        var device = await server.EnrolAsync();
        var attachment = TestAttachment.OfSize(10_000);
        using (var call = server.Vault.UploadAttachment(device.Call))
        {
            await call.RequestStream.WriteAsync(attachment.Start());
            await call.RequestStream.WriteAsync(attachment.Data(0, 4000));
            await Eventually.TrueAsync(() => server.AttachmentFiles() is [var file] && new FileInfo(Path.Combine(server.AttachmentFolder(), file)).Length == 4000);
            await server.StopAsync(keepChannel: true);
            Assert.Equal("UNAVAILABLE", RefusedCall.Of(await Assert.ThrowsAsync<RpcException>(async () => await call)).Info.Reason);
        }

        await server.RestartAsync();
        Assert.Equal(4000UL, (await server.StatusAsync(device, attachment)).Received);
        Assert.True((await server.Vault.UploadAsync(device, attachment, 4000)).Complete);
    }

    private static (ulong Received, bool Complete) Told(UploadAttachmentResponse answer) => (answer.Received, answer.Complete);

    private static (ulong Bytes, ulong AttachmentBytes) Used(GetUsageResponse usage) => (usage.Bytes, usage.AttachmentBytes);

    private static async Task SendAsync(TestServer server, VaultDevice device, params UploadAttachmentRequest[] messages)
    {
        using var call = server.Vault.UploadAttachment(device.Call);
        foreach (var message in messages)
        {
            await call.RequestStream.WriteAsync(message);
        }

        await call.RequestStream.CompleteAsync();
        await call;
    }

    /// <summary>Sends some bytes on a connection of its own, and breaks it.</summary>
    private static async Task CutAsync(TestServer server, VaultDevice device, TestAttachment attachment, int from, int to, Random random)
    {
        using var channel = server.NewChannel();
        var call = new VaultService.VaultServiceClient(channel).UploadAttachment(device.Call);
        await call.RequestStream.WriteAsync(attachment.Start((ulong)from));
        for (var at = from; at < to;)
        {
            var length = Math.Min(to - at, random.Next(1, 400_000));
            await call.RequestStream.WriteAsync(attachment.Data(at, length));
            at += length;
        }

        if (random.Next(2) == 0)
        {
            call.Dispose();
        }
    }

    /// <summary>How the upload stands once the server has noticed that the call broke: an upload of nothing waits for its turn.</summary>
    private static async Task<GetAttachmentUploadResponse> StatusWhenReleasedAsync(TestServer server, VaultDevice device, TestAttachment attachment)
    {
        await server.Vault.UploadAsync(device, attachment, to: 0);
        return await server.StatusAsync(device, attachment);
    }
}
