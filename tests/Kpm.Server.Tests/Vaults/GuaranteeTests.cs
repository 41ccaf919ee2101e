using Dapper;
using Kpm.V1;

namespace Kpm.Server.Tests.Vaults;

/// <summary>The guarantees of docs/sync.md that the engine keeps, each named; the streams' share is in SyncTests.</summary>
public sealed class GuaranteeTests : IDisposable
{
    private readonly StoredVault _vault = new();

    public void Dispose() => _vault.Dispose();

    [Fact]
    public async Task G1_concurrent_writes_of_one_item_take_turns_and_none_overwrites_another()
    {
        // Sixteen devices increment one counter by compare-and-set, as fast as they can.
        var first = await _vault.EnrolAsync();
        var item = Guid.CreateVersion7();
        await first.PushAsync(first.Author.Put(item, 0, [0]));
        var devices = new List<TestSession> { first };
        while (devices.Count < 16)
        {
            devices.Add(await _vault.EnrolAsync(first.Caller.AccountId));
        }

        var applied = 0;
        await Task.WhenAll(devices.Select(device => Task.Run(async () =>
        {
            ulong rev = 1;
            for (var done = 0; done < 10;)
            {
                var result = await device.PushAsync(device.Author.Put(item, rev));
                rev = result.ResultCase == OperationResult.ResultOneofCase.Applied ? result.Applied.Rev : result.Conflict.Rev;
                done += result.Applied is null ? 0 : 1;
            }

            Interlocked.Add(ref applied, 10);
        })));

        var log = _vault.Log(first.Caller.AccountId);
        Assert.Equal(Enumerable.Range(1, log.Count).Select(i => (ulong)i), log.Select(c => c.Seq));
        var revs = log.Where(c => c.SubjectId == item.ToWire()).Select(c => c.Rev).ToList();
        Assert.Equal(Enumerable.Range(1, applied + 1).Select(i => (ulong)i), revs);
    }

    [Fact]
    public async Task G2_what_was_acknowledged_is_there_after_a_restart()
    {
        var device = await _vault.EnrolAsync();
        var results = new List<OperationResult>();
        for (var i = 0; i < 50; i++)
        {
            results.Add(await device.PushAsync(device.Author.Put(Guid.CreateVersion7(), 0)));
        }

        var before = _vault.Log(device.Caller.AccountId);
        var state = _vault.Store.State(device.Caller.AccountId);
        _vault.Reopen();

        Assert.Equal(before, _vault.Log(device.Caller.AccountId));
        Assert.Equal(51UL, results[^1].Applied.Seq);
        Assert.Equal(state.ChainHash, _vault.Store.State(device.Caller.AccountId).ChainHash);
        Assert.Equal(52UL, (await device.PushAsync(device.Author.Put(Guid.CreateVersion7(), 0))).Applied.Seq);
    }

    [Fact]
    public async Task G2_what_was_not_stored_is_not_acknowledged_and_the_engine_forgets_it()
    {
        var device = await _vault.EnrolAsync();
        var operation = device.Author.Put(Guid.CreateVersion7(), 0);
        _vault.Database.Writer.Committer.CommitFault = () => throw new Microsoft.Data.Sqlite.SqliteException("planted", 13);
        var error = await Assert.ThrowsAsync<Kpm.Server.Rpc.KpmException>(() => device.PushAsync(operation));
        Assert.Equal(ErrorReason.Unavailable, error.Reason);
        _vault.Database.Writer.Committer.CommitFault = null;

        // Head, chain and op_seq are what they were: the very same bytes are applied now.
        Assert.Single(_vault.Log(device.Caller.AccountId));
        Assert.Equal(2UL, (await device.PushAsync(operation)).Applied.Seq);
        AssertChain(device);
    }

    [Fact]
    public async Task G3_a_repeated_operation_gets_its_first_result_and_is_applied_once()
    {
        var device = await _vault.EnrolAsync();
        var item = Guid.CreateVersion7();
        var put = device.Author.Put(item, 0);
        var conflict = device.Author.Put(item, 5);
        var rejected = device.Author.Delete(Guid.CreateVersion7(), 1);
        var first = await device.PushAsync([put, conflict, rejected]);
        await device.PushAsync(device.Author.Put(item, 1));

        // One by one, all together, and after a restart.
        Assert.Equal(first[0], await device.PushAsync(put));
        Assert.Equal(first, await device.PushAsync([put, conflict, rejected]));
        _vault.Reopen();
        Assert.Equal(first, await device.PushAsync([put, conflict, rejected]));
        Assert.Equal(3, _vault.Log(device.Caller.AccountId).Count);
        Assert.Equal(
            [OperationResult.ResultOneofCase.Applied, OperationResult.ResultOneofCase.Conflict, OperationResult.ResultOneofCase.Rejected],
            first.Select(r => r.ResultCase));
    }

