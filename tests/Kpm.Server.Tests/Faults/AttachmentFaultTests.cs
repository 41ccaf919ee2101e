using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using Google.Protobuf;
using Grpc.Core;
using Kpm.Server.Tests.BadInput;
using Kpm.V1;

namespace Kpm.Server.Tests.Faults;

/// <summary>Uploads to the real process while it is killed, and while its disk is full.</summary>
[Collection(Alone.Name)]
public sealed class AttachmentFaultTests : IDisposable
{
    private const int Kills = 10;
    private const int LongKills = 200;
    private const int Piece = 100_000;

    private readonly Storage.TempFolder _folder = new();

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Kill_9_loses_no_byte_that_was_told_to_have_arrived()
    {
        var data = _folder.File("data");
        var random = new Random(5);
        var attachments = Enumerable.Range(0, 4).Select(i => Make(RandomNumberGenerator.GetBytes((3 * 1024 * 1024) + (i * 777)))).ToList();
        var device = new TestDevice(TestDevice.NewEmail());
        var server = await ServerProcess.StartAsync(data, Cancelled);
        try
        {
            await device.RegisterAsync(server.Connect(), Cancelled);
            for (var kill = 0; kill < (Alone.FullSize ? LongKills : Kills); kill++)
            {
                var vaults = new VaultService.VaultServiceClient(server.Connect());
                var uploads = Task.WhenAll(attachments.Select(a => UploadAsync(vaults, device, a)));
                await Task.WhenAny(uploads, Task.Delay(TimeSpan.FromMilliseconds(random.Next(5, 150)), Cancelled));
                await server.KillAsync();
                await uploads;
                await server.DisposeAsync();
                server = await ServerProcess.StartAsync(data, Cancelled);
                vaults = new VaultService.VaultServiceClient(server.Connect());
                foreach (var attachment in attachments)
                {
                    await CheckAsync(vaults, device, attachment);
                    if (attachment.Complete)
                    {
                        attachment.Renew();
                    }
                }
            }

            var last = new VaultService.VaultServiceClient(server.Connect());
            foreach (var attachment in attachments)
            {
                while (!attachment.Complete)
                {
                    await UploadAsync(last, device, attachment);
                }

                await CheckAsync(last, device, attachment);
            }

            Assert.Empty(Directory.EnumerateFiles(Path.Combine(data, "attachments", "incoming")));
            Assert.Equal(0, await server.StopAsync(Cancelled));
        }
        finally
        {
            await server.DisposeAsync();
        }
    }

