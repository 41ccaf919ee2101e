using Dapper;
using Kpm.Client.Kpm1;
using Kpm.Client.Schema;
using Kpm.Client.Sync;
using Kpm.V1;

namespace Kpm.Client.Tests.Sync;

/// <summary>New keys: who takes them over, and what was made under the old ones.</summary>
public sealed class RekeyingTests : IDisposable
{
    private const string Password = "correct horse battery staple";
    private readonly TestLog _log = new();
    private readonly TestDevice _founder = new("device 1");
    private readonly FakeServer _server;
    private readonly Replica _one;
    private readonly Replica _two;

    public RekeyingTests()
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
        _one.SyncFully(_server);
    }

    public void Dispose()
    {
        _one.Dispose();
        _two.Dispose();
        _founder.Dispose();
        _log.Dispose();
    }

    private static Item Note(string name) => new() { Name = name, Note = new Note() };

    private void Rekey(params Guid[] revoked)
    {
        _one.Rekeyer.Queue(Password, Password, revoked.ToHashSet());
        Assert.True(_one.PushSetup(_server));
        _one.SyncFully(_server);
    }

    [Fact]
    public void The_devices_that_stay_take_the_new_keys_over_by_themselves()
    {
        var id = _one.Vault.Add(Note("before"));
        _one.SyncFully(_server);
        Rekey(_founder.Id);
        Assert.Equal((2u, 2L), (_one.Keys.Epoch, _one.State.KeyEpoch));
        _two.SyncFully(_server);
        Assert.Equal(2u, _two.Keys.Epoch);
        Assert.Contains(new SyncEvent.Rekeyed(2, Adopted: true), _two.Events);
        Assert.Contains(new SyncEvent.DeviceRevoked(_founder.Id), _two.Events);
        Assert.Equal(_one.Keys.Account.Key, _two.Keys.Account.Key);
        Assert.Equal((2, "before"), (_two.Vault.Status().Devices, _two.Vault.Find(id)!.Item!.Name));
        _two.Vault.Add(Note("after"));
        _two.SyncFully(_server);
        _one.SyncFully(_server);
        Assert.Equal(["after", "before"], _one.Vault.List().Select(item => item.Item!.Name).Order(StringComparer.Ordinal));
        Assert.Equal(2u, OperationHeader.Parse(_server.Log[^1].Header.Span).KeyEpoch);

        // And once more: the ECDH key is sealed under the new AK by now.
        Rekey();
        _two.SyncFully(_server);
        Assert.Equal((3u, 3u), (_one.Keys.Epoch, _two.Keys.Epoch));
        Assert.Equal("before", _two.Vault.Find(id)!.Item!.Name);
    }

    [Fact]
    public void The_main_password_opens_the_new_keyset_and_the_old_keys_are_in_it()
    {
        Rekey(_founder.Id);
        var keyset = KeysetEnvelope.Parse(_one.State.Keyset);
        Assert.Equal((2u, 2UL), (keyset.KeyEpoch, keyset.Rev));
        using var opened = keyset.Open(Password, MainPassword.MinIterations);
        Assert.Equal(_one.Keys.Account.Key, opened.Account.Key);
        Assert.Equal(_log.Keys.Of(1).VaultKey, opened.Of(1).VaultKey);
        Assert.NotEqual(_log.Keys.Of(1).VaultKey, opened.Of(2).VaultKey);
        Assert.DoesNotContain(keyset.Devices, wrap => wrap.Device == _founder.Id);
        Assert.Equal(2, keyset.Devices.Count);
    }

    [Fact]
    public void A_wrong_password_begins_nothing()
    {
        Assert.Equal(Kpm1Error.PasswordWrong, Assert.Throws<Kpm1Exception>(() => _one.Rekeyer.Queue("wrong", "wrong", new HashSet<Guid>())).Error);
        Assert.Equal(0, _one.Vault.Status().Pending);
    }

    [Fact]
    public void An_edit_that_was_made_under_the_old_keys_is_made_again_under_the_new_ones()
    {
        var id = _one.Vault.Add(Note("shared"));
        _one.SyncFully(_server);
        _two.SyncFully(_server);
        var found = _two.Vault.Find(id)!;
        var edited = found.Item!.Clone();
        edited.Notes = "mine";
        _two.Vault.Edit(found, edited);
        var created = _two.Vault.Add(Note("new"));
        var removed = _one.Vault.Add(Note("to be removed"));
        _one.SyncFully(_server);
        _two.Pull(_server);
        _two.Vault.Remove(removed);
        Rekey();

        // They go out before the device has heard of the new keys, and are refused.
        var before = new List<Operation>();
        _two.Take(before);
        _two.Send(_server);
        Assert.Equal(3, _two.Vault.Status().Pending);
        _two.SyncFully(_server);
        _one.SyncFully(_server);
        Assert.Equal(("mine", "new", 0, 0), (_one.Vault.Find(id)!.Item!.Notes, _one.Vault.Find(created)!.Item!.Name, _two.Vault.Status().Pending, _two.Vault.Status().Refused));
        Assert.Null(_one.Vault.Find(removed));
        Assert.Empty(_one.Vault.Find(id)!.Item!.KeptValues);
        var numbers = _server.Log.Select(change => OperationHeader.Parse(change.Header.Span)).Where(header => header.Device == _two.DeviceId).Select(header => header.OpSeq).ToList();
        Assert.All(before, operation => Assert.DoesNotContain(operation.OpSeq, numbers));
    }

    [Fact]
    public void A_device_whose_key_pair_is_lost_is_told_to_ask_for_the_main_password()
    {
        Rekey();
        _two.Store.Write(connection => connection.Execute("UPDATE device SET agreement_key = NULL"));
        _two.Pull(_server);
        Assert.Contains(new SyncEvent.Rekeyed(2, Adopted: false), _two.Events);
        Assert.Equal((1u, true), (_two.Keys.Epoch, _two.State.KeysBehind));
        Assert.Equal(Kpm1Error.KeyEpochUnknown, Assert.Throws<Kpm1Exception>(() => _two.Vault.Add(Note("x"))).Error);
        using var opened = KeysetEnvelope.Parse(_two.State.Keyset).Open(Password, MainPassword.MinIterations);
        Assert.Equal(_one.Keys.Account.Key, opened.Account.Key);
    }

    [Fact]
    public void Keys_of_a_change_that_does_not_hold_are_given_up_again()
    {
        Rekey();
        var changes = _server.After((ulong)_two.State.Seq).ToList();
        var broken = changes[^1].Clone();
        broken.Seq += 5;
        Assert.Equal(Kpm1Error.SeqGap, Assert.Throws<Kpm1Exception>(() => _two.Feed([.. changes, broken])).Error);
        Assert.Equal((1u, 1L), (_two.Keys.Epoch, _two.State.KeyEpoch));
        _two.SyncFully(_server);
        Assert.Equal(2u, _two.Keys.Epoch);
    }

    [Fact]
    public void A_keyset_that_someone_without_the_keys_has_wrapped_to_the_device_is_not_taken()
    {
        using var server = VaultKeys.Create();
        using var next = server.Next(System.Security.Cryptography.RandomNumberGenerator.GetBytes(32), System.Security.Cryptography.RandomNumberGenerator.GetBytes(32));
        var entries = _two.Store.Read(Rekeyer.Entries);
        var forged = KeysetEnvelope.Parse(_two.State.Keyset).Rekeyed(next, Password, MainPassword.MinIterations, entries.Select(entry => (entry.Device, entry.AgreementKey.ToArray())));
        var header = new OperationHeader
        {
            Kind = OperationKind.Keyset,
            Account = _log.Account,
            Vault = _log.Account,
            Generation = 1,
            Device = _one.DeviceId,
            OpSeq = 99,
            OpId = Guid.NewGuid(),
            Subject = _log.Account,
            BaseRev = 1,
            KeyEpoch = 2,
            Schema = 0,
            EnvelopeHash = System.Security.Cryptography.SHA256.HashData(forged),
            Commitment = new byte[32],
            ObservedSeq = 0,
            ObservedHash = new byte[32],
        };
        var change = new Change
        {
            Seq = (ulong)_two.State.Seq + 1,
            Kind = OperationKind.Keyset,
            SubjectId = _log.Account.ToString("D"),
            Rev = 2,
            Header = Google.Protobuf.ByteString.CopyFrom(header.ToBytes()),
            Envelope = Google.Protobuf.ByteString.CopyFrom(forged),
            Signature = Google.Protobuf.ByteString.CopyFrom(new byte[64]),
        };
        Assert.Equal(Kpm1Error.SignatureInvalid, Assert.Throws<Kpm1Exception>(() => _two.Feed(change)).Error);

        // Even one that a device of the vault has signed must hold the keys that are known.
        change.Signature = Google.Protobuf.ByteString.CopyFrom(P256.Sign(_one.Device.SigningKey, change.Header.Span));
        var observed = OperationHeader.Parse(_server.Log[^1].Header.Span);
        Assert.NotEqual(0UL, observed.ObservedSeq);
        Assert.Contains(Assert.Throws<Kpm1Exception>(() => _two.Feed(change)).Error, new[] { Kpm1Error.WrapInvalid, Kpm1Error.ObservationMismatch });
        Assert.Equal(1u, _two.Keys.Epoch);
    }
}
