using Grpc.Core;
using Grpc.Health.V1;
using Grpc.Reflection.V1;
using Kpm.Server.Administration;
using Kpm.Server.Secrets;
using Kpm.Server.Support;
using Kpm.Server.Tests.BadInput;
using Kpm.Server.Tests.Hosting;
using Kpm.V1;

namespace Kpm.Server.Tests.Support;

/// <summary>Who is an operator, and where operators are served.</summary>
public sealed class OperatorTests
{
    public static TheoryData<string> Methods() => [.. SupportServiceReflection.Descriptor.Services[0].Methods.Select(m => m.Name)];

    [Theory]
    [MemberData(nameof(Methods))]
    public async Task Without_an_operators_credential_nothing_is_served(string method)
    {
        await using var server = await SupportSteps.StartAsync();
        var maria = await server.OperatorAsync("Maria");
        using var owner = await server.CreateActiveAsync();
        var before = Snapshot.Of(server.Database);
        string?[] headers =
        [
            null, "", "Bearer", "Bearer ", "Bearer " + owner.Session!.AccessToken, "Basic " + maria.Credential, maria.Credential,
        ];

        foreach (var header in headers)
        {
            Assert.Equal("OPERATOR_INVALID", await CallAsync(server, method, header));
        }

        Assert.Equal("OPERATOR_INVALID", await CallAsync(server, method, "Bearer " + maria.Credential[..^1] + (maria.Credential[^1] == 'A' ? 'E' : 'A')));
        Assert.Equal(before["operator"], Snapshot.Of(server.Database)["operator"]);
        Assert.Equal(before["security_event"], Snapshot.Of(server.Database)["security_event"]);
        // With the credential, the empty request is looked at.
        Assert.NotEqual("OPERATOR_INVALID", await CallAsync(server, method, "Bearer " + maria.Credential));
    }

    [Fact]
    public async Task A_removed_operator_is_out_at_once_and_so_after_a_restart()
    {
        await using var server = await SupportSteps.StartAsync();
        var maria = await server.OperatorAsync("Maria");
        await maria.Client.ListSupportCasesAsync(new ListSupportCasesRequest(), maria.Call);

        Assert.Equal(AdminExit.Done, (await server.CommandAsync("operator", "remove", "Maria")).ExitCode);
        await Refused.WithAsync(ErrorReason.OperatorInvalid, maria.Client.ListSupportCasesAsync(new ListSupportCasesRequest(), maria.Call));
        var successor = await server.OperatorAsync("Maria");
        await Refused.WithAsync(ErrorReason.OperatorInvalid, maria.Client.ListSupportCasesAsync(new ListSupportCasesRequest(), maria.Call));
        await server.RestartAsync();
        await Refused.WithAsync(ErrorReason.OperatorInvalid, server.Support().ListSupportCasesAsync(new ListSupportCasesRequest(), maria.Call));
        await server.Support().ListSupportCasesAsync(new ListSupportCasesRequest(), successor.Call);
    }

