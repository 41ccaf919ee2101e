using Dapper;
using Kpm.Client.Kpm1;
using Kpm.Client.Schema;
using Kpm.Client.Storage;
using Kpm.Client.Sync;
using Kpm.V1;

namespace Kpm.Client.Tests.Sync;

/// <summary>A restored backup: with consent nothing that a device had is lost, and no number is used twice.</summary>
public sealed class RestorerTests : IDisposable
{
    private readonly TestLog _log = new();
    private readonly TestDevice _founder = new("device 1");
    private readonly FakeServer _server;
    private readonly Replica _one;
    private readonly Replica _two;

    public RestorerTests()
    {
        _log.Enrol(_founder, _log.Entry(_founder, Enrolment.Root));
        _log.PutKeyset(_founder, _log.FirstKeyset());
        _server = new FakeServer(_log.Account);
        foreach (var change in _log.Entries)
        {
            var header = OperationHeader.Parse(change.Header.Span);
            _server.Push(new Operation { OpSeq = header.OpSeq, OpId = header.OpId.ToString("D"), SubjectId = change.SubjectId, BaseRev = header.BaseRev, Kind = change.Kind, Header = change.Header, Signature = change.Signature, Envelope = change.Envelope });
        }

        (_one, _two) = (new Replica(_server, _log, TimeProvider.System), new Replica(_server, _log, TimeProvider.System));
        _one.SyncFully(_server);
        _two.SyncFully(_server);
    }

    public void Dispose()
    {
        _one.Dispose();
        _two.Dispose();
        _founder.Dispose();
        _log.Dispose();
    }

    private static Item Login(string name) => new() { Name = name, WebsiteLogin = new WebsiteLogin { Password = "password of " + name } };

    private static void Edit(Replica replica, Guid id, Action<Item> change)
    {
        var found = replica.Vault.Find(id)!;
        var edited = found.Item!.Clone();
        change(edited);
        Assert.True(replica.Vault.Edit(found, edited));
    }

    private static List<SyncEvent> Accept(Replica replica, FakeServer restored)
    {
        var events = new List<SyncEvent>();
        replica.Restorer.Begin(restored.Generation);
        replica.SyncFully(restored);
        events.AddRange(replica.Restorer.ReturnKeys());
        if (replica.Store.Read(Outbox.All).Exists(row => row.Standing == OutboxState.Setup))
        {
            Assert.True(replica.PushSetup(restored));
            replica.SyncFully(restored);
        }

        events.AddRange(replica.Restorer.ReturnItems());
        replica.SyncFully(restored);
        replica.Restorer.End();
        return events;
    }

    private static IEnumerable<string> Names(Replica replica) => replica.Vault.List().Select(item => item.Item!.Name).Order(StringComparer.Ordinal);

    [Fact]
    public void What_the_server_lost_comes_back_as_new_operations_of_the_new_generation()
    {
        var kept = _one.Vault.Add(Login("kept"));
        var changed = _one.Vault.Add(Login("changed"));
        var deleted = _one.Vault.Add(Login("deleted"));
        _one.SyncFully(_server);
        var restored = _server.Backup(2);
        var before = restored.Log.Count;
        Edit(_one, changed, item => item.WebsiteLogin.Password = "of after the backup");
        var created = _one.Vault.Add(Login("created"));
        _one.Vault.Remove(deleted);
        _one.SyncFully(_server);
        var used = _server.Log.Select(change => OperationHeader.Parse(change.Header.Span)).Where(header => header.Device == _one.DeviceId).Max(header => header.OpSeq);

        var events = Accept(_one, restored);
        Assert.Equal(new[] { changed, created, deleted }.Order(), events.OfType<SyncEvent.Returned>().Select(returned => returned.Subject).Order());
        Assert.Equal(["changed", "created", "kept"], Names(_one));
        Assert.Equal("of after the backup", _one.Vault.Find(changed)!.Item!.WebsiteLogin.Password);
        var sent = restored.Log.Skip(before).Select(change => OperationHeader.Parse(change.Header.Span)).ToList();
        Assert.Equal(3, sent.Count);
        Assert.All(sent, header => Assert.Equal((2UL, true), (header.Generation, header.OpSeq > used)));
        Assert.Equal(sent.Count, sent.DistinctBy(header => header.OpSeq).Count());
        Assert.Equal((false, 0L), (_one.State.Restoring, _one.Store.Read(connection => connection.ExecuteScalar<long>("SELECT (SELECT count(*) FROM old_subject) + (SELECT count(*) FROM old_log)"))));
        Assert.Equal(1UL, _one.Vault.Find(kept)!.Rev);
    }

