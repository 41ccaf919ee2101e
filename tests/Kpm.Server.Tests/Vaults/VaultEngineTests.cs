using System.Security.Cryptography;
using Kpm.V1;

namespace Kpm.Server.Tests.Vaults;

/// <summary>The rules of docs/sync.md on a real database: what an operation needs, what it does, and what it consumes.</summary>
public sealed class VaultEngineTests : IDisposable
{
    private readonly StoredVault _vault = new(new Limits { VaultItems = 4, VaultBytes = 4000 });

    public void Dispose() => _vault.Dispose();

    [Fact]
    public async Task Operations_make_a_dense_chained_log()
    {
        var device = await _vault.LinkAsync();
        var item = Guid.CreateVersion7();
        Operation[] operations =
        [
            device.Author.DeviceKey(),
            device.Author.Keyset(0),
            device.Author.Put(item, 0),
            device.Author.Put(item, 1, bend: d => (d.ObservedSeq, d.ObservedHash) = (3, new byte[32])),
            device.Author.Delete(item, 2),
        ];
        foreach (var operation in operations)
        {
            Assert.NotNull((await device.PushAsync(operation)).Applied);
        }

        var log = _vault.Log(device.Caller.AccountId);
        Assert.Equal([1UL, 2, 3, 4, 5], log.Select(c => c.Seq));
        Assert.Equal([1UL, 1, 1, 2, 3], log.Select(c => c.Rev));
        Assert.Equal(operations.Select(o => o.Header), log.Select(c => c.Header));
        Assert.Equal(operations.Select(o => o.Signature), log.Select(c => c.Signature));
        Assert.Equal(operations.Select(o => o.Envelope), log.Select(c => c.Envelope));
        Assert.DoesNotContain(log, c => c.Superseded || c.MoreInBatch);

        // The chain, computed here in the plain words of docs/crypto.md.
        var chain = new byte[32];
        foreach (var change in log)
        {
            var seq = BitConverter.GetBytes(change.Seq).Reverse();
            chain = SHA256.HashData([.. chain, .. seq, .. SHA256.HashData(change.Header.Span)]);
        }

        Assert.Equal(chain, _vault.Store.State(device.Caller.AccountId).ChainHash);
    }

    [Fact]
    public async Task A_device_must_be_enrolled_before_it_writes_anything_else()
    {
        var device = await _vault.LinkAsync();

        Rejected(RejectionReason.DeviceNotEnrolled, await device.PushAsync(device.Author.Put(Guid.CreateVersion7(), 0)));
        Rejected(RejectionReason.DeviceNotEnrolled, await device.PushAsync(device.Author.Delete(Guid.CreateVersion7(), 1)));
        Rejected(RejectionReason.DeviceNotEnrolled, await device.PushAsync(device.Author.Keyset(0)));
        Assert.Empty(_vault.Log(device.Caller.AccountId));
        Assert.NotNull((await device.PushAsync(device.Author.DeviceKey())).Applied);
        Assert.NotNull((await device.PushAsync(device.Author.Keyset(0))).Applied);
    }

    [Fact]
    public async Task An_operation_on_another_revision_than_the_newest_is_a_conflict_that_names_it()
    {
        var device = await _vault.EnrolAsync();
        var item = Guid.CreateVersion7();
        await device.PushAsync([device.Author.Put(item, 0), device.Author.Put(item, 1)]);

        Assert.Equal(2UL, (await device.PushAsync(device.Author.Put(item, 0))).Conflict.Rev);
        Assert.Equal(2UL, (await device.PushAsync(device.Author.Put(item, 1))).Conflict.Rev);
        Assert.Equal(2UL, (await device.PushAsync(device.Author.Put(item, 3))).Conflict.Rev);
        Assert.Equal(2UL, (await device.PushAsync(device.Author.Delete(item, 1))).Conflict.Rev);
        Assert.Equal(3, _vault.Log(device.Caller.AccountId).Count);
    }

    [Fact]
    public async Task An_edit_brings_a_deleted_item_back_and_a_second_deletion_does_nothing()
    {
        var device = await _vault.EnrolAsync();
        var item = Guid.CreateVersion7();
        await device.PushAsync([device.Author.Put(item, 0), device.Author.Delete(item, 1)]);

        Rejected(RejectionReason.SubjectInvalid, await device.PushAsync(device.Author.Delete(item, 2)));
        Assert.Equal(2UL, (await device.PushAsync(device.Author.Put(item, 0))).Conflict.Rev);
        Assert.Equal(3UL, (await device.PushAsync(device.Author.Put(item, 2))).Applied.Rev);
        Assert.Equal(1UL, _vault.Store.State(device.Caller.AccountId).Items);
    }

