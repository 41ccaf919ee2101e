using Grpc.Core;

namespace GrpcRuntime.Tests.Core;

public sealed class MetadataTests
{
    [Fact]
    public void Keys_are_lower_case_and_found_in_any_case()
    {
        var metadata = new Metadata { { "X-Key", "1" }, { "x-other", "2" }, { "x-key", "3" } };

        Assert.Equal("x-key", metadata[0].Key);
        Assert.Equal("3", metadata.GetValue("X-KEY"));
        Assert.Equal(["1", "3"], metadata.GetAll("x-Key").Select(e => e.Value));
        Assert.Null(metadata.Get("absent"));
        Assert.Null(metadata.GetValueBytes("absent"));
    }

    [Theory]
    [InlineData("")]
    [InlineData("a b")]
    [InlineData("é")]
    [InlineData(":path")]
    [InlineData("a\n")]
    [InlineData("a/b")]
    public void A_key_of_other_characters_is_refused(string key) => Assert.Throws<ArgumentException>(() => new Metadata.Entry(key, "v"));

    [Fact]
    public void Binary_and_text_keep_to_their_keys()
    {
        Assert.Throws<ArgumentException>(() => new Metadata.Entry("x-bin", "text"));
        Assert.Throws<ArgumentException>(() => new Metadata.Entry("x", [1]));
        Assert.Throws<ArgumentNullException>(() => new Metadata.Entry(null!, "v"));
        Assert.Throws<ArgumentNullException>(() => new Metadata.Entry("x", (string)null!));
        var binary = new Metadata.Entry("X-Bin", [1, 2]);
        Assert.True(binary.IsBinary);
        Assert.Throws<InvalidOperationException>(() => binary.Value);
        Assert.Equal([65, 66], new Metadata.Entry("x", "AB").ValueBytes);
    }

    [Fact]
    public void The_bytes_of_an_entry_are_copies()
    {
        byte[] value = [1, 2];
        var entry = new Metadata.Entry("x-bin", value);
        value[0] = 9;
        entry.ValueBytes[1] = 9;

        Assert.Equal([1, 2], entry.ValueBytes);
    }

    [Fact]
    public void Empty_cannot_be_changed()
    {
        Assert.True(Metadata.Empty.IsReadOnly);
        Assert.Throws<InvalidOperationException>(() => Metadata.Empty.Add("x", "y"));
        Assert.Throws<InvalidOperationException>(Metadata.Empty.Clear);
        Assert.Empty(Metadata.Empty);
    }

    [Fact]
    public void It_is_a_list()
    {
        var first = new Metadata.Entry("a", "1");
        var second = new Metadata.Entry("b", "2");
        var metadata = new Metadata { second };
        metadata.Insert(0, first);

        Assert.Equal(1, metadata.IndexOf(second));
        Assert.True(metadata.Remove(first));
        Assert.DoesNotContain(first, metadata);
        metadata[0] = first;
        metadata.RemoveAt(0);
        Assert.Empty(metadata);
    }
}