    [Fact]
    public void Two_devices_that_take_the_backup_in_end_alike_without_noise()
    {
        var id = _one.Vault.Add(Login("item"));
        _one.SyncFully(_server);
        var restored = _server.Backup(2);
        Edit(_one, id, item => item.WebsiteLogin.Password = "after");
        _one.SyncFully(_server);
        _two.SyncFully(_server);
        Accept(_one, restored);
        var length = restored.Log.Count;
        Assert.Empty(Accept(_two, restored).OfType<SyncEvent.Returned>());
        Assert.Equal(length, restored.Log.Count);
        Assert.Equal(_one.Vault.Find(id), _two.Vault.Find(id));
        Assert.Empty(_two.Vault.Find(id)!.Item!.KeptValues);
    }

    [Fact]
    public void What_both_sides_wrote_after_the_backup_is_kept_from_both()
    {
        var id = _one.Vault.Add(Login("item"));
        _one.SyncFully(_server);
        _two.SyncFully(_server);
        var restored = _server.Backup(2);
        Edit(_one, id, item => item.WebsiteLogin.Password = "of one");
        _one.SyncFully(_server);
        Accept(_two, restored);
        Edit(_two, id, item => item.WebsiteLogin.Password = "of two");
        _two.SyncFully(restored);
        Accept(_one, restored);
        _two.SyncFully(restored);
        Assert.Equal(_one.Vault.Find(id), _two.Vault.Find(id));
        var item = _two.Vault.Find(id)!.Item!;
        Assert.Equal("of one", item.WebsiteLogin.Password);
        Assert.Contains("of two", item.KeptValues.Select(kept => WebsiteLogin.Parser.ParseFrom(kept.Value).Password));
    }

    [Fact]
    public void Edits_that_were_not_sent_yet_are_not_lost_either()
    {
        var id = _one.Vault.Add(Login("item"));
        _one.SyncFully(_server);
        var restored = _server.Backup(2);
        Edit(_one, id, item => item.Notes = "not sent");
        var created = _one.Vault.Add(Login("not sent either"));
        Accept(_one, restored);
        Assert.Equal(("not sent", "not sent either"), (_one.Vault.Find(id)!.Item!.Notes, _one.Vault.Find(created)!.Item!.Name));
        Assert.Equal(0, _one.Vault.Status().Pending);
        Assert.Equal(2UL, _one.Vault.Find(id)!.Rev);
    }

    [Fact]
    public void A_backup_from_before_the_device_lets_it_enter_again()
    {
        var restored = _server.Backup(2);
        using var late = new Replica(_server, _log, TimeProvider.System);
        late.SyncFully(_server);
        var id = late.Vault.Add(Login("item"));
        late.SyncFully(_server);
        Accept(late, restored);
        Assert.Equal("item", late.Vault.Find(id)!.Item!.Name);
        _one.Restorer.Begin(2);
        _one.SyncFully(restored);
        Assert.Equal(4, _one.Vault.Status().Devices);
    }

    [Fact]
    public void Until_it_is_done_all_is_there_to_read_and_nothing_can_be_changed()
    {
        var id = _one.Vault.Add(Login("item"));
        _one.SyncFully(_server);
        _one.Restorer.Begin(2);
        Assert.Equal(["item"], Names(_one));
        var found = _one.Vault.Find(id)!;
        Assert.Equal("item", found.Item!.Name);
        Assert.Throws<LocalStoreException>(() => _one.Vault.Edit(found, found.Item.Clone()));
        Assert.Throws<LocalStoreException>(() => _one.Vault.Remove(id));
        Assert.Throws<LocalStoreException>(() => _one.Vault.Add(Login("new")));

        // Begun again, as after a broken connection: what was laid aside first is what counts.
        Accept(_one, _server.Backup(3));
        Assert.Equal(["item"], Names(_one));
    }

    [Fact]
    public void A_new_epoch_that_the_server_lost_is_begun_again_with_the_same_keys()
    {
        var id = _one.Vault.Add(Login("item"));
        _one.SyncFully(_server);
        _two.SyncFully(_server);
        var restored = _server.Backup(2);
        _one.Rekeyer.Queue("correct horse battery staple", "another good main password 7", new HashSet<Guid> { _founder.Id });
        Assert.True(_one.PushSetup(_server));
        Edit(_one, id, item => item.Notes = "under the new key");
        _one.SyncFully(_server);
        var events = Accept(_one, restored);
        Assert.Contains(new SyncEvent.Returned(_log.Account), events);
        Assert.Equal((2u, 2u, 2L), (restored.KeyEpoch, _one.Keys.Epoch, _one.State.KeyEpoch));
        Assert.Equal("under the new key", _one.Vault.Find(id)!.Item!.Notes);
        Assert.Equal(2, _one.Vault.Status().Devices);

        // A device that never heard of it takes the keys over as it would have then.
        Accept(_two, restored);
        Assert.Equal((2u, "under the new key"), (_two.Keys.Epoch, _two.Vault.Find(id)!.Item!.Notes));
        using var opened = KeysetEnvelope.Parse(_two.State.Keyset).Open("another good main password 7", MainPassword.MinIterations);
        Assert.Equal(_one.Keys.Account.Key, opened.Account.Key);
    }
}