    [Fact]
    public async Task A_full_disk_refuses_clearly_keeps_what_was_told_and_nothing_else()
    {
        // The signal is ignored, as service managers do it; write() then fails with EFBIG.
        await using var server = await ServerProcess.StartAsync(_folder.File("data"), Cancelled, shell: "trap '' XFSZ");
        var vaults = new VaultService.VaultServiceClient(server.Connect());
        var device = new TestDevice(TestDevice.NewEmail());
        await device.RegisterAsync(server.Connect(), Cancelled);
        await device.EnrolAsync(server.Connect(), Cancelled);
        var there = Make(RandomNumberGenerator.GetBytes(200_000));
        await UploadAsync(vaults, device, there);
        var database = new DirectoryInfo(server.DataFolder).GetFiles("kpm.db*").Max(f => f.Length);
        var limit = Math.Max(database, 1024 * 1024) + 900_000;
        var folder = Path.Combine(server.DataFolder, "attachments");
        var room = new[] { Make(RandomNumberGenerator.GetBytes((int)limit + 3_000_000)), Make(RandomNumberGenerator.GetBytes((int)limit + 4_000_000)) };

        await LimitAsync(server, limit);
        var error = Outcome.Of(await Assert.ThrowsAsync<RpcException>(() => SendAsync(vaults, device, room[0], 0)));
        Assert.Equal((StatusCode.Unavailable, Outcome.NameOf(ErrorReason.Unavailable)), (error.Code, error.Reason));
        Assert.Single(error.Retries);
        var status = await StatusAsync(vaults, device, room[0]);
        Assert.InRange(status.Received, 1024UL * 1024, (ulong)limit);
        Assert.Equal((long)status.Received, Directory.GetFiles(Path.Combine(folder, "incoming")).Sum(f => new FileInfo(f).Length));

        // Reads go on, and so do writes that have room.
        Assert.Equal(there.Bytes, await DownloadAsync(vaults, device, there));
        await vaults.PushAsync(new PushRequest { Operations = { device.Put(TestDevice.NewId(), 0) } }, device.Headers, cancellationToken: Cancelled);

        // Where nothing was told yet, nothing stays.
        await LimitAsync(server, database + 200_000);
        var before = await UsageAsync(vaults, device);
        if (database + 200_000 < 1024 * 1024)
        {
            error = Outcome.Of(await Assert.ThrowsAsync<RpcException>(() => SendAsync(vaults, device, room[1], 0)));
            Assert.Equal(StatusCode.Unavailable, error.Code);
            error = Outcome.Of(await Assert.ThrowsAsync<RpcException>(() => StatusAsync(vaults, device, room[1])));
            Assert.Equal(StatusCode.NotFound, error.Code);
            Assert.Single(Directory.GetFiles(Path.Combine(folder, "incoming")));
            Assert.Equal(before, await UsageAsync(vaults, device));
        }
        else
        {
            Assert.Fail($"The database has {database} bytes already: the test has no room between it and the first sync.");
        }

        await LimitAsync(server, null);
        Assert.True((await SendAsync(vaults, device, room[0], (int)status.Received)).Complete);
        Assert.True((await SendAsync(vaults, device, room[1], 0)).Complete);
        Assert.Equal(room[0].Bytes, await DownloadAsync(vaults, device, room[0]));
        Assert.Equal(room[1].Bytes, await DownloadAsync(vaults, device, room[1]));
        Assert.Equal(0, await server.StopAsync(Cancelled));
    }

    private static Attachment Make(byte[] bytes) => new(bytes);

    /// <summary>Goes on where the server says, until it is whole or the server is gone; remembers everything that was told.</summary>
    private static async Task UploadAsync(VaultService.VaultServiceClient vaults, TestDevice device, Attachment attachment)
    {
        try
        {
            var from = attachment.Begun ? (int)(await StatusAsync(vaults, device, attachment)).Received : 0;
            attachment.Begun = true;
            if (Random.Shared.Next(2) == 0)
            {
                attachment.Hear((await SendAsync(vaults, device, attachment, from)) is var answer ? (answer.Received, answer.Complete) : default);
                return;
            }

            for (; from < attachment.Bytes.Length && !attachment.Complete; from += Piece)
            {
                var length = Math.Min(Piece, attachment.Bytes.Length - from);
                var request = new PutAttachmentChunkRequest { Upload = attachment.What, Offset = (ulong)from, Data = ByteString.CopyFrom(attachment.Bytes, from, length) };
                var answer = await vaults.PutAttachmentChunkAsync(request, device.Headers, cancellationToken: Cancelled);
                attachment.Hear((answer.Received, answer.Complete));
            }
        }
        catch (RpcException e) when (e.StatusCode is StatusCode.Unavailable or StatusCode.Internal or StatusCode.Cancelled or StatusCode.NotFound or StatusCode.Unknown)
        {
            // The server was killed; an upload that nothing was told of may be unknown to the next one.
            attachment.Begun &= e.StatusCode != StatusCode.NotFound;
        }
    }

    private static async Task CheckAsync(VaultService.VaultServiceClient vaults, TestDevice device, Attachment attachment)
    {
        if (attachment.Told > 0)
        {
            var status = await StatusAsync(vaults, device, attachment);
            Assert.True(status.Received >= attachment.Told, $"{attachment.Told} were told, {status.Received} are there");
            Assert.True(status.Complete || !attachment.Complete, "told to be whole");
            attachment.Hear((status.Received, status.Complete));
        }

        if (attachment.Complete)
        {
            Assert.Equal(attachment.Bytes, await DownloadAsync(vaults, device, attachment));
        }
    }

