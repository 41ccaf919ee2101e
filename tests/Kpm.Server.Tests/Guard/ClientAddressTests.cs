using System.Net;
using Grpc.Core;
using Kpm.Server.Rpc;
using Kpm.Server.Tests.Hosting;
using Kpm.V1;

namespace Kpm.Server.Tests.Guard;

/// <summary>Where a call comes from, directly and behind proxies. The tests' own connections come from 127.0.0.1.</summary>
public sealed class ClientAddressTests
{
    [Theory]
    [InlineData("192.0.2.7", "192.0.2.7")]
    [InlineData("::ffff:192.0.2.7", "192.0.2.7")]
    [InlineData("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64")]
    [InlineData("2001:db8:1:2:ffff:ffff:ffff:ffff", "2001:db8:1:2::/64")]
    [InlineData("2001:db8:1:3::1", "2001:db8:1:3::/64")]
    [InlineData(null, "local")]
    public void An_IPv6_client_is_its_64(string? address, string network) =>
        Assert.Equal(network, ClientAddresses.NetworkOf(address is null ? null : IPAddress.Parse(address)));

    /// <param name="proxies">The configured ones.</param>
    /// <param name="first">What the header says while failures are counted.</param>
    /// <param name="second">What it says at the attempt after them.</param>
    /// <param name="same">Both are the same client.</param>
    [Theory]
    // Without proxies, or on a connection of somebody else, the header is a claim.
    [InlineData("", "198.51.100.1", "198.51.100.2", true)]
    [InlineData("10.0.0.0/8", "198.51.100.1", "198.51.100.2", true)]
    // From a proxy it counts,
    [InlineData("127.0.0.1", "198.51.100.1", "198.51.100.2", false)]
    [InlineData("127.0.0.0/8", "198.51.100.1", "198.51.100.1", true)]
    // but only what the proxy itself wrote: the rightmost entry.
    [InlineData("127.0.0.1", "203.0.113.1, 198.51.100.1", "203.0.113.2, 198.51.100.1", true)]
    [InlineData("127.0.0.1", "203.0.113.1, 198.51.100.1", "203.0.113.1, 198.51.100.2", false)]
    // A chain of proxies is followed up to the first stranger.
    [InlineData("127.0.0.1 10.0.0.0/8", "203.0.113.1, 198.51.100.1, 10.1.1.1", "203.0.113.9, 198.51.100.1, 10.2.2.2", true)]
    [InlineData("127.0.0.1 10.0.0.0/8", "198.51.100.1, 10.1.1.1", "198.51.100.2, 10.1.1.1", false)]
    // Addresses of one /64 are one client.
    [InlineData("127.0.0.1", "2001:db8::1", "2001:db8::2", true)]
    [InlineData("127.0.0.1", "2001:db8::1", "2001:db8:0:1::1", false)]
    // What is no address is not followed.
    [InlineData("127.0.0.1", "198.51.100.1, nonsense", "198.51.100.2, rubbish", true)]
    public async Task Failures_count_for_the_client_that_a_trusted_proxy_names(string proxies, string first, string second, bool same)
    {
        await using var server = await TestServer.StartAsync(new FakeTime(), o => o with { Proxies = proxies.Split(' ', StringSplitOptions.RemoveEmptyEntries) });
        using var device = new TestDevice(server.Time);
        for (var i = 0; i < 20; i++)
        {
            await Refused.WithAsync(ErrorReason.WrongCredentials, server.Accounts.SignInAsync(device.SignInRequest(AccountSteps.NewEmail()), From(first)));
        }

        var attempt = server.Accounts.SignInAsync(device.SignInRequest(AccountSteps.NewEmail()), From(second));

        if (same)
        {
            Assert.NotNull((await attempt).SecurityCheckRequired);
        }
        else
        {
            await Refused.WithAsync(ErrorReason.WrongCredentials, attempt);
        }
    }

    [Fact]
    public void Proxies_are_read_from_the_configuration_and_held_against_their_form()
    {
        var options = CommandLine.Read(["--Kpm:Proxies:0", "10.0.0.7", "--Kpm:Proxies:1", "fd00::/8"]);
        Assert.Equal(["10.0.0.7", "fd00::/8"], options.Proxies);

        var refused = Assert.Throws<StartException>(() => CommandLine.Read(["--Kpm:Proxies:0", "proxy.example.org"]));
        Assert.Equal("Kpm:Proxies has \"proxy.example.org\", which is neither an address nor a network. Write it like 10.0.0.7, 10.0.0.0/24 or fd00::/8.", refused.Message);
    }

    private static Metadata From(string addresses) => new() { { "x-forwarded-for", addresses } };
}
