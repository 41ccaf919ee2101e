using Google.Protobuf;
using Kpm.Client.Items;
using Kpm.Client.Schema;

namespace Kpm.Client.Tests.Items;

public sealed class ItemMergeTests
{
    private static readonly Guid Their = Guid.Parse("0190a0a0-0000-7000-8000-000000000001");
    private static readonly DateTimeOffset Now = DateTimeOffset.FromUnixTimeMilliseconds(1_760_000_000_000);

    private static Item Login(Action<Item>? change = null)
    {
        var item = new Item
        {
            Name = "Example",
            WebsiteLogin = new WebsiteLogin { Username = "ada", Password = "old", Addresses = { Address("a", "https://a.example"), Address("b", "https://b.example") } },
            CustomFields = { new CustomField { Id = "c", Name = "pin", Value = "1", Type = CustomFieldType.Hidden } },
        };
        change?.Invoke(item);
        return item;
    }

    private static WebAddress Address(string id, string url) => new() { Id = id, Url = url };

    private static (Item Merged, int NewlyKept) Merge(Item before, Item theirs, Item mine) => ItemMerge.Merge(before, theirs, mine, Their, Now);

    [Fact]
    public void Edits_of_different_fields_are_both_kept()
    {
        var (merged, kept) = Merge(Login(), Login(item => item.WebsiteLogin.Username = "grace"), Login(item => item.WebsiteLogin.Password = "new"));
        Assert.Equal(Login(item => (item.WebsiteLogin.Username, item.WebsiteLogin.Password) = ("grace", "new")), merged);
        Assert.Equal(0, kept);
    }

    [Fact]
    public void For_one_field_mine_is_current_and_theirs_is_kept()
    {
        var (merged, kept) = Merge(Login(), Login(item => item.WebsiteLogin.Password = "theirs"), Login(item => item.WebsiteLogin.Password = "mine"));
        Assert.Equal("mine", merged.WebsiteLogin.Password);
        Assert.Equal(1, kept);
        var value = Assert.Single(merged.KeptValues);
        Assert.Equal("10.3", value.Path);
        Assert.Equal("theirs", WebsiteLogin.Parser.ParseFrom(value.Value).Password);
        Assert.Equal(Their.ToString("D"), value.DeviceId);
        Assert.Equal(ItemMerge.KeptId("10.3", value.Value.Span), value.Id);
    }

    [Fact]
    public void The_same_edit_on_both_sides_is_no_conflict()
    {
        var edited = Login(item => item.WebsiteLogin.Password = "same");
        var (merged, kept) = Merge(Login(), edited, edited.Clone());
        Assert.Equal(edited, merged);
        Assert.Equal(0, kept);
    }

    [Fact]
    public void A_field_that_the_other_side_cleared_keeps_no_empty_value()
    {
        var (merged, kept) = Merge(Login(), Login(item => item.WebsiteLogin.Username = ""), Login(item => item.WebsiteLogin.Username = "grace"));
        Assert.Equal("grace", merged.WebsiteLogin.Username);
        Assert.Equal(0, kept);
    }

    [Fact]
    public void Elements_of_lists_are_added_removed_and_changed_by_id()
    {
        var (merged, kept) = Merge(
            Login(),
            Login(item =>
            {
                item.WebsiteLogin.Addresses.RemoveAt(0);
                item.WebsiteLogin.Addresses.Add(Address("t", "https://t.example"));
            }),
            Login(item =>
            {
                item.WebsiteLogin.Addresses[1].Url = "https://b2.example";
                item.WebsiteLogin.Addresses.Add(Address("m", "https://m.example"));
            }));
        Assert.Equal(["https://b2.example", "https://m.example", "https://t.example"], merged.WebsiteLogin.Addresses.Select(address => address.Url));
        Assert.Equal(0, kept);
    }

    [Fact]
    public void An_edited_element_beats_its_removal_on_either_side()
    {
        Item Removed() => Login(item => item.WebsiteLogin.Addresses.RemoveAt(0));
        Item Edited() => Login(item => item.WebsiteLogin.Addresses[0].Url = "https://a2.example");
        Assert.Contains(Merge(Login(), Removed(), Edited()).Merged.WebsiteLogin.Addresses, address => address.Url == "https://a2.example");
        Assert.Contains(Merge(Login(), Edited(), Removed()).Merged.WebsiteLogin.Addresses, address => address.Url == "https://a2.example");
    }

    [Fact]
    public void A_conflict_inside_a_list_element_is_kept_with_its_path()
    {
        var (merged, _) = Merge(Login(), Login(item => item.CustomFields[0].Value = "theirs"), Login(item => item.CustomFields[0].Value = "mine"));
        Assert.Equal("mine", merged.CustomFields[0].Value);
        Assert.Equal("30#c.3", Assert.Single(merged.KeptValues).Path);
    }

