using Kpm.Server.Tests.Hosting;
using Kpm.V1;

namespace Kpm.Server.Tests.Vaults;

public sealed class ListDeviceKeysTests
{
    [Fact]
    public async Task It_lists_the_directory_in_the_order_of_the_log_page_by_page()
    {
        await using var server = await TestServer.StartAsync();
        var first = await server.EnrolAsync();
        await server.FillAsync(first, 3);
        var second = await server.EnrolAsync(first.Email);
        var third = await server.EnrolAsync(first.Email);
        await server.EnrolAsync();

        var all = await server.Vault.ListDeviceKeysAsync(new ListDeviceKeysRequest(), first.Call);
        Assert.Equal([first, second, third], all.DeviceKeys.Select(k => new[] { first, second, third }.Single(d => d.Session.DeviceId.ToWire() == k.DeviceId)));
        Assert.Equal([1UL, 5, 6], all.DeviceKeys.Select(k => k.Seq));
        Assert.Equal("", all.NextPageToken);
        var log = server.Log(first).Where(c => c.Kind == OperationKind.DeviceKey).ToList();
        Assert.Equal(log.Select(c => (c.Header, c.Signature, c.Envelope)), all.DeviceKeys.Select(k => (k.Header, k.Signature, k.Entry)));
        Assert.DoesNotContain(all.DeviceKeys, k => k.Revoked);

        var paged = new List<DeviceKey>();
        var token = "";
        do
        {
            var page = await server.Vault.ListDeviceKeysAsync(new ListDeviceKeysRequest { PageSize = 2, PageToken = token }, first.Call);
            paged.AddRange(page.DeviceKeys);
            token = page.NextPageToken;
        }
        while (token.Length > 0);
        Assert.Equal(all.DeviceKeys, paged);
    }

    [Theory]
    [InlineData("x")]
    [InlineData("-1")]
    [InlineData("18446744073709551615")]
    public async Task A_token_that_is_none_is_refused(string token)
    {
        await using var server = await TestServer.StartAsync();
        var device = await server.EnrolAsync();

        var refused = await Refused.WithAsync(ErrorReason.InvalidRequest, server.Vault.ListDeviceKeysAsync(new ListDeviceKeysRequest { PageToken = token }, device.Call));
        Assert.Equal(["page_token"], refused.FieldNames);
    }
}
