using Grpc.Core;
using Kpm.Server.Tests.Hosting;
using Kpm.V1;
using Part = Kpm.V1.ExportAccountDataResponse;

namespace Kpm.Server.Tests.Accounts.Lifecycle;

public sealed class ExportAccountDataTests
{
    [Fact]
    public async Task Everything_comes_in_its_order_and_the_end_says_that_it_is_whole()
    {
        var time = new FakeTime();
        await using var server = await TestServer.StartAsync(time, o => o with { Limits = o.Limits with { ExportPageSize = 2 } });
        using var device = await server.CreateActiveAsync();
        for (var i = 0; i < 4; i++)
        {
            time.Advance(TimeSpan.FromSeconds(1));
            using var other = await server.SignInAsync(device.Account!.Email);
            await server.Accounts.SignOutAsync(new SignOutRequest { RequestId = LifecycleSteps.NewId() }, other.Call);
        }

        await server.Accounts.UpdateAccountAsync(new UpdateAccountRequest { RequestId = LifecycleSteps.NewId(), MarketingConsent = true, ConsentVersion = "2026-11" }, device.Call);
        await server.Accounts.UpdateAccountAsync(new UpdateAccountRequest { RequestId = LifecycleSteps.NewId(), MarketingConsent = false, ConsentVersion = "2026-11" }, device.Call);

        var parts = await ExportAsync(server, device);

        Assert.Equal(
            [
                Part.PartOneofCase.Account,
                .. Enumerable.Repeat(Part.PartOneofCase.Consent, 3),
                .. Enumerable.Repeat(Part.PartOneofCase.Device, 5),
                .. Enumerable.Repeat(Part.PartOneofCase.Session, 5),
                .. Enumerable.Repeat(Part.PartOneofCase.Event, 13),
                Part.PartOneofCase.End,
            ],
            parts.Select(p => p.PartCase));
        Assert.Equal(device.Account!.AccountId, parts[0].Account.AccountId);
        Assert.Equal([false, true, false], parts.Where(p => p.Consent is not null).Select(p => p.Consent.Given));
        Assert.Equal(["CreateAccount kpm-cli", "UpdateAccount kpm-cli", "UpdateAccount kpm-cli"], parts.Where(p => p.Consent is not null).Select(p => p.Consent.Source));
        Assert.Equal(4, parts.Count(p => p.Session?.EndedAt is not null));
        Assert.Equal(5, parts.Where(p => p.Device is not null).Select(p => p.Device.DeviceId).Distinct().Count());

        var events = parts.Where(p => p.Event is not null).Select(p => p.Event).ToList();
        Assert.Null(AuditChainReader.FirstBroken(device.AccountId, events));
        Assert.Equal(SecurityEventKind.DataExported, events[^1].Kind);
        Assert.Equal(((ulong)events.Count, events[^1].Hash), (parts[^1].End.EventCount, parts[^1].End.HeadHash));
        Assert.Equal(await server.EventsAsync(device), events);
        await server.MailedAsync(device.Account.Email, "data-exported");
    }

    [Fact]
    public async Task A_cut_export_can_be_told_from_a_whole_one()
    {
        await using var server = await TestServer.StartAsync(new FakeTime());
        using var device = await server.CreateActiveAsync();
        var parts = await ExportAsync(server, device);
        var (events, end) = (parts.Where(p => p.Event is not null).Select(p => p.Event).ToList(), parts[^1].End);

        var cut = events.SkipLast(1).ToList();

        Assert.Null(AuditChainReader.FirstBroken(device.AccountId, cut));
        Assert.NotEqual(end.EventCount, (ulong)cut.Count);
        Assert.NotEqual(end.HeadHash, cut[^1].Hash);
    }

    [Fact]
    public async Task What_happens_while_it_is_sent_is_not_in_it()
    {
        var time = new FakeTime();
        await using var server = await TestServer.StartAsync(time, o => o with { Limits = o.Limits with { ExportPageSize = 1 } });
        using var device = await server.CreateActiveAsync();
        using var call = server.Accounts.ExportAccountData(Request(), device.Call);
        Assert.True(await call.ResponseStream.MoveNext(TestContext.Current.CancellationToken));
        for (var i = 0; i < 5; i++)
        {
            await server.Accounts.RenameDeviceAsync(new RenameDeviceRequest { RequestId = LifecycleSteps.NewId(), DeviceId = device.Info.DeviceId, Name = $"Name {i}" }, device.Call);
        }

        var rest = await ReadAsync(call);

        Assert.Equal(3UL, rest[^1].End.EventCount);
        Assert.Equal([1UL, 2UL, 3UL], rest.Where(p => p.Event is not null).Select(p => p.Event.Seq));
    }

    [Fact]
    public async Task Secrets_are_not_in_it_and_it_takes_the_password()
    {
        await using var server = await TestServer.StartAsync(new FakeTime());
        using var device = await server.CreateActiveAsync();

        using var refused = server.Accounts.ExportAccountData(Request("Wrong-Password-1"), device.Call);
        await Refused.WithAsync(ErrorReason.WrongCredentials, () => ReadAsync(refused));
        Assert.DoesNotContain(SecurityEventKind.DataExported, await server.KindsAsync(device));

        var text = string.Join('\n', await ExportAsync(server, device));
        Assert.DoesNotContain("$2b$", text, StringComparison.Ordinal);
        Assert.DoesNotContain(device.Session!.AccessToken, text, StringComparison.Ordinal);
        Assert.DoesNotContain(device.Session.RefreshToken, text, StringComparison.Ordinal);
    }

    private static ExportAccountDataRequest Request(string password = AccountSteps.Password) => new() { Reauthentication = LifecycleSteps.Reauthentication(password) };

    private static async Task<List<Part>> ExportAsync(TestServer server, TestDevice device)
    {
        using var call = server.Accounts.ExportAccountData(Request(), device.Call);
        return await ReadAsync(call);
    }

    private static async Task<List<Part>> ReadAsync(AsyncServerStreamingCall<Part> call)
    {
        var parts = new List<Part>();
        while (await call.ResponseStream.MoveNext(TestContext.Current.CancellationToken))
        {
            parts.Add(call.ResponseStream.Current);
        }

        return parts;
    }
}