    [Fact]
    public async Task What_does_not_exist_can_not_be_changed_or_deleted()
    {
        var device = await _vault.EnrolAsync();

        Rejected(RejectionReason.SubjectInvalid, await device.PushAsync(device.Author.Put(Guid.CreateVersion7(), 1)));
        Rejected(RejectionReason.SubjectInvalid, await device.PushAsync(device.Author.Delete(Guid.CreateVersion7(), 1)));
        Rejected(RejectionReason.SubjectInvalid, await device.PushAsync(device.Author.Keyset(1)));
    }

    [Fact]
    public async Task Ids_of_items_devices_and_the_vault_do_not_stand_for_one_another()
    {
        var device = await _vault.EnrolAsync();
        var squatted = await _vault.LinkAsync(device.Caller.AccountId);
        await device.PushAsync(device.Author.Put(squatted.Caller.DeviceId, 0));

        Rejected(RejectionReason.SubjectInvalid, await device.PushAsync(device.Author.DeviceKey()));
        Rejected(RejectionReason.SubjectInvalid, await device.PushAsync(device.Author.Put(device.Caller.AccountId, 0)));
        Rejected(RejectionReason.SubjectInvalid, await device.PushAsync(device.Author.Put(device.Caller.DeviceId, 1)));
        Rejected(RejectionReason.SubjectInvalid, await device.PushAsync(device.Author.Delete(device.Caller.DeviceId, 1)));
        Rejected(RejectionReason.SubjectInvalid, await squatted.PushAsync(squatted.Author.DeviceKey()));
        await device.PushAsync(device.Author.Keyset(0));
        Rejected(RejectionReason.SubjectInvalid, await device.PushAsync(device.Author.Put(device.Caller.AccountId, 1)));
    }

    [Fact]
    public async Task A_keyset_is_compared_and_set()
    {
        var one = await _vault.EnrolAsync();
        var other = await _vault.EnrolAsync(one.Caller.AccountId);
        var first = one.Author.Keyset(0);
        await one.PushAsync(first);

        Assert.Equal(1UL, (await other.PushAsync(other.Author.Keyset(0))).Conflict.Rev);
        var second = other.Author.Keyset(1);
        await other.PushAsync(second);
        var stored = _vault.Store.Vault(one.Caller.AccountId, one.Caller.SessionId).Keyset!;
        Assert.Equal((2UL, second.Envelope, second.Header, second.Signature, 4UL), (stored.Rev, stored.Keyset_, stored.Header, stored.Signature, stored.Seq));
    }

    [Fact]
    public async Task Other_epochs_and_generations_are_refused()
    {
        var device = await _vault.EnrolAsync();

        Rejected(RejectionReason.EpochMismatch, await device.PushAsync(device.Author.Put(Guid.CreateVersion7(), 0, bend: d => d.KeyEpoch = 2)));
        Rejected(RejectionReason.EpochMismatch, await device.PushAsync(device.Author.Put(Guid.CreateVersion7(), 0, bend: d => d.Generation = 2)));
    }

    [Theory]
    [InlineData(1, true)]
    [InlineData(2, false)]
    public async Task A_device_can_not_have_observed_more_than_there_is(ulong observed, bool applied)
    {
        var device = await _vault.EnrolAsync();
        var result = await device.PushAsync(device.Author.Put(Guid.CreateVersion7(), 0, bend: d => d.ObservedSeq = observed));

        Assert.Equal(applied, result.Applied is not null);
        Assert.Equal(applied ? RejectionReason.Unspecified : RejectionReason.ObservationMismatch, result.Rejected?.Reason ?? RejectionReason.Unspecified);
    }