    private static async Task<UploadAttachmentResponse> SendAsync(VaultService.VaultServiceClient vaults, TestDevice device, Attachment attachment, int from)
    {
        using var call = vaults.UploadAttachment(device.Headers, cancellationToken: Cancelled);
        try
        {
            await call.RequestStream.WriteAsync(new UploadAttachmentRequest { Start = new UploadStart { Upload = attachment.What, Offset = (ulong)from } });
            for (var at = from; at < attachment.Bytes.Length; at += Piece)
            {
                await call.RequestStream.WriteAsync(new UploadAttachmentRequest { Data = ByteString.CopyFrom(attachment.Bytes, at, Math.Min(Piece, attachment.Bytes.Length - at)) });
            }

            await call.RequestStream.CompleteAsync();
        }
        catch (Exception e) when (e is RpcException or InvalidOperationException)
        {
            // The answer says why.
        }

        return await call;
    }

    private static async Task<GetAttachmentUploadResponse> StatusAsync(VaultService.VaultServiceClient vaults, TestDevice device, Attachment attachment) =>
        await vaults.GetAttachmentUploadAsync(new GetAttachmentUploadRequest { AttachmentId = attachment.What.AttachmentId }, device.Headers, cancellationToken: Cancelled);

    private static async Task<ulong> UsageAsync(VaultService.VaultServiceClient vaults, TestDevice device) =>
        (await vaults.GetUsageAsync(new GetUsageRequest(), device.Headers, cancellationToken: Cancelled)).AttachmentBytes;

    private static async Task<byte[]> DownloadAsync(VaultService.VaultServiceClient vaults, TestDevice device, Attachment attachment)
    {
        using var call = vaults.DownloadAttachment(new DownloadAttachmentRequest { AttachmentId = attachment.What.AttachmentId }, device.Headers, cancellationToken: Cancelled);
        using var bytes = new MemoryStream();
        while (await call.ResponseStream.MoveNext(Cancelled))
        {
            call.ResponseStream.Current.Data.WriteTo(bytes);
        }

        return bytes.ToArray();
    }

    /// <summary>The greatest size of a file that the server may write; null for any.</summary>
    private static async Task LimitAsync(ServerProcess server, long? bytes)
    {
        string[] arguments = ["--pid", server.Id.ToString(CultureInfo.InvariantCulture), $"--fsize={bytes?.ToString(CultureInfo.InvariantCulture) ?? "unlimited"}:unlimited"];
        using var process = Process.Start(new ProcessStartInfo("/usr/bin/prlimit", arguments))!;
        await process.WaitForExitAsync(Cancelled);
        Assert.Equal(0, process.ExitCode);
    }

    /// <summary>An attachment as its device knows it.</summary>
    private sealed class Attachment(byte[] bytes)
    {
        public byte[] Bytes => bytes;

        public AttachmentUpload What { get; private set; } = WhatOf(bytes);

        public bool Begun { get; set; }

        public ulong Told { get; private set; }

        public bool Complete { get; private set; }

        public void Hear((ulong Received, bool Complete) told)
        {
            Told = Math.Max(Told, told.Received);
            Complete |= told.Complete;
        }

        /// <summary>Another attachment of other bytes, so that there is always something to upload.</summary>
        public void Renew()
        {
            RandomNumberGenerator.Fill(bytes);
            What = WhatOf(bytes);
            (Begun, Told, Complete) = (false, 0, false);
        }

        private static AttachmentUpload WhatOf(byte[] bytes) =>
            new() { AttachmentId = TestDevice.NewId(), Size = (ulong)bytes.Length, Sha256 = ByteString.CopyFrom(SHA256.HashData(bytes)) };
    }
}
