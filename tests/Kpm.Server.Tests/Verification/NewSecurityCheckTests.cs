using Kpm.Server.Tests.Hosting;
using Kpm.V1;

namespace Kpm.Server.Tests.Verification;

public sealed class NewSecurityCheckTests
{
    private static readonly NewSecurityCheckRequest Picture = new() { Delivery = SecurityCheckDelivery.Picture };

    [Fact]
    public async Task A_picture_is_answered_once_and_case_and_spaces_do_not_matter()
    {
        await using var server = await TestServer.StartAsync(new FakeTime());
        using var device = new TestDevice(server.Time);
        var email = await DueAsync(server, device);

        var check = (await server.Verification.NewSecurityCheckAsync(Picture)).Check;
        var answer = new SecurityCheckAnswer { CheckId = check.CheckId, Answer = " " + string.Join(' ', server.Pictures.Read(check).ToLowerInvariant().ToCharArray()) };

        await Refused.WithAsync(ErrorReason.WrongCredentials, server.Accounts.SignInAsync(Request(device, email, answer)));
        Assert.NotNull((await server.Accounts.SignInAsync(Request(device, email, answer))).SecurityCheckRequired);
    }

    [Theory]
    [InlineData(-1, true)]
    [InlineData(0, false)]
    public async Task A_check_lives_five_minutes_and_outlives_a_restart(int seconds, bool lives)
    {
        var time = new FakeTime();
        await using var server = await TestServer.StartAsync(time);
        using var device = new TestDevice(time);
        var email = await DueAsync(server, device);
        var check = (await server.Verification.NewSecurityCheckAsync(Picture)).Check;
        var answer = new SecurityCheckAnswer { CheckId = check.CheckId, Answer = server.Pictures.Read(check) };

        time.Advance(TimeSpan.FromMinutes(5) + TimeSpan.FromSeconds(seconds));
        await server.RestartAsync();

        var call = server.Accounts.SignInAsync(Request(device, email, answer)).ResponseAsync;
        if (lives)
        {
            await Refused.WithAsync(ErrorReason.WrongCredentials, () => call);
        }
        else
        {
            Assert.NotNull((await call).SecurityCheckRequired);
        }
    }

    [Fact]
    public async Task Of_64_calls_with_one_answer_exactly_one_is_let_through()
    {
        await using var server = await TestServer.StartAsync(new FakeTime(), o => o with
        {
            Limits = o.Limits with { SecurityCheckPicturesPerClient = 100, SignInsWaitingPerAddress = 100 },
        });
        using var owner = await server.CreateActiveAsync();
        var email = owner.Account!.Email;
        for (var i = 0; i < 3; i++)
        {
            await server.FailSignInAsync(owner, email);
        }

        var check = (await server.Verification.NewSecurityCheckAsync(Picture)).Check;
        var answer = new SecurityCheckAnswer { CheckId = check.CheckId, Answer = server.Pictures.Read(check) };
        var wrong = Request(owner, email, answer);
        wrong.Password = "Wrong-Password-1";

        var evaluated = await Task.WhenAll(Enumerable.Range(0, 64).Select(async _ =>
        {
            try
            {
                return (await server.Accounts.SignInAsync(wrong)).SecurityCheckRequired is null;
            }
            catch (Grpc.Core.RpcException e)
            {
                return RefusedCall.Of(e).Info.Reason == "WRONG_CREDENTIALS";
            }
        }));

        Assert.Equal(1, evaluated.Count(e => e));
    }

    [Fact]
    public async Task A_client_gets_twenty_pictures_in_ten_minutes()
    {
        var time = new FakeTime();
        await using var server = await TestServer.StartAsync(time);
        for (var i = 0; i < 20; i++)
        {
            Assert.NotEmpty((await server.Verification.NewSecurityCheckAsync(Picture)).Check.PicturePng);
        }

        var drawn = server.Pictures.Drawn;
        var refused = await Refused.WithAsync(ErrorReason.RateLimited, server.Verification.NewSecurityCheckAsync(Picture));
        Assert.Equal(TimeSpan.FromMinutes(10), refused.RetryAfter);
        Assert.Equal(drawn, server.Pictures.Drawn);
        Assert.Equal(20, Snapshot.Rows(server.Database, "security_check"));

        time.Advance(TimeSpan.FromMinutes(10));
        Assert.NotEmpty((await server.Verification.NewSecurityCheckAsync(Picture)).Check.PicturePng);
    }

    [Fact]
    public async Task A_mailed_code_needs_an_address()
    {
        await using var server = await TestServer.StartAsync(new FakeTime());

        var refused = await Refused.WithAsync(
            ErrorReason.InvalidRequest, server.Verification.NewSecurityCheckAsync(new NewSecurityCheckRequest { Delivery = SecurityCheckDelivery.Mail }));

        Assert.Equal(["email"], refused.FieldNames);
        Assert.Equal(0, Snapshot.Rows(server.Database, "security_check"));
    }

    private static SignInRequest Request(TestDevice device, string email, SecurityCheckAnswer answer) => new(device.SignInRequest(email)) { SecurityCheck = answer };

    /// <summary>An address at which a check is due.</summary>
    private static async Task<string> DueAsync(TestServer server, TestDevice device)
    {
        var email = AccountSteps.NewEmail();
        for (var i = 0; i < 3; i++)
        {
            await server.FailSignInAsync(device, email);
        }

        return email;
    }
}