    [Theory]
    [InlineData(4, true)]
    [InlineData(5, false)]
    public async Task Items_are_limited_but_what_is_there_can_be_changed_and_deleted(int items, bool fits)
    {
        var device = await _vault.EnrolAsync();
        var ids = Enumerable.Range(0, items).Select(_ => Guid.CreateVersion7()).ToList();
        var results = await device.PushAsync([.. ids.Select(id => device.Author.Put(id, 0, [1]))]);

        Assert.Equal(Math.Min(items, 4), results.Count(r => r.Applied is not null));
        Assert.Equal(fits, results[^1].Applied is not null);
        if (!fits)
        {
            Rejected(RejectionReason.QuotaExceeded, results[^1]);
        }

        Assert.NotNull((await device.PushAsync(device.Author.Put(ids[0], 1, [2]))).Applied);
        Assert.NotNull((await device.PushAsync(device.Author.Delete(ids[0], 2))).Applied);
        Assert.NotNull((await device.PushAsync(device.Author.Put(Guid.CreateVersion7(), 0, [3]))).Applied);
        Assert.Equal(4UL, _vault.Store.State(device.Caller.AccountId).Items);
    }

    [Theory]
    [InlineData(3800, true)]
    [InlineData(3801, false)]
    public async Task Bytes_are_limited(int size, bool fits)
    {
        // The directory entry takes 200 of the 4,000 bytes.
        var device = await _vault.EnrolAsync();
        var result = await device.PushAsync(device.Author.Put(Guid.CreateVersion7(), 0, new byte[size]));

        Assert.Equal(fits, result.Applied is not null);
        if (!fits)
        {
            Rejected(RejectionReason.QuotaExceeded, result);
        }

        Assert.Equal(fits ? 4000UL : 200, _vault.Store.State(device.Caller.AccountId).Bytes);
        Assert.NotNull((await device.PushAsync(device.Author.Keyset(0))).Applied);
    }

    [Fact]
    public async Task Twenty_revisions_keep_their_envelopes_and_older_ones_are_marked_superseded()
    {
        var device = await _vault.EnrolAsync();
        var item = Guid.CreateVersion7();
        for (ulong rev = 0; rev < 21; rev++)
        {
            Assert.NotNull((await device.PushAsync(device.Author.Put(item, rev, new byte[10]))).Applied);
        }

        var log = _vault.Log(device.Caller.AccountId).Where(c => c.SubjectId == item.ToWire()).ToList();
        Assert.Equal([1UL], log.Where(c => c.Superseded).Select(c => c.Rev));
        Assert.All(log.Where(c => !c.Superseded), c => Assert.Equal(10, c.Envelope.Length));
        Assert.Equal(200UL + (20 * 10), _vault.Store.State(device.Caller.AccountId).Bytes);

        // The same in one Push, where old and new revisions come together.
        var another = Guid.CreateVersion7();
        await device.PushAsync([.. Enumerable.Range(0, 25).Select(rev => device.Author.Put(another, (ulong)rev, new byte[10]))]);
        Assert.Equal(5, _vault.Log(device.Caller.AccountId).Count(c => c.SubjectId == another.ToWire() && c.Superseded));
        Assert.Equal(200UL + (40 * 10), _vault.Store.State(device.Caller.AccountId).Bytes);
    }

    [Fact]
    public async Task An_ended_session_writes_nothing_and_consumes_nothing()
    {
        var device = await _vault.EnrolAsync();
        await _vault.EndSessionAsync(device);

        var error = await Assert.ThrowsAsync<Kpm.Server.Rpc.KpmException>(() => device.PushAsync(device.Author.Put(Guid.CreateVersion7(), 0)));
        Assert.Equal(ErrorReason.SessionInvalid, error.Reason);
        Assert.Single(_vault.Log(device.Caller.AccountId));
        Assert.Equal(1UL, _vault.Store.Start(device.Caller.AccountId, device.Caller.SessionId, device.Caller.DeviceId, 0).LastOpSeq);
    }

    [Fact]
    public async Task Operations_of_a_push_must_rise()
    {
        var device = await _vault.EnrolAsync();
        var second = device.Author.Put(Guid.CreateVersion7(), 0);
        var third = device.Author.Put(Guid.CreateVersion7(), 0);

        var error = await Assert.ThrowsAsync<Kpm.Server.Rpc.KpmException>(() => device.PushAsync([third, second]));
        Assert.Equal("operations[1].op_seq", Assert.Single(error.Fields).Field);
        await Assert.ThrowsAsync<Kpm.Server.Rpc.KpmException>(() => device.PushAsync([second, second]));
        Assert.Single(_vault.Log(device.Caller.AccountId));
    }

    private static void Rejected(RejectionReason reason, OperationResult result)
    {
        Assert.Equal(OperationResult.ResultOneofCase.Rejected, result.ResultCase);
        Assert.Equal(reason, result.Rejected.Reason);
    }
}
