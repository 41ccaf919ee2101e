using Kpm.V1;

namespace Kpm.Server.Tests.Vaults;

/// <summary>Re-keying: a keyset of the next epoch ends the one before, alone or together with revocations.</summary>
public sealed class KeyEpochTests : IDisposable
{
    private readonly StoredVault _vault = new();

    public void Dispose() => _vault.Dispose();

    [Fact]
    public async Task A_keyset_may_name_the_next_epoch_which_begins_with_it()
    {
        var device = await _vault.EnrolAsync();
        await device.PushAsync(device.Author.Keyset(0));
        Rejected(await device.PushAsync(device.Author.Keyset(1, d => d.KeyEpoch = 3)));
        Rejected(await device.PushAsync(device.Author.Put(Guid.CreateVersion7(), 0, bend: d => d.KeyEpoch = 2)));
        Assert.Equal(1u, _vault.Store.State(device.Caller.AccountId).KeyEpoch);

        Assert.Equal(2UL, (await device.PushAsync(device.Author.Keyset(1, d => d.KeyEpoch = 2))).Applied.Rev);
        Rejected(await device.PushAsync(device.Author.Put(Guid.CreateVersion7(), 0)));
        Rejected(await device.PushAsync(device.Author.Keyset(2)));
        Assert.NotNull((await device.PushAsync(device.Author.Put(Guid.CreateVersion7(), 0, bend: d => d.KeyEpoch = 2))).Applied);

        // A keyset of the same epoch, as a new main password makes it, ends nothing.
        Assert.NotNull((await device.PushAsync(device.Author.Keyset(2, d => d.KeyEpoch = 2))).Applied);
        _vault.Reopen();
        Assert.Equal(2u, _vault.Store.State(device.Caller.AccountId).KeyEpoch);
        Rejected(await device.PushAsync(device.Author.Put(Guid.CreateVersion7(), 0)));
        Assert.NotNull((await device.PushAsync(device.Author.Put(Guid.CreateVersion7(), 0, bend: d => d.KeyEpoch = 2))).Applied);
    }

    [Fact]
    public async Task It_goes_together_with_revocations_or_not_at_all()
    {
        var device = await _vault.EnrolAsync();
        await device.PushAsync(device.Author.Keyset(0));
        var refused = await device.PushAsync([device.Author.Revocation(), device.Author.Keyset(0, d => d.KeyEpoch = 2), device.Author.Put(Guid.CreateVersion7(), 0, bend: d => d.KeyEpoch = 2)], atomic: true);
        Assert.Equal(RejectionReason.AtomicAborted, refused[0].Rejected.Reason);
        Assert.Equal(1UL, refused[1].Conflict.Rev);
        Assert.Equal(1u, _vault.Store.State(device.Caller.AccountId).KeyEpoch);
        Assert.Equal(2, _vault.Log(device.Caller.AccountId).Count);

        // Inside the Push, what comes behind the keyset is of the new epoch already, and what comes before is not.
        var revocation = device.Author.Revocation();
        var results = await device.PushAsync([revocation, device.Author.Revocation(), device.Author.Keyset(1, d => d.KeyEpoch = 2), device.Author.Put(Guid.CreateVersion7(), 0, bend: d => d.KeyEpoch = 2)], atomic: true);
        Assert.All(results, r => Assert.NotNull(r.Applied));
        Assert.Equal(2u, _vault.Store.State(device.Caller.AccountId).KeyEpoch);
        var stored = _vault.Log(device.Caller.AccountId).Single(c => c.SubjectId == revocation.SubjectId);
        Assert.Equal((OperationKind.DeviceRevocation, 1UL, revocation.Envelope, true), (stored.Kind, stored.Rev, stored.Envelope, stored.MoreInBatch));
    }

    [Fact]
    public async Task An_epoch_that_could_not_be_stored_has_not_begun()
    {
        var device = await _vault.EnrolAsync();
        var keyset = device.Author.Keyset(0, d => d.KeyEpoch = 2);
        _vault.Database.Writer.Committer.CommitFault = () => throw new Microsoft.Data.Sqlite.SqliteException("planted", 13);
        await Assert.ThrowsAsync<Kpm.Server.Rpc.KpmException>(() => device.PushAsync(keyset));
        _vault.Database.Writer.Committer.CommitFault = null;

        Assert.Equal(1u, _vault.Store.State(device.Caller.AccountId).KeyEpoch);
        Assert.NotNull((await device.PushAsync(keyset)).Applied);
        Assert.Equal(2u, _vault.Store.State(device.Caller.AccountId).KeyEpoch);
    }

    [Fact]
    public async Task A_revocation_is_written_once_and_its_id_stands_for_nothing_else()
    {
        var device = await _vault.EnrolAsync();
        var item = Guid.CreateVersion7();
        await device.PushAsync(device.Author.Put(item, 0));
        var id = Guid.CreateVersion7();
        Assert.NotNull((await device.PushAsync(device.Author.Revocation(id))).Applied);

        foreach (var operation in new[]
        {
            device.Author.Revocation(id), device.Author.Revocation(item), device.Author.Revocation(device.Caller.DeviceId), device.Author.Revocation(device.Caller.AccountId),
            device.Author.Put(id, 1), device.Author.Put(id, 0), device.Author.Delete(id, 1),
        })
        {
            Assert.Equal(RejectionReason.SubjectInvalid, (await device.PushAsync(operation)).Rejected.Reason);
        }

        Assert.Equal((1UL, 3UL), (_vault.Store.State(device.Caller.AccountId).Items, _vault.Store.State(device.Caller.AccountId).HeadSeq));
    }

    [Fact]
    public async Task A_device_that_is_not_enrolled_revokes_nobody()
    {
        var device = await _vault.EnrolAsync();
        var guest = await _vault.LinkAsync(device.Caller.AccountId);

        Assert.Equal(RejectionReason.DeviceNotEnrolled, (await guest.PushAsync(guest.Author.Revocation())).Rejected.Reason);
    }

    private static void Rejected(OperationResult result) => Assert.Equal(RejectionReason.EpochMismatch, result.Rejected?.Reason);
}
