using System.Text.RegularExpressions;
using Grpc.Core;
using Grpc.Core.Interceptors;
using Grpc.Net.Client;
using Kpm.Server.Administration;
using Kpm.Server.Listening;
using Kpm.Server.Tests.Hosting;
using Kpm.V1;
using Microsoft.Extensions.DependencyInjection;

namespace Kpm.Server.Tests.Support;

/// <summary>An operator of support at a server's own listener for them.</summary>
internal sealed class TestOperator(SupportService.SupportServiceClient client, string name, string credential)
{
    public string Name => name;

    public string Credential => credential;

    public SupportService.SupportServiceClient Client => client;

    public Metadata Headers => new() { { "authorization", "Bearer " + credential } };

    public CallOptions Call => new(Headers);

    public async Task<SupportAccount> ViewAsync(TestDevice owner) =>
        Assert.Single((await client.FindAccountAsync(new FindAccountRequest { AccountId = owner.Account!.AccountId }, Call)).Accounts);

    public async Task<SupportCase> ProposeRegionAsync(TestDevice owner, string region, string reason = "moved house") =>
        (await client.ProposeRegionChangeAsync(SupportSteps.RegionRequest(owner, region, reason), Call)).Case;

    public async Task<SupportCase> ApproveRegionAsync(SupportCase proposed) =>
        (await client.ApproveRegionChangeAsync(new ApproveRegionChangeRequest { CaseId = proposed.CaseId }, Call)).Case;

    public async Task<SupportCase> ProposeResetAsync(TestDevice owner) =>
        (await client.ProposeTwoStepResetAsync(new ProposeTwoStepResetRequest { RequestId = SupportSteps.NewId(), AccountId = owner.Account!.AccountId, Reason = "phone lost" }, Call)).Case;

    public async Task<SupportCase> ApproveResetAsync(SupportCase proposed) =>
        (await client.ApproveTwoStepResetAsync(new ApproveTwoStepResetRequest { CaseId = proposed.CaseId }, Call)).Case;

    public async Task<SupportAccount> SuspendAsync(TestDevice owner, bool suspended = true, string reason = "fraud; reported by the bank") =>
        (await client.SuspendAccountAsync(new SuspendAccountRequest { AccountId = owner.Account!.AccountId, Suspended = suspended, Reason = reason }, Call)).Account;

    /// <summary>All events of the account, oldest first.</summary>
    public async Task<IReadOnlyList<SecurityEvent>> EventsAsync(TestDevice owner) =>
        [.. (await client.ListAuditLogAsync(new ListAuditLogRequest { AccountId = owner.Account!.AccountId, PageSize = 200 }, Call)).Events.Reverse()];

    /// <summary>The details of the account's events of a kind, oldest first.</summary>
    public async Task<IReadOnlyList<string>> DetailsAsync(TestDevice owner, SecurityEventKind kind) =>
        [.. (await EventsAsync(owner)).Where(e => e.Kind == kind).Select(e => e.Detail)];
}

internal static partial class SupportSteps
{
    public static string NewId() => Guid.CreateVersion7().ToString();

    public static ProposeRegionChangeRequest RegionRequest(TestDevice owner, string region, string reason = "moved house") =>
        new() { RequestId = NewId(), AccountId = owner.Account!.AccountId, Region = region, Reason = reason };

    /// <summary>A server with a listener for operators.</summary>
    public static Task<TestServer> StartAsync(FakeTime? time = null, Func<ServerOptions, ServerOptions>? options = null) =>
        TestServer.StartAsync(time, o => (options?.Invoke(o) ?? o) with { SupportListen = "127.0.0.1:0" });

    /// <summary>The same with jobs that do not come by: what the clock alone decides.</summary>
    public static Task<TestServer> StartWithoutJobsAsync(FakeTime time) =>
        StartAsync(time, o => o with { Limits = o.Limits with { SweepInterval = TimeSpan.FromDays(8) } });

    public static async Task<TestOperator> OperatorAsync(this TestServer server, string name)
    {
        var answer = await server.CommandAsync("operator", "add", name);
        Assert.Equal(AdminExit.Done, answer.ExitCode);
        return new TestOperator(server.Support(), name, CredentialOf(answer.Text));
    }

    public static string CredentialOf(string text) => Credential().Match(text).Value;

    public static Task<AdminAnswer> CommandAsync(this TestServer server, params string[] line) =>
        server.Services.GetRequiredService<AdminCommands>().RunAsync(line, TestContext.Current.CancellationToken);

    /// <summary>The service on its own listener; the channel lives as long as the test's process.</summary>
    public static SupportService.SupportServiceClient Support(this TestServer server) =>
        new(server.SupportChannel().Intercept(new DeadlineInterceptor()));

    public static GrpcChannel SupportChannel(this TestServer server) =>
        GrpcChannel.ForAddress($"http://{server.Services.GetRequiredService<Listeners>().Find(Listener.Support)}");

    /// <summary>The token that cancels the case, from the mail that told of it.</summary>
    public static string CancelToken(this ReceivedMail mail) => Token().Match(mail.Text).Value;

    [GeneratedRegex("kpm-operator-[A-Za-z0-9_-]{43}")]
    private static partial Regex Credential();

    [GeneratedRegex("kpm-cancel-[A-Za-z0-9_-]{43}")]
    private static partial Regex Token();
}
