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

    [Fact]
    public async Task A_mailed_code_serves_the_address_that_it_was_mailed_to_and_no_other()
    {
        await using var server = await TestServer.StartAsync(new FakeTime());
        using var owner = await server.CreateActiveAsync();
        using var device = new TestDevice(server.Time);
        var email = owner.Account!.Email;
        var other = await DueAsync(server, device);
        for (var i = 0; i < 3; i++)
        {
            await server.FailSignInAsync(device, email);
        }

        var check = (await server.Verification.NewSecurityCheckAsync(Mailed(email.ToUpperInvariant()))).Check;
        var mail = await server.Mails.WaitAsync(email.ToUpperInvariant());

        Assert.Empty(check.PicturePng);
        Assert.Empty(check.Alphabet);
        Assert.Equal(6, check.Length);
        Assert.Equal(6, mail.Code.Length);
        Assert.Contains("Code", mail.Text, StringComparison.Ordinal);
        Assert.NotNull((await server.Accounts.SignInAsync(Request(device, other, new SecurityCheckAnswer { CheckId = check.CheckId, Answer = mail.Code }))).SecurityCheckRequired);
        // That was its one try.
        Assert.NotNull((await server.Accounts.SignInAsync(Request(device, email, new SecurityCheckAnswer { CheckId = check.CheckId, Answer = mail.Code }))).SecurityCheckRequired);

        server.Clock.Advance(TimeSpan.FromMinutes(1));
        check = (await server.Verification.NewSecurityCheckAsync(Mailed(email))).Check;
        mail = await server.Mails.WaitAsync(email, 2);
        Assert.NotNull((await server.Accounts.SignInAsync(Request(device, email, new SecurityCheckAnswer { CheckId = check.CheckId, Answer = mail.Code }))).SignedIn);
    }

    [Fact]
    public async Task A_code_is_mailed_whether_or_not_an_account_holds_the_address_once_a_minute_and_six_times_a_day()
    {
        var time = new FakeTime();
        await using var server = await TestServer.StartAsync(time);
        var email = AccountSteps.NewEmail();
        for (var i = 0; i < 6; i++)
        {
            Assert.NotNull((await server.Verification.NewSecurityCheckAsync(Mailed(email))).Check);
            var soon = await Refused.WithAsync(ErrorReason.RateLimited, server.Verification.NewSecurityCheckAsync(Mailed(email)));
            Assert.Equal(i == 5 ? TimeSpan.FromDays(1) - TimeSpan.FromMinutes(5) : TimeSpan.FromMinutes(1), soon.RetryAfter);
            await server.Mails.WaitAsync(email, i + 1);
            time.Advance(TimeSpan.FromMinutes(1));
        }

        // The client is counted as the address is.
        await Refused.WithAsync(ErrorReason.RateLimited, server.Verification.NewSecurityCheckAsync(Mailed(AccountSteps.NewEmail())));
        time.Advance(TimeSpan.FromDays(1) - TimeSpan.FromMinutes(6));
        Assert.NotNull((await server.Verification.NewSecurityCheckAsync(Mailed(email))).Check);
    }

    private static NewSecurityCheckRequest Mailed(string email) => new() { Delivery = SecurityCheckDelivery.Mail, Email = email, Language = "de" };

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
