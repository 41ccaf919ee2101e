using Kpm.Server.Messaging;
using Kpm.Server.Messaging.Sms;
using Kpm.Server.Tests.Hosting;
using Kpm.Server.Tests.Storage;

namespace Kpm.Server.Tests.Messaging.Sms;

public sealed class SmsDeliveryTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private string TokenFile()
    {
        File.WriteAllText(_folder.File("token"), "auth-token\n");
        return _folder.File("token");
    }

    private Func<ServerOptions, ServerOptions> Twilio(string url, Func<SmsOptions, SmsOptions>? more = null) => o =>
    {
        var sms = new SmsOptions { Sender = "twilio", TwilioUrl = url, TwilioAccountSid = "AC0123", TwilioAuthTokenFile = TokenFile(), From = "+15005550006" };
        return o with { Sms = more?.Invoke(sms) ?? sms };
    };

    [Fact]
    public async Task Twilio_gets_number_sender_and_text_and_the_queue_keeps_nothing()
    {
        await using var carrier = await CarrierStub.StartAsync();
        await using var server = await TestServer.StartAsync(new FakeTime(), Twilio(carrier.Url));
        using var device = await server.CreateActiveAsync();
        var number = TwoStepSteps.NewNumber();

        await server.StartPhoneAsync(device, number);

        var call = await carrier.WaitAsync();
        Assert.Equal("/2010-04-01/Accounts/AC0123/Messages.json", call.Path);
        Assert.Equal("AC0123:auth-token", call.Login);
        Assert.StartsWith("application/x-www-form-urlencoded", call.ContentType, StringComparison.Ordinal);
        Assert.Equal(["Body", "From", "To"], call.Form.Keys.Order(StringComparer.Ordinal));
        Assert.Equal(number, call.Form["To"]);
        Assert.Equal("+15005550006", call.Form["From"]);
        Assert.Matches("[0-9]{6}", call.Form["Body"]);
        await Eventually.TrueAsync(() => Snapshot.Rows(server.Database, "sms") == 0);
        Assert.Single(carrier.Calls);
    }

    [Fact]
    public async Task A_messaging_service_and_an_API_key_stand_in_for_sender_and_account()
    {
        await using var carrier = await CarrierStub.StartAsync();
        await using var server = await TestServer.StartAsync(
            new FakeTime(), Twilio(carrier.Url, s => s with { From = "", TwilioMessagingServiceSid = "MG0123", TwilioApiKeySid = "SK0123" }));
        using var device = await server.CreateActiveAsync();

        await server.StartPhoneAsync(device, TwoStepSteps.NewNumber());

        var call = await carrier.WaitAsync();
        Assert.Equal("SK0123:auth-token", call.Login);
        Assert.Equal("MG0123", call.Form["MessagingServiceSid"]);
        Assert.DoesNotContain("From", call.Form.Keys);
    }

    [Theory]
    [InlineData(429, """{"code":20429,"message":"Too many requests +436601234567","status":429}""")]
    [InlineData(503, "<html>maintenance</html>")]
    [InlineData(401, """{"code":20003,"message":"Authenticate","status":401}""")]
    [InlineData(302, "")]
    [InlineData(400, """{"code":"text","message":"odd"}""")]
    public async Task What_may_pass_is_tried_again(int status, string body)
    {
        await using var carrier = await CarrierStub.StartAsync();
        carrier.Answers.Enqueue((status, body));
        await using var server = await TestServer.StartAsync(new FakeTime(), Twilio(carrier.Url));
        using var device = await server.CreateActiveAsync();
        var number = TwoStepSteps.NewNumber();
        await server.StartPhoneAsync(device, number);
        await Eventually.TrueAsync(() => server.Logs.Lines.Any(l => l.Id == 3001));
        Assert.Equal(1, Snapshot.Rows(server.Database, "sms"));

        // In steps: the delivery may be about to set its timer when the clock moves.
        await Eventually.TrueAsync(() =>
        {
            server.Clock.Advance(TimeSpan.FromMilliseconds(500));
            return carrier.Calls.Count == 2;
        });

        await Eventually.TrueAsync(() => Snapshot.Rows(server.Database, "sms") == 0);
        Assert.Equal(carrier.Calls.First().Form["Body"], carrier.Calls.Last().Form["Body"]);
        Assert.DoesNotContain(number[1..], server.Logs.Text, StringComparison.Ordinal);
        Assert.DoesNotContain("6601234567", server.Logs.Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(21211)]
    [InlineData(21408)]
    [InlineData(21610)]
    [InlineData(21614)]
    public async Task What_is_wrong_with_the_number_is_not_tried_again(int error)
    {
        await using var carrier = await CarrierStub.StartAsync();
        carrier.Answers.Enqueue((400, $$"""{"code":{{error}},"message":"The 'To' number is not valid","status":400}"""));
        await using var server = await TestServer.StartAsync(new FakeTime(), Twilio(carrier.Url));
        using var device = await server.CreateActiveAsync();

        await server.StartPhoneAsync(device, TwoStepSteps.NewNumber());

        await Eventually.TrueAsync(() => server.Logs.Lines.Any(l => l.Id == 3003));
        await Eventually.TrueAsync(() => Snapshot.Rows(server.Database, "sms") == 0);
        Assert.Single(carrier.Calls);
    }

    [Fact]
    public async Task A_message_outlives_a_restart_but_not_its_code()
    {
        await using var carrier = await CarrierStub.StartAsync();
        for (var i = 0; i < 2; i++)
        {
            carrier.Answers.Enqueue((503, ""));
        }

        await using var server = await TestServer.StartAsync(new FakeTime(), Twilio(carrier.Url));
        using var device = await server.CreateActiveAsync();
        await server.StartPhoneAsync(device, TwoStepSteps.NewNumber());
        await Eventually.TrueAsync(() => server.Logs.Lines.Count(l => l.Id == 3001) == 1);
        await server.StopAsync();
        server.Clock.Advance(TimeSpan.FromMinutes(1));
        await server.RestartAsync();
        // The carrier is down still, and comes back too late.
        await Eventually.TrueAsync(() => server.Logs.Lines.Count(l => l.Id == 3001) == 2);
        await server.StopAsync();
        server.Clock.Advance(TimeSpan.FromMinutes(4));
        await server.RestartAsync();

        await Eventually.TrueAsync(() => server.Logs.Lines.Any(l => l.Id == 3002));
        await Eventually.TrueAsync(() => Snapshot.Rows(server.Database, "sms") == 0);
        Assert.Equal(2, carrier.Calls.Count);
    }

    /// <summary>70 characters in UCS-2; a longer one would be sent, and paid for, in parts.</summary>
    [Fact]
    public void In_every_language_the_text_is_one_message()
    {
        var templates = new MailTemplates(new MailOptions());
        var values = new Dictionary<string, string>(StringComparer.Ordinal) { ["code"] = "12345678", ["minutes"] = "5" };

        Assert.Contains("ru", MailTemplates.Languages);
        Assert.All(MailTemplates.Languages, language =>
        {
            var line = templates.RenderLine("sms", language, values);
            Assert.InRange(line.Length, 20, 70);
            Assert.Contains("12345678", line, StringComparison.Ordinal);
        });
    }

    [Fact]
    public async Task The_folders_files_are_for_their_owner_only()
    {
        await using var server = await TestServer.StartAsync(new FakeTime());
        using var device = await server.CreateActiveAsync();
        var number = TwoStepSteps.NewNumber();
        await server.StartPhoneAsync(device, number);
        await server.Sms.WaitAsync(number);

        if (!OperatingSystem.IsWindows())
        {
            var file = Assert.Single(Directory.EnumerateFiles(server.Options.SmsFolder));
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file));
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(server.Options.SmsFolder));
        }
    }

    [Theory]
    [InlineData("carrier-pigeon", "", "", "", "must be folder, twilio or kannel")]
    [InlineData("twilio", "http://api.example.com", "AC1", "+1500", "clear text")]
    [InlineData("twilio", "ftp://127.0.0.1", "AC1", "+1500", "not an http or https address")]
    [InlineData("twilio", "https://user:pw@api.example.com", "AC1", "+1500", "not an http or https address")]
    [InlineData("twilio", "https://api.example.com", "", "+1500", "TwilioAccountSid")]
    [InlineData("twilio", "https://api.example.com", "AC1/../x", "+1500", "TwilioAccountSid")]
    [InlineData("twilio", "https://api.example.com", "AC1", "", "TwilioMessagingServiceSid")]
    [InlineData("folder", "", "", "a name that is too long", "is no sender")]
    [InlineData("folder", "", "", "x&to=1", "is no sender")]
    public void Options_that_can_not_be_are_refused_at_the_start(string sender, string url, string sid, string from, string message)
    {
        var options = new SmsOptions { Sender = sender, TwilioUrl = url, TwilioAccountSid = sid, From = from, TwilioAuthTokenFile = TokenFile() };

        Assert.Contains(message, Assert.Throws<StartException>(options.Validate).Message, StringComparison.Ordinal);
        Assert.Throws<StartException>((new SmsOptions { Sender = "twilio", TwilioAccountSid = "AC1", From = "+1", TwilioAuthTokenFile = _folder.File("none") }).Validate);
        Assert.Throws<StartException>((new SmsOptions { Sender = "kannel", KannelUrl = "http://127.0.0.1:1", KannelPasswordFile = TokenFile() }).Validate);
        (new SmsOptions { Sender = "kannel", KannelUrl = "http://127.0.0.1:1", KannelUser = "kpm", KannelPasswordFile = TokenFile() }).Validate();
    }
}
