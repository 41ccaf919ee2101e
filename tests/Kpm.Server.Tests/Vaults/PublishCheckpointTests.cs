using System.Security.Cryptography;
using Google.Protobuf;
using Kpm.Server.Tests.Accounts.Lifecycle;
using Kpm.Server.Tests.Hosting;
using Kpm.Server.Vaults;
using Kpm.V1;
using Microsoft.Extensions.DependencyInjection;

namespace Kpm.Server.Tests.Vaults;

public sealed class PublishCheckpointTests
{
    private static readonly Dictionary<string, Action<TestCheckpoint>> Bends = new(StringComparer.Ordinal)
    {
        ["another account"] = c => c.AccountId = Guid.CreateVersion7(),
        ["another vault"] = c => c.VaultId = Guid.CreateVersion7(),
        ["generation zero"] = c => c.Generation = 0,
        ["another generation"] = c => c.Generation = 2,
        ["a generation beyond 2^63"] = c => c.Generation = 1UL << 63,
        ["another author"] = c => c.DeviceId = Guid.CreateVersion7(),
        ["seq zero"] = c => c.Seq = 0,
        ["the seq before"] = c => c.Seq--,
        ["a seq above the head"] = c => c.Seq = 1000,
        ["a seq beyond 2^63"] = c => c.Seq = 1UL << 63,
        ["another chain hash"] = c => c.ChainHash = SHA256.HashData([1]),
        ["key epoch zero"] = c => c.KeyEpoch = 0,
        ["another key epoch"] = c => c.KeyEpoch = 2,
        ["no leaves"] = c => c.Leaves = 0,
        ["another magic"] = c => c.BendBytes = b => b[0] = (byte)'k',
        ["another structure"] = c => c.BendBytes = b => b[4] = 5,
        ["another suite"] = c => c.BendBytes = b => b[5] = 2,
        ["flags"] = c => c.BendBytes = b => b[7] = 1,
        ["a byte that must be zero"] = c => c.BendBytes = b => b[110] = 1,
    };

    private static readonly Dictionary<string, Action<TestCheckpoint>> Sums = new(StringComparer.Ordinal)
    {
        ["a leaf more"] = c => c.Leaves++,
        ["a leaf less"] = c => c.Leaves--,
        ["another root"] = c => c.Root = SHA256.HashData([1]),
        ["a root of which one bit differs"] = c => c.Root[31] ^= 1,
    };

    public static TheoryData<string> SumNames => [.. Sums.Keys];

    [Fact]
    public async Task It_is_kept_and_every_welcome_names_it()
    {
        await using var server = await TestServer.StartAsync(options: Interval(4));
        var device = await server.EnrolAsync();
        var other = await server.EnrolAsync(device.Email);
        var item = await FillAsync(server, device);
        var log = server.Log(device);

        var first = TestCheckpoint.Of(device, log, 5);
        Assert.Equal(5UL, (await server.Vault.PublishCheckpointAsync(first, device.Call)).NewestSeq);
        Assert.Equal(5UL, (await server.Vault.PublishCheckpointAsync(first, device.Call)).NewestSeq);

        // The other device was as quick, and its statement is not needed; the next one is.
        Assert.Equal(5UL, (await server.Vault.PublishCheckpointAsync(TestCheckpoint.Of(other, log, 6), other.Call)).NewestSeq);
        Assert.Equal(7UL, (await server.Vault.PublishCheckpointAsync(TestCheckpoint.Of(other, log, 7), other.Call)).NewestSeq);
        Assert.Equal(7UL, (await server.Vault.PublishCheckpointAsync(first, device.Call)).NewestSeq);

        await server.PushAsync(device, device.Author.Delete(item, 2));
        await server.RestartAsync();
        var second = TestCheckpoint.Of(other, log, 7);
        var stored = server.Services.GetRequiredService<ICheckpointStore>().Newest(device.Session.AccountId)!;
        Assert.Equal((7UL, (ulong)TestCheckpoint.Newest(log, 7).Count, second.Checkpoint), (stored.Seq, stored.Leaves, ByteString.CopyFrom(stored.Bytes)));
    }

    [Fact]
    public async Task What_the_log_does_not_say_is_refused_and_changes_nothing()
    {
        await using var server = await TestServer.StartAsync();
        var device = await server.EnrolAsync();
        await FillAsync(server, device);
        var log = server.Log(device);
        var before = Snapshot.Of(server.Database);

        foreach (var (name, bend) in Bends)
        {
            var refused = await Refused.WithAsync(ErrorReason.CheckpointMismatch, server.Vault.PublishCheckpointAsync(TestCheckpoint.Of(device, log, 6, bend), device.Call));
            Assert.True(refused.RetryAfter is null, name);
        }

        Assert.Equal(before, Snapshot.Of(server.Database));
        Assert.Equal(6UL, (await server.Vault.PublishCheckpointAsync(TestCheckpoint.Of(device, log, 6), device.Call)).NewestSeq);
    }

    [Theory]
    [MemberData(nameof(SumNames))]
    public async Task A_wrong_count_or_root_is_refused_and_the_next_one_has_to_wait(string sum)
    {
        var time = new FakeTime();
        await using var server = await TestServer.StartAsync(time);
        var device = await server.EnrolAsync();
        await FillAsync(server, device);
        var log = server.Log(device);
        var before = Snapshot.Of(server.Database);

        await Refused.WithAsync(ErrorReason.CheckpointMismatch, server.Vault.PublishCheckpointAsync(TestCheckpoint.Of(device, log, 6, Sums[sum]), device.Call));
        var refused = await Refused.WithAsync(ErrorReason.RateLimited, server.Vault.PublishCheckpointAsync(TestCheckpoint.Of(device, log, 6), device.Call));
        Assert.Equal(TimeSpan.FromMinutes(1), refused.RetryAfter);
        Assert.Equal(before, Snapshot.Of(server.Database));

        time.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal(6UL, (await server.Vault.PublishCheckpointAsync(TestCheckpoint.Of(device, log, 6), device.Call)).NewestSeq);
    }

