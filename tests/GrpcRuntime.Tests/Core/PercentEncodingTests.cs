using System.Text;
using Grpc.Wire;

namespace GrpcRuntime.Tests.Core;

public sealed class PercentEncodingTests
{
    [Theory]
    [InlineData("", "")]
    [InlineData("plain text ~", "plain text ~")]
    [InlineData("100%", "100%25")]
    [InlineData("a\tb\r\nc", "a%09b%0D%0Ac")]
    [InlineData("\u007f", "%7F")]
    [InlineData("é", "%C3%A9")]
    [InlineData("\u2211", "%E2%88%91")]
    [InlineData("😀!", "%F0%9F%98%80!")]
    [InlineData("\0", "%00")]
    public void Text_is_encoded_and_decoded(string text, string encoded)
    {
        Assert.Equal(encoded, PercentEncoding.Encode(text));
        Assert.Equal(text, PercentEncoding.Decode(encoded));
    }

    [Theory]
    [InlineData("100%", "100%")]
    [InlineData("%", "%")]
    [InlineData("%4", "%4")]
    [InlineData("%zz", "%zz")]
    [InlineData("%%41", "%A")]
    [InlineData("%c3%a9", "é")]
    [InlineData("%ff", "\ufffd")]
    [InlineData("%C3", "\ufffd")]
    [InlineData("déjà %41", "déjà A")]
    public void Malformed_text_is_decoded_as_far_as_it_goes(string encoded, string text) => Assert.Equal(text, PercentEncoding.Decode(encoded));

    [Fact]
    public void A_lone_surrogate_is_sent_as_valid_utf8() => Assert.Equal("%EF%BF%BDx", PercentEncoding.Encode("\ud800x"));

    [Fact]
    public void Any_text_survives_and_is_printable_on_its_way()
    {
        var random = new Random(11);
        for (var i = 0; i < 2_000; i++)
        {
            var text = new StringBuilder();
            for (var n = random.Next(40); n > 0; n--)
            {
                var rune = random.Next(0x11_0000);
                if (Rune.IsValid(rune))
                {
                    text.Append(new Rune(rune).ToString());
                }
            }

            var encoded = PercentEncoding.Encode(text.ToString());
            Assert.DoesNotContain(encoded, c => c is < ' ' or > '~');
            Assert.Equal(text.ToString(), PercentEncoding.Decode(encoded));
        }
    }
}