    [Fact]
    public async Task The_credential_is_stored_as_a_hash_and_when_it_was_last_used()
    {
        var time = new FakeTime();
        await using var server = await SupportSteps.StartAsync(time);
        var maria = await server.OperatorAsync("Maria");
        Assert.EndsWith("  never", (await server.CommandAsync("operator", "list")).Text, StringComparison.Ordinal);

        await maria.Client.ListSupportCasesAsync(new ListSupportCasesRequest(), maria.Call);
        var first = Snapshot.Of(server.Database)["operator"];
        Assert.DoesNotContain(maria.Credential, first, StringComparison.Ordinal);
        Assert.DoesNotContain(maria.Credential, server.Logs.Text, StringComparison.Ordinal);
        time.Advance(server.Limits.OperatorSeenInterval - TimeSpan.FromMilliseconds(1));
        await maria.Client.ListSupportCasesAsync(new ListSupportCasesRequest(), maria.Call);
        Assert.Equal(first, Snapshot.Of(server.Database)["operator"]);
        time.Advance(TimeSpan.FromMilliseconds(1));
        await maria.Client.ListSupportCasesAsync(new ListSupportCasesRequest(), maria.Call);
        Assert.EndsWith("12:01 UTC", (await server.CommandAsync("operator", "list")).Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Wrong_credentials_from_a_client_have_to_wait_and_right_ones_never()
    {
        var time = new FakeTime();
        await using var server = await SupportSteps.StartAsync(time);
        var maria = await server.OperatorAsync("Maria");
        var wrong = new TestOperator(server.Support(), "Nobody", SecretToken.New(Operators.CredentialPrefix));
        var call = (TestOperator who) => who.Client.ListSupportCasesAsync(new ListSupportCasesRequest(), who.Call);
        for (var i = 0; i < server.Limits.SignInFailuresBeforeDelay; i++)
        {
            await Refused.WithAsync(ErrorReason.OperatorInvalid, call(wrong));
        }

        await Refused.WithAsync(ErrorReason.RateLimited, call(wrong));
        await call(maria);
        time.Advance(server.Limits.SignInFirstDelay - TimeSpan.FromMilliseconds(1));
        await Refused.WithAsync(ErrorReason.RateLimited, call(wrong));
        time.Advance(TimeSpan.FromMilliseconds(1));
        await Refused.WithAsync(ErrorReason.OperatorInvalid, call(wrong));
        Assert.DoesNotContain(wrong.Credential, server.Logs.Text, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Methods))]
    public async Task The_public_listener_does_not_have_the_service(string method)
    {
        await using var server = await SupportSteps.StartAsync();
        var maria = await server.OperatorAsync("Maria");
        var rpc = SupportServiceReflection.Descriptor.Services[0].FindMethodByName(method);

        var outcome = await new RawClient(server.Channel.CreateCallInvoker()).CallAsync(rpc, [], maria.Credential, TestContext.Current.CancellationToken);

        Assert.Equal(StatusCode.Unimplemented, outcome.Code);
    }

    [Fact]
    public async Task The_public_listener_has_it_where_it_was_told_to_and_nowhere_without_either_option()
    {
        await using var server = await TestServer.StartAsync(options: o => o with { SupportPublic = true });
        var credential = SupportSteps.CredentialOf((await server.CommandAsync("operator", "add", "Maria")).Text);
        var headers = new Metadata { { "authorization", "Bearer " + credential } };
        await new SupportService.SupportServiceClient(server.Invoker).ListSupportCasesAsync(new ListSupportCasesRequest(), headers);

        await server.RestartAsync(o => o with { SupportPublic = false });

        var refusal = await Assert.ThrowsAsync<RpcException>(() => new SupportService.SupportServiceClient(server.Invoker).ListSupportCasesAsync(new ListSupportCasesRequest(), headers).ResponseAsync);
        Assert.Equal(StatusCode.Unimplemented, refusal.StatusCode);
    }

    [Fact]
    public async Task The_operators_listener_serves_operators_health_and_reflection_and_nothing_else()
    {
        await using var server = await SupportSteps.StartAsync();
        using var channel = server.SupportChannel();

        Assert.Equal(HealthCheckResponse.Types.ServingStatus.Serving, (await new Health.HealthClient(channel).CheckAsync(new HealthCheckRequest())).Status);
        using var reflection = new ServerReflection.ServerReflectionClient(channel).ServerReflectionInfo();
        await reflection.RequestStream.WriteAsync(new ServerReflectionRequest { ListServices = "" });
        Assert.True(await reflection.ResponseStream.MoveNext(TestContext.Current.CancellationToken));
        Assert.Contains(reflection.ResponseStream.Current.ListServicesResponse.Service, s => s.Name == "kpm.v1.SupportService");
        foreach (var rpc in Rpcs.All.Where(m => m.Service.Name != "SupportService"))
        {
            var outcome = await new RawClient(channel.CreateCallInvoker()).CallAsync(rpc, [], (string?)null, TestContext.Current.CancellationToken);
            Assert.True(outcome.Code == StatusCode.Unimplemented, $"{rpc.FullName}: {outcome}");
        }

        using var browser = new HttpClient { DefaultRequestVersion = new Version(2, 0), DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact };
        Assert.Equal(System.Net.HttpStatusCode.NotFound, (await browser.GetAsync(new Uri($"http://{channel.Target}/activate"))).StatusCode);
    }

    [Theory]
    [InlineData("M", true)]
    [InlineData("Mária Łukasz-Huber_2.", true)]
    [InlineData("ユキ", true)]
    [InlineData("", false)]
    [InlineData(" Maria", false)]
    [InlineData("Maria ", false)]
    [InlineData("-Maria", false)]
    [InlineData("Maria; operator=Ivan", false)]
    [InlineData("Maria=", false)]
    [InlineData("Maria\n", false)]
    [InlineData("Mar\ud800ia", false)]
    public void A_name_is_of_letters_digits_and_a_few_signs(string name, bool fits) => Assert.Equal(fits, OperatorName.TryParse(name, out _));

    [Theory]
    [InlineData(40, true)]
    [InlineData(41, false)]
    public void A_name_has_at_most_40_characters(int characters, bool fits) => Assert.Equal(fits, OperatorName.TryParse(string.Concat(Enumerable.Repeat("𝔐", characters)), out _));

    /// <summary>The reason of the refusal of an empty request; OK for none.</summary>
    private static async Task<string> CallAsync(TestServer server, string method, string? authorization)
    {
        var rpc = SupportServiceReflection.Descriptor.Services[0].FindMethodByName(method);
        var headers = authorization is null ? [] : new Metadata { { "authorization", authorization } };
        var outcome = await new RawClient(ConformanceInterceptor.On(server.SupportChannel())).CallAsync(rpc, Array.Empty<byte>(), headers, TestContext.Current.CancellationToken);
        return outcome.Reason ?? "OK";
    }
}