    [Fact]
    public async Task G3_every_durable_result_consumes_its_op_seq_and_gaps_are_legal()
    {
        var device = await _vault.EnrolAsync();
        device.Author.OpSeq = 99;
        var rejected = device.Author.Put(Guid.CreateVersion7(), 5);
        Assert.Equal(RejectionReason.SubjectInvalid, (await device.PushAsync(rejected)).Rejected.Reason);

        device.Author.OpSeq = 99;
        var other = device.Author.Put(Guid.CreateVersion7(), 0);
        Assert.Equal(RejectionReason.DeviceFork, (await device.PushAsync(other)).Rejected.Reason);
        Assert.Equal(RejectionReason.SubjectInvalid, (await device.PushAsync(rejected)).Rejected.Reason);

        device.Author.OpSeq = 49;
        Assert.Equal(RejectionReason.ResultForgotten, (await device.PushAsync(device.Author.Put(Guid.CreateVersion7(), 0))).Rejected.Reason);
        device.Author.OpSeq = 100;
        Assert.NotNull((await device.PushAsync(device.Author.Put(Guid.CreateVersion7(), 0))).Applied);
        Assert.Equal(2, _vault.Log(device.Caller.AccountId).Count);
    }

    [Fact]
    public async Task G3_a_cloned_device_is_told_apart()
    {
        var device = await _vault.EnrolAsync();
        var clone = new TestAuthor(device.Caller.AccountId, device.Caller.DeviceId) { OpSeq = device.Author.OpSeq };
        Assert.NotNull((await device.PushAsync(device.Author.Put(Guid.CreateVersion7(), 0))).Applied);

        Assert.Equal(RejectionReason.DeviceFork, (await device.PushAsync(clone.Put(Guid.CreateVersion7(), 0))).Rejected.Reason);
        Assert.Equal(2, _vault.Log(device.Caller.AccountId).Count);
    }

    [Theory]
    [InlineData(127, true)]
    [InlineData(128, false)]
    public async Task G3_the_last_128_results_are_kept(int newer, bool kept)
    {
        var device = await _vault.EnrolAsync();
        var operation = device.Author.Put(Guid.CreateVersion7(), 0);
        var result = await device.PushAsync(operation);
        for (var left = newer; left > 0; left -= 60)
        {
            await device.PushAsync([.. Enumerable.Range(0, Math.Min(left, 60)).Select(_ => device.Author.Put(Guid.CreateVersion7(), 0, [1]))]);
        }

        var again = await device.PushAsync(operation);
        Assert.Equal(kept, again.Equals(result));
        Assert.Equal(kept ? RejectionReason.Unspecified : RejectionReason.ResultForgotten, again.Rejected?.Reason ?? RejectionReason.Unspecified);

        // What is stored stays bounded however much is written.
        await device.PushAsync([.. Enumerable.Range(0, 64).Select(_ => device.Author.Put(Guid.CreateVersion7(), 0, [1]))]);
        Assert.InRange(_vault.Database.Read(c => c.ExecuteScalar<int>("SELECT count(*) FROM op_result")), 128, 128 + 128);
    }

    /// <summary>Results are read from the changes until those are settled, some at a time: before, at and after that, and of two devices at once.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(15)]
    [InlineData(16)]
    [InlineData(17)]
    [InlineData(50)]
    public async Task G3_results_outlive_a_restart_at_every_length_of_the_log(int rounds)
    {
        var first = await _vault.EnrolAsync();
        var second = await _vault.EnrolAsync(first.Caller.AccountId);
        var pushed = new List<(TestSession Device, Operation Operation, OperationResult Result)>();
        for (var i = 0; i < rounds; i++)
        {
            foreach (var device in new[] { first, second })
            {
                // Every seventh one is not applied, and every fifth number is skipped.
                device.Author.OpSeq += i % 5 == 0 ? 1UL : 0;
                var operation = device.Author.Put(Guid.CreateVersion7(), i % 7 == 6 ? 3UL : 0);
                pushed.Add((device, operation, await device.PushAsync(operation)));
            }
        }

        _vault.Reopen();
        foreach (var device in new[] { first, second })
        {
            var start = _vault.Store.Start(device.Caller.AccountId, device.Caller.SessionId, device.Caller.DeviceId, 0);
            Assert.Equal(device.Author.OpSeq, start.LastOpSeq);
        }

        var length = _vault.Log(first.Caller.AccountId).Count;
        foreach (var (device, operation, result) in pushed)
        {
            Assert.Equal(result, await device.PushAsync(operation));
            var fork = new TestAuthor(device.Caller.AccountId, device.Caller.DeviceId) { OpSeq = operation.OpSeq - 1 };
            Assert.Equal(RejectionReason.DeviceFork, (await device.PushAsync(fork.Put(Guid.CreateVersion7(), 0))).Rejected.Reason);
        }

        Assert.Equal(length, _vault.Log(first.Caller.AccountId).Count);
        Assert.NotNull((await first.PushAsync(first.Author.Put(Guid.CreateVersion7(), 0))).Applied);
    }

