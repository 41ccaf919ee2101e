using System.Globalization;
using System.Text;
using FsCheck;
using FsCheck.Fluent;
using Google.Protobuf;
using Kpm.Client.Kpm1;
using Kpm.Client.Schema;
using Kpm.Client.Tests.Vectors;

namespace Kpm.Client.Tests.Sync;

/// <summary>Three devices edit one vault, apart and together: all end alike, and no value is lost.</summary>
public sealed class ConvergenceTests
{
    private const int Items = 3;

    /// <summary>One step: which device, what it does, to which item.</summary>
    private sealed record Step(int Device, Deed Deed, int Item);

    private enum Deed
    {
        EditPassword,
        EditUsername,
        EditName,
        AddField,
        Delete,
        Sync,
        Pull,
        Send,
        SendAndLoseResults,
    }

    [Fact]
    public void Replicas_converge_and_nothing_is_lost() // KPM_CASES sets how many histories are tried
    {
        var step = from device in Gen.Choose(0, 2)
                   from deed in Gen.Elements(Enum.GetValues<Deed>())
                   from item in Gen.Choose(0, Items - 1)
                   select new Step(device, deed, item);
        var property = Prop.ForAll(Arb.From(step.ListOf().Select(steps => steps.ToArray()), Shrink), Run);
        Check.One(Config.QuickThrowOnFailure.WithMaxTest(int.Parse(Environment.GetEnvironmentVariable("KPM_CASES") ?? "200", CultureInfo.InvariantCulture)).WithEndSize(60), property);
    }

    private static IEnumerable<Step[]> Shrink(Step[] steps) =>
        Enumerable.Range(0, steps.Length).Select(left => steps.Where((_, i) => i != left).ToArray());

    private static bool Run(Step[] steps)
    {
        using var world = new World();
        foreach (var (step, number) in steps.Select((step, number) => (step, number)))
        {
            world.Do(step.Device, step.Deed, step.Item, number);
        }

        world.Settle();
        world.AssertAlike();
        world.AssertNothingLost();
        return true;
    }

    [Fact]
    public void The_set_of_kept_values_does_not_depend_on_the_order()
    {
        var sets = new HashSet<string>(StringComparer.Ordinal);
        foreach (var order in new[] { new[] { 0, 1, 2 }, [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0] })
        {
            using var world = new World();
            for (var device = 0; device < 3; device++)
            {
                world.Edit(device, 0, item => item.WebsiteLogin.Password = $"of device {device}");
            }

            foreach (var device in order)
            {
                world.Replicas[device].SyncFully(world.Server);
            }

            world.Settle();
            world.AssertAlike();
            var item = world.Replicas[0].Vault.Find(world.Ids[0])!.Item!;
            Assert.Equal($"of device {order[^1]}", item.WebsiteLogin.Password);
            sets.Add(string.Join(", ", item.KeptValues.Select(kept => WebsiteLogin.Parser.ParseFrom(kept.Value).Password).Append(item.WebsiteLogin.Password).Order(StringComparer.Ordinal)));
        }

        Assert.Equal("of device 0, of device 1, of device 2", Assert.Single(sets));
    }

    /// <summary>A server, three enrolled devices, a few items, and a list of every value that was ever committed.</summary>
    private sealed class World : IDisposable
    {
        private readonly TestLog _log = new();
        private readonly TestDevice _first = new("device 1");
        private readonly HashSet<(Guid Item, string Value)> _seenAndReplaced = [];

        public World()
        {
            // A device that only founds the vault; the three join it by main password.
            _log.Enrol(_first, _log.Entry(_first, Enrolment.Root));
            _log.PutKeyset(_first, _log.FirstKeyset());
            Server = new FakeServer(_log.Account);
            foreach (var change in _log.Entries)
            {
                var header = OperationHeader.Parse(change.Header.Span);
                Server.Push(new V1.Operation { OpSeq = header.OpSeq, OpId = header.OpId.ToString("D"), SubjectId = change.SubjectId, BaseRev = header.BaseRev, Kind = change.Kind, Header = change.Header, Signature = change.Signature, Envelope = change.Envelope });
            }

            Replicas = [.. Enumerable.Range(0, 3).Select(_ => new Replica(Server, _log, TimeProvider.System))];
            Settle();
            for (var i = 0; i < Items; i++)
            {
                Ids.Add(Replicas[0].Vault.Add(new Item { Name = $"item {i}", WebsiteLogin = new WebsiteLogin { Username = $"user of item {i}", Password = $"password of item {i}" } }));
            }

            Settle();
        }

        public FakeServer Server { get; }

        public List<Guid> Ids { get; } = [];

        public Replica[] Replicas { get; }

