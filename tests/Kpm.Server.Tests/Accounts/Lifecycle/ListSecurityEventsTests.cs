using Dapper;
using Kpm.Server.Tests.Hosting;
using Kpm.V1;

namespace Kpm.Server.Tests.Accounts.Lifecycle;

public sealed class ListSecurityEventsTests
{
    [Fact]
    public async Task What_happened_stands_there_in_order_and_the_chain_can_be_recomputed()
    {
        var time = new FakeTime();
        await using var server = await TestServer.StartAsync(time);
        using var device = await EventfulAsync(server, time);

        var events = await server.EventsAsync(device, pageSize: 2);

        Assert.Equal(
            [
                SecurityEventKind.AccountCreated, SecurityEventKind.AccountActivated, SecurityEventKind.DeviceLinked, SecurityEventKind.DeviceRenamed,
                SecurityEventKind.SignedOut, SecurityEventKind.SignedIn, SecurityEventKind.DeviceRevoked, SecurityEventKind.SettingsChanged, SecurityEventKind.PasswordChanged,
            ],
            events.Select(e => e.Kind));
        Assert.Equal(Enumerable.Range(1, events.Count).Select(i => (ulong)i), events.Select(e => e.Seq));
        Assert.Null(AuditChainReader.FirstBroken(device.AccountId, events));
    }

    [Fact]
    public async Task Whatever_is_changed_in_an_event_breaks_the_chain_there()
    {
        var time = new FakeTime();
        await using var server = await TestServer.StartAsync(time);
        using var device = await EventfulAsync(server, time);
        var events = await server.EventsAsync(device);
        Action<SecurityEvent>[] tampers =
        [
            e => e.Detail += "x",
            e => e.Detail = "",
            e => e.DeviceId = LifecycleSteps.NewId(),
            e => e.DeviceId = "",
            e => e.Kind = SecurityEventKind.AccountViewed,
            e => e.Actor = Actor.Operator,
            e => e.Time = Google.Protobuf.WellKnownTypes.Timestamp.FromDateTimeOffset(e.Time.ToDateTimeOffset() + TimeSpan.FromMilliseconds(1)),
            e => e.Seq++,
        ];

        for (var at = 0; at < events.Count; at++)
        {
            foreach (var tamper in tampers)
            {
                var changed = events.Select(e => e.Clone()).ToList();
                tamper(changed[at]);
                if (!changed[at].Equals(events[at]))
                {
                    Assert.Equal((ulong)at + 1, AuditChainReader.FirstBroken(device.AccountId, changed));
                }
            }

            if (at < events.Count - 1)
            {
                Assert.Equal((ulong)at + 1, AuditChainReader.FirstBroken(device.AccountId, events.Where((_, i) => i != at)));
            }
        }

        Assert.Equal(1UL, AuditChainReader.FirstBroken(Guid.CreateVersion7(), events));
    }

    [Fact]
    public async Task Whoever_can_write_the_database_can_not_change_the_past_unseen()
    {
        var time = new FakeTime();
        await using var server = await TestServer.StartAsync(time);
        using var device = await EventfulAsync(server, time);
        await server.Database.WriteAsync(c => c.Execute("UPDATE security_event SET detail = 'method=nothing' WHERE seq = 3"), TestContext.Current.CancellationToken);

        Assert.Equal(3UL, AuditChainReader.FirstBroken(device.AccountId, await server.EventsAsync(device)));
    }

    [Fact]
    public async Task Nobody_sees_the_events_of_another_account()
    {
        await using var server = await TestServer.StartAsync(new FakeTime());
        using var device = await server.CreateActiveAsync();
        using var stranger = await server.CreateActiveAsync();
        var page = await server.Accounts.ListSecurityEventsAsync(new ListSecurityEventsRequest { PageSize = 1 }, device.Call);

        var refused = await Refused.WithAsync(
            ErrorReason.InvalidRequest, server.Accounts.ListSecurityEventsAsync(new ListSecurityEventsRequest { PageToken = page.NextPageToken }, stranger.Call));

        Assert.Equal(["page_token"], refused.FieldNames);
        Assert.All(await server.EventsAsync(stranger), e => Assert.NotEqual(device.Info.DeviceId, e.DeviceId));
    }

    [Fact]
    public async Task Neither_secrets_nor_addresses_stand_in_an_event()
    {
        var time = new FakeTime();
        await using var server = await TestServer.StartAsync(time);
        using var device = await EventfulAsync(server, time);

        Assert.All(await server.EventsAsync(device), e =>
        {
            Assert.DoesNotContain("@", e.Detail, StringComparison.Ordinal);
            Assert.DoesNotContain(AccountSteps.Password, e.Detail, StringComparison.Ordinal);
            Assert.DoesNotContain("kpm-", e.Detail, StringComparison.Ordinal);
        });
    }

    private static async Task<TestDevice> EventfulAsync(TestServer server, FakeTime time)
    {
        var device = await server.CreateActiveAsync();
        using var other = await server.SignInAsync(device.Account!.Email);
        time.Advance(TimeSpan.FromSeconds(1));
        await server.Accounts.RenameDeviceAsync(new RenameDeviceRequest { RequestId = LifecycleSteps.NewId(), DeviceId = other.Info.DeviceId, Name = "Other" }, device.Call);
        await server.Accounts.SignOutAsync(new SignOutRequest { RequestId = LifecycleSteps.NewId() }, other.Call);
        await server.SignInAsync(device.Account.Email, other);
        await server.Accounts.RevokeDeviceAsync(new RevokeDeviceRequest { RequestId = LifecycleSteps.NewId(), DeviceId = other.Info.DeviceId }, device.Call);
        await server.Accounts.UpdateAccountAsync(new UpdateAccountRequest { RequestId = LifecycleSteps.NewId(), Language = "en" }, device.Call);
        await server.Accounts.ChangePasswordAsync(
            new ChangePasswordRequest
            {
                RequestId = LifecycleSteps.NewId(),
                Reauthentication = LifecycleSteps.Reauthentication(),
                NewPassword = LifecycleSteps.NewPassword,
                NewPasswordConfirmation = LifecycleSteps.NewPassword,
            },
            device.Call);
        return device;
    }
}