    /// <summary>Counted over the results that are settled and those that are not, of this device and of no other.</summary>
    [Fact]
    public async Task G3_the_last_128_results_are_counted_exactly()
    {
        var device = await _vault.EnrolAsync();
        var other = await _vault.EnrolAsync(device.Caller.AccountId);
        var pushed = new List<(Operation Operation, OperationResult Result)>();
        for (var i = 0; i < 170; i++)
        {
            var operation = device.Author.Put(Guid.CreateVersion7(), i % 9 == 8 ? 3UL : 0, [1]);
            pushed.Add((operation, await device.PushAsync(operation)));
            await other.PushAsync(other.Author.Put(Guid.CreateVersion7(), 0, [1]));
            var again = Math.Max(0, pushed.Count - 128);
            Assert.Equal(pushed[again].Result, await device.PushAsync(pushed[again].Operation));
            if (again > 0)
            {
                Assert.Equal(RejectionReason.ResultForgotten, (await device.PushAsync(pushed[again - 1].Operation)).Rejected.Reason);
            }
        }
    }

    [Fact]
    public async Task G4_the_log_can_be_read_from_any_cursor_without_a_gap()
    {
        var device = await _vault.EnrolAsync();
        await device.PushAsync([.. Enumerable.Range(0, 40).Select(_ => device.Author.Put(Guid.CreateVersion7(), 0))]);
        var log = _vault.Log(device.Caller.AccountId);
        for (ulong cursor = 0; cursor <= 41; cursor++)
        {
            var read = new List<Change>();
            while (_vault.Store.Changes(device.Caller.AccountId, cursor + (ulong)read.Count, 7, 1500) is { Count: > 0 } page)
            {
                read.AddRange(page);
            }

            Assert.Equal(log.Skip((int)cursor), read);
        }
    }

    [Fact]
    public async Task G7_an_atomic_push_is_applied_together_and_marked_so()
    {
        var device = await _vault.EnrolAsync();
        var item = Guid.CreateVersion7();
        var results = await device.PushAsync([device.Author.Put(item, 0), device.Author.Put(Guid.CreateVersion7(), 0), device.Author.Put(item, 1)], atomic: true);

        Assert.Equal([2UL, 3, 4], results.Select(r => r.Applied.Seq));
        Assert.Equal([false, true, true, false], _vault.Log(device.Caller.AccountId).Select(c => c.MoreInBatch));
    }

    [Fact]
    public async Task G7_an_atomic_push_with_one_failure_stores_nothing_and_consumes_nothing()
    {
        var device = await _vault.EnrolAsync();
        var item = Guid.CreateVersion7();
        await device.PushAsync(device.Author.Put(item, 0));
        var state = _vault.Store.State(device.Caller.AccountId);
        var good = device.Author.Put(Guid.CreateVersion7(), 0);
        var conflict = device.Author.Put(item, 0);
        var alsoGood = device.Author.Put(Guid.CreateVersion7(), 0);

        var results = await device.PushAsync([good, conflict, alsoGood], atomic: true);

        Assert.Equal(RejectionReason.AtomicAborted, results[0].Rejected.Reason);
        Assert.Equal(1UL, results[1].Conflict.Rev);
        Assert.Equal(RejectionReason.AtomicAborted, results[2].Rejected.Reason);
        Assert.Equal(2, _vault.Log(device.Caller.AccountId).Count);
        Assert.Equal(state.ChainHash, _vault.Store.State(device.Caller.AccountId).ChainHash);

        // The same bytes can be sent again, with another operation in the place of the one that failed.
        device.Author.OpSeq = alsoGood.OpSeq;
        results = await device.PushAsync([good, alsoGood, device.Author.Put(item, 1)], atomic: true);
        Assert.All(results, r => Assert.NotNull(r.Applied));
        AssertChain(device);
    }

    [Fact]
    public async Task G7_an_atomic_push_is_repeated_whole_or_refused()
    {
        var device = await _vault.EnrolAsync();
        var first = device.Author.Put(Guid.CreateVersion7(), 0);
        var second = device.Author.Put(Guid.CreateVersion7(), 0);
        var results = await device.PushAsync([first, second], atomic: true);
        Assert.Equal(results, await device.PushAsync([first, second], atomic: true));

        var mixed = await device.PushAsync([second, device.Author.Put(Guid.CreateVersion7(), 0)], atomic: true);
        Assert.Equal(results[1], mixed[0]);
        Assert.Equal(RejectionReason.AtomicAborted, mixed[1].Rejected.Reason);
        Assert.Equal(3, _vault.Log(device.Caller.AccountId).Count);
    }

    private void AssertChain(TestSession device)
    {
        var log = _vault.Log(device.Caller.AccountId);
        var chain = new byte[32];
        foreach (var change in log)
        {
            chain = Kpm.Server.Vaults.VaultState.NextChainHash(chain, change.Seq, System.Security.Cryptography.SHA256.HashData(change.Header.Span));
        }

        Assert.Equal(chain, _vault.Store.State(device.Caller.AccountId).ChainHash);
    }
}