        public void Do(int device, Deed deed, int item, int number)
        {
            var replica = Replicas[device];
            switch (deed)
            {
                case Deed.EditPassword:
                    Edit(device, item, content => content.WebsiteLogin.Password = $"password {number:D3}");
                    break;
                case Deed.EditUsername:
                    Edit(device, item, content => content.WebsiteLogin.Username = $"user {number:D3}");
                    break;
                case Deed.EditName:
                    Edit(device, item, content => content.Name = $"name {number:D3}");
                    break;
                case Deed.AddField:
                    Edit(device, item, content => content.CustomFields.Add(new CustomField { Id = VectorInputs.Id($"field {number:D3}").ToString("D"), Name = "f", Value = $"field {number:D3}" }));
                    break;
                case Deed.Delete:
                    Remove(device, item);
                    break;
                case Deed.Sync:
                    replica.SyncFully(Server);
                    break;
                case Deed.Pull:
                    replica.Pull(Server, 2);
                    break;
                case Deed.Send:
                    replica.Send(Server, most: 2);
                    break;
                case Deed.SendAndLoseResults:
                    replica.Send(Server, loseResults: true);
                    break;
            }
        }

        public void Edit(int device, int item, Action<Item> change)
        {
            if (Replicas[device].Vault.Find(Ids[item]) is { Item: { } content } found)
            {
                var edited = content.Clone();
                change(edited);
                _seenAndReplaced.UnionWith(Values(content).Except(Values(edited), StringComparer.Ordinal).Select(value => (Ids[item], value)));
                Replicas[device].Vault.Edit(found, edited);
            }
        }

        public void Settle()
        {
            // A device's rebased edits reach the others in the next round.
            for (var round = 0; round < 3; round++)
            {
                foreach (var replica in Replicas)
                {
                    replica.SyncFully(Server);
                }
            }
        }

        public void AssertAlike()
        {
            static IEnumerable<string> Content(Replica replica) => replica.Vault.List().OrderBy(item => item.Id).Select(item => $"{item.Id} {item.Rev} {item.Pending} {item.Item!.ToByteString().ToBase64()}");
            Assert.Equal(Content(Replicas[0]), Content(Replicas[1]));
            Assert.Equal(Content(Replicas[0]), Content(Replicas[2]));
            Assert.All(Replicas, replica => Assert.Equal((Server.Log.Count, 0), ((int)replica.State.Seq, replica.Vault.Status().Pending + replica.Vault.Status().Refused)));
        }

        /// <summary>
        /// G8: a value of any committed revision is in the item still (current, kept or history), or was
        /// replaced or deleted by a person who saw it.
        /// </summary>
        public void AssertNothingLost()
        {
            foreach (var id in Ids)
            {
                var final = Replicas[0].Vault.Find(id)?.Item;
                foreach (var change in Server.Log.Where(change => change.SubjectId == id.ToString("D") && change.Kind == V1.OperationKind.Put))
                {
                    var committed = ItemEnvelope.Open(change.Envelope.Span, OperationHeader.Parse(change.Header.Span), _log.Keys);
                    Assert.All(Values(committed), value => Assert.True(_seenAndReplaced.Contains((id, value)) || (final is not null && Text(final).Contains(value, StringComparison.Ordinal)), $"{value} is lost."));
                }
            }
        }

        private static string[] Values(Item item) =>
            [item.Name, item.WebsiteLogin.Username, item.WebsiteLogin.Password, .. item.CustomFields.Select(field => field.Value)];

        /// <summary>All of the item as text; the values are written so that none is part of another.</summary>
        private static string Text(Item item) => Encoding.UTF8.GetString(item.ToByteArray()) + string.Concat(item.KeptValues.Select(kept => kept.Value.ToStringUtf8())) + string.Concat(item.History.Select(entry => entry.Value.ToStringUtf8()));

        private void Remove(int device, int item)
        {
            if (Replicas[device].Vault.Find(Ids[item])?.Item is { } content)
            {
                _seenAndReplaced.UnionWith(Server.Log
                    .Where(change => change.SubjectId == Ids[item].ToString("D") && change.Kind == V1.OperationKind.Put)
                    .SelectMany(change => Values(ItemEnvelope.Open(change.Envelope.Span, OperationHeader.Parse(change.Header.Span), _log.Keys)))
                    .Where(value => Text(content).Contains(value, StringComparison.Ordinal))
                    .Concat(Values(content))
                    .Select(value => (Ids[item], value)));
                Replicas[device].Vault.Remove(Ids[item]);
            }
        }

        public void Dispose()
        {
            foreach (var replica in Replicas)
            {
                replica.Dispose();
            }

            _log.Dispose();
            _first.Dispose();
        }
    }
}
