using Kpm.Server.Tests.Hosting;
using Kpm.V1;

namespace Kpm.Server.Tests.Vaults.Attachments;

public sealed class GetAttachmentUploadTests
{
    [Fact]
    public async Task It_tells_what_is_uploaded_how_far_it_is_and_until_when_it_stays()
    {
        var time = new FakeTime();
        await using var server = await TestServer.StartAsync(time);
        var device = await server.EnrolAsync();
        var attachment = TestAttachment.OfSize(1000);
        var begunAt = server.Time.GetUtcNow();
        await server.Vault.UploadAsync(device, attachment, to: 400);

        var status = await server.StatusAsync(device, attachment);
        Assert.Equal((attachment.What, 400UL, false, begunAt + TimeSpan.FromDays(7)), (status.Upload, status.Received, status.Complete, status.ExpiresAt.ToDateTimeOffset()));

        time.Advance(TimeSpan.FromMinutes(5));
        await server.Vault.UploadAsync(device, attachment, 400);
        status = await server.StatusAsync(device, attachment);
        Assert.Equal((attachment.What, 1000UL, true, server.Time.GetUtcNow() + TimeSpan.FromHours(24)), (status.Upload, status.Received, status.Complete, status.ExpiresAt.ToDateTimeOffset()));

        // An item names it: it stays.
        Assert.NotNull((await server.PushAsync(device, device.PutWith(Guid.CreateVersion7(), 0, attachment))).Applied);
        Assert.Null((await server.StatusAsync(device, attachment)).ExpiresAt);
    }

    [Fact]
    public async Task What_was_never_begun_is_not_found()
    {
        await using var server = await TestServer.StartAsync();
        var device = await server.EnrolAsync();
        await Refused.WithAsync(ErrorReason.NotFound, () => server.StatusAsync(device, TestAttachment.OfSize(1)));
    }
}