    [Fact]
    public void The_order_of_a_list_is_that_of_the_side_that_changed_it()
    {
        static Item Reversed() => Login(item =>
        {
            var first = item.WebsiteLogin.Addresses[0];
            item.WebsiteLogin.Addresses.RemoveAt(0);
            item.WebsiteLogin.Addresses.Add(first);
        });
        Assert.Equal(["b", "a"], Merge(Login(), Reversed(), Login(item => item.Name = "x")).Merged.WebsiteLogin.Addresses.Select(address => address.Id));
        Assert.Equal(["b", "a"], Merge(Login(), Login(item => item.Name = "x"), Reversed()).Merged.WebsiteLogin.Addresses.Select(address => address.Id));
    }

    [Fact]
    public void Unknown_fields_of_both_sides_survive_and_their_conflicts_are_kept()
    {
        static Item With(params byte[] unknown) => Item.Parser.ParseFrom([.. Login().ToByteArray(), .. unknown]);
        byte[] a1 = [0xfa, 0x3e, 1, 1], a2 = [0xfa, 0x3e, 1, 2], b = [0x82, 0x3f, 1, 9];
        var (merged, _) = Merge(With(), With(a1), With(b));
        Assert.Equal(With([.. a1, .. b]).ToByteArray(), merged.ToByteArray());

        (merged, var kept) = Merge(With(), With(a1), With(a2));
        Assert.Equal(1, kept);
        Assert.Equal(("1007", ByteString.CopyFrom(a1)), (merged.KeptValues[0].Path, merged.KeptValues[0].Value));
        merged.KeptValues.Clear();
        Assert.Equal(With(a2).ToByteArray(), merged.ToByteArray());
    }

    [Fact]
    public void Unknown_fields_inside_a_kind_survive()
    {
        var theirs = Login(item => item.WebsiteLogin = WebsiteLogin.Parser.ParseFrom([.. item.WebsiteLogin.ToByteArray(), 0xfa, 0x3e, 1, 7]));
        var (merged, _) = Merge(Login(), theirs, Login(item => item.WebsiteLogin.Password = "new"));
        Assert.Equal(new byte[] { 0xfa, 0x3e, 1, 7 }, merged.WebsiteLogin.ToByteArray()[^4..]);
        Assert.Equal("new", merged.WebsiteLogin.Password);
    }

    [Fact]
    public void A_kind_that_one_side_replaced_is_one_value()
    {
        var mine = Login(item => item.Note = new Note());
        var (merged, kept) = Merge(Login(), Login(item => item.WebsiteLogin.Password = "theirs"), mine);
        Assert.Equal(Item.KindOneofCase.Note, merged.KindCase);
        Assert.Equal(1, kept);
        Assert.Equal("theirs", Item.Parser.ParseFrom(merged.KeptValues[0].Value).WebsiteLogin.Password);
    }

    [Fact]
    public void Kept_values_and_history_of_both_sides_are_united_and_a_discarded_one_stays_discarded()
    {
        var before = Login(item => item.KeptValues.Add(new KeptValue { Id = "k", Path = "1", Value = ByteString.CopyFromUtf8("x") }));
        var theirs = before.Clone();
        theirs.KeptValues.Add(new KeptValue { Id = "t", Path = "4" });
        theirs.History.Add(new HistoryEntry { Id = "h1", ReplacedAtMs = 1 });
        var mine = before.Clone();
        mine.KeptValues.Clear();
        mine.History.Add(new HistoryEntry { Id = "h2", ReplacedAtMs = 2 });
        var (merged, _) = Merge(before, theirs, mine);
        Assert.Equal(["t"], merged.KeptValues.Select(value => value.Id));
        Assert.Equal(["h2", "h1"], merged.History.Select(entry => entry.Id));
    }

    [Fact]
    public void History_takes_the_secrets_that_an_edit_replaced_and_is_bounded()
    {
        var item = Login();
        for (var i = 0; i < ItemHistory.MaxEntries + 5; i++)
        {
            var edited = item.Clone();
            edited.WebsiteLogin.Password = $"password {i}";
            edited.WebsiteLogin.Username = $"user {i}";
            edited.CustomFields[0].Value = i == 0 ? "2" : edited.CustomFields[0].Value;
            ItemHistory.Record(item, edited, new Clock(Now.AddMinutes(i)));
            item = edited;
        }

        Assert.Equal(ItemHistory.MaxEntries, item.History.Count);
        Assert.Equal("password 23", WebsiteLogin.Parser.ParseFrom(item.History[0].Value).Password);
        Assert.All(item.History, entry => Assert.Equal("10.3", entry.Path));

        var first = Login();
        var second = first.Clone();
        second.CustomFields[0].Value = "2";
        ItemHistory.Record(first, second, new Clock(Now));
        Assert.Equal("30#c.3", Assert.Single(second.History).Path);
    }

    [Fact]
    public void Every_kind_of_the_schema_has_a_name_and_every_secret_is_marked()
    {
        var cases = Enum.GetValues<Item.KindOneofCase>().Where(kind => kind != Item.KindOneofCase.None).ToList();
        Assert.Equal(cases, ItemKinds.All.Select(kind => kind.Case));
        var secrets = ItemKinds.All.SelectMany(kind => kind.Fields).Where(field => field.Secret).Select(field => field.Descriptor.Name);
        Assert.Equal(["password", "password", "number", "security_code", "pin", "number", "secret", "private_key"], secrets);
    }

    private sealed class Clock(DateTimeOffset now) : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => now;
    }
}
