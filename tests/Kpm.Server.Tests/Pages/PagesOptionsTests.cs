using System.Net;
using Kpm.Server.Pages;

namespace Kpm.Server.Tests.Pages;

public sealed class PagesOptionsTests
{
    [Theory]
    [InlineData("", "127.0.0.1:5080", false, "127.0.0.1:5081")]
    [InlineData("", "127.0.0.1:0", false, "127.0.0.1:0")]
    [InlineData("", "127.0.0.1:65535", false, "127.0.0.1:0")]
    [InlineData("", "0.0.0.0:443", true, null)]
    [InlineData("127.0.0.1:8080", "0.0.0.0:443", true, "127.0.0.1:8080")]
    [InlineData("off", "127.0.0.1:5080", false, null)]
    public void Unless_told_pages_are_on_the_next_port_or_share_the_one_with_TLS(string pages, string main, bool tls, string? expected) =>
        Assert.Equal(expected, new PagesOptions { Listen = pages }.EndPoint(IPEndPoint.Parse(main), tls)?.ToString());

    [Theory]
    [InlineData("nonsense", "", "--pages \"nonsense\" is not an address")]
    [InlineData("0.0.0.0:5081", "", "--allow-cleartext")]
    [InlineData("", "accounts.example.org", "is not a web address")]
    [InlineData("", "ftp://accounts.example.org", "is not a web address")]
    [InlineData("", "https://user@accounts.example.org", "is not a web address")]
    [InlineData("", "https://accounts.example.org/?x=1", "is not a web address")]
    [InlineData("", "http://accounts.example.org", "is not https")]
    [InlineData("off", "https://accounts.example.org", "--pages is off")]
    public void Options_that_can_not_be_are_refused(string listen, string url, string says)
    {
        var refusal = Assert.Throws<StartException>(() => new ServerOptions { Pages = new PagesOptions { Listen = listen, Url = url } }.Validate());

        Assert.Contains(says, refusal.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("", "https://accounts.example.org/kpm")]
    [InlineData("", "http://localhost:8080")]
    [InlineData("127.0.0.1:0", "")]
    public void Good_options_are_taken(string listen, string url) => new ServerOptions { Pages = new PagesOptions { Listen = listen, Url = url } }.Validate();
}