    [Fact]
    public async Task It_must_not_cut_an_atomic_push()
    {
        await using var server = await TestServer.StartAsync();
        var device = await server.EnrolAsync();
        await server.PushAsync(device, Enumerable.Range(0, 3).Select(_ => device.Author.Put(Guid.CreateVersion7(), 0)), atomic: true);
        var log = server.Log(device);

        await Refused.WithAsync(ErrorReason.CheckpointMismatch, server.Vault.PublishCheckpointAsync(TestCheckpoint.Of(device, log, 2), device.Call));
        await Refused.WithAsync(ErrorReason.CheckpointMismatch, server.Vault.PublishCheckpointAsync(TestCheckpoint.Of(device, log, 3), device.Call));
        Assert.Equal(4UL, (await server.Vault.PublishCheckpointAsync(TestCheckpoint.Of(device, log, 4), device.Call)).NewestSeq);
    }

    [Fact]
    public async Task Its_author_stands_in_the_directory_below_it_and_is_the_calling_device()
    {
        await using var server = await TestServer.StartAsync();
        var device = await server.EnrolAsync();
        await server.FillAsync(device, 2);
        var guest = await server.LinkAsync(device.Email);
        var log = server.Log(device);

        await Refused.WithAsync(ErrorReason.CheckpointMismatch, server.Vault.PublishCheckpointAsync(TestCheckpoint.Of(guest, log, 3), guest.Call));
        await Refused.WithAsync(ErrorReason.CheckpointMismatch, server.Vault.PublishCheckpointAsync(TestCheckpoint.Of(device, log, 3), guest.Call));
        await server.Vault.PublishDeviceKeyAsync(new PublishDeviceKeyRequest { Operation = guest.Author.DeviceKey() }, guest.Call);
        log = server.Log(device);
        await Refused.WithAsync(ErrorReason.CheckpointMismatch, server.Vault.PublishCheckpointAsync(TestCheckpoint.Of(guest, log, 3), guest.Call));
        Assert.Equal(4UL, (await server.Vault.PublishCheckpointAsync(TestCheckpoint.Of(guest, log, 4), guest.Call)).NewestSeq);
    }

    [Fact]
    public async Task A_held_session_publishes_nothing()
    {
        await using var server = await TestServer.StartAsync(new FakeTime());
        var owner = await server.EnrolAsync();
        await server.FillAsync(owner, 2);
        var log = server.Log(owner);
        await server.ResetPasswordAsync(owner.Email);
        var disguised = new VaultDevice(await server.ConnectAsync(owner.Email, LifecycleSteps.NewPassword, owner.Session));

        await Refused.WithAsync(ErrorReason.KeysHeld, server.Vault.PublishCheckpointAsync(TestCheckpoint.Of(disguised, log, 3), disguised.Call));
        Assert.Equal(0, Snapshot.Rows(server.Database, "checkpoint"));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(5)]
    [InlineData(64)]
    [InlineData(100)]
    public async Task Vaults_of_every_size_add_up(int entries)
    {
        await using var server = await TestServer.StartAsync(options: o => o with { Limits = o.Limits with { CheckpointPage = 7 } });
        var device = await server.EnrolAsync();
        await server.FillAsync(device, entries - 1, 20);
        // What comes after the checkpoint's seq is none of its leaves.
        await server.FillAsync(device, 30, 20);

        Assert.Equal((ulong)entries, (await server.Vault.PublishCheckpointAsync(TestCheckpoint.Of(device, server.Log(device), (ulong)entries), device.Call)).NewestSeq);
    }

    [Fact]
    public async Task Sixty_four_at_once_and_the_newest_stays()
    {
        await using var server = await TestServer.StartAsync(options: Interval(1));
        var device = await server.EnrolAsync();
        await server.FillAsync(device, 80, 20);
        var log = server.Log(device);

        var newest = new List<ulong>();
        await Task.WhenAll(Enumerable.Range(1, 64).Select(async seq =>
        {
            try
            {
                var response = await server.Vault.PublishCheckpointAsync(TestCheckpoint.Of(device, log, (ulong)seq), device.Call);
                lock (newest)
                {
                    newest.Add(response.NewestSeq);
                }
            }
            catch (Grpc.Core.RpcException e)
            {
                // Another one of the vault is being compared.
                Assert.Equal(Grpc.Core.StatusCode.ResourceExhausted, e.StatusCode);
            }
        }));

        Assert.NotEmpty(newest);
        Assert.Equal(newest.Max(), server.Services.GetRequiredService<ICheckpointStore>().Newest(device.Session.AccountId)!.Seq);
        Assert.Equal(70UL, (await server.Vault.PublishCheckpointAsync(TestCheckpoint.Of(device, log, 70), device.Call)).NewestSeq);
    }

    private static Func<ServerOptions, ServerOptions> Interval(int interval) => o => o with { Limits = o.Limits with { CheckpointInterval = interval } };

    /// <summary>Items, of which one has two revisions; its id.</summary>
    private static async Task<Guid> FillAsync(TestServer server, VaultDevice device)
    {
        var item = Guid.CreateVersion7();
        await server.PushAsync(device, [device.Author.Keyset(0), device.Author.Put(item, 0), device.Author.Put(Guid.CreateVersion7(), 0), device.Author.Put(item, 1), device.Author.Put(Guid.CreateVersion7(), 0)], atomic: false);
        return item;
    }
}
