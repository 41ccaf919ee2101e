using Kpm.Server.Verification.TwoStep;
using Kpm.V1;

namespace Kpm.Server.Tests.Hosting;

/// <summary>An authenticator app on the test's clock.</summary>
internal sealed class TestAuthenticator(string secret, TimeProvider time)
{
    private readonly byte[] _secret = SimpleBase.Base32.Rfc4648.Decode(secret);

    /// <summary>What the app shows, so many steps from now.</summary>
    public string Code(int steps = 0) => OneTimePasswords.Code(_secret, OneTimePasswords.Step(time.GetUtcNow()) + steps, OneTimePasswords.Digits);

    public SecondFactor Factor(int steps = 0) => new() { AuthenticatorCode = Code(steps) };

    /// <summary>A code that is none of the accepted ones.</summary>
    public string WrongCode()
    {
        string[] right = [Code(-1), Code(), Code(1)];
        return Enumerable.Range(0, 4).Select(i => i.ToString("D6", System.Globalization.CultureInfo.InvariantCulture)).First(c => !right.Contains(c, StringComparer.Ordinal));
    }
}

/// <summary>The steps of two-step verification that most of its tests begin with.</summary>
internal static class TwoStepSteps
{
    public static readonly TimeSpan Step = TimeSpan.FromSeconds(OneTimePasswords.StepSeconds);

    private static int _numbers;

    public static string NewNumber() => "+4366012" + Interlocked.Increment(ref _numbers).ToString("D6", System.Globalization.CultureInfo.InvariantCulture);

    public static Reauthentication Reauthenticate(SecondFactor? factor = null)
    {
        var proof = new Reauthentication { Password = AccountSteps.Password };
        if (factor is not null)
        {
            proof.SecondFactor = factor;
        }

        return proof;
    }

    /// <summary>Turns an authenticator on; the clock has moved one step on, so that its next code is fresh.</summary>
    public static async Task<(TestAuthenticator App, IReadOnlyList<string> RecoveryCodes)> AddAuthenticatorAsync(this TestServer server, TestDevice device, SecondFactor? factor = null)
    {
        var started = await server.Verification.StartAuthenticatorAsync(new StartAuthenticatorRequest { Reauthentication = Reauthenticate(factor) }, device.Call);
        var app = new TestAuthenticator(started.Secret, server.Time);
        var confirmed = await server.Verification.ConfirmAuthenticatorAsync(new ConfirmAuthenticatorRequest { Ticket = started.Ticket, Code = app.Code() }, device.Call);
        server.Clock.Advance(Step);
        return (app, confirmed.RecoveryCodes);
    }

    /// <summary>Turns codes by SMS on.</summary>
    public static async Task<IReadOnlyList<string>> AddPhoneAsync(this TestServer server, TestDevice device, string number, SecondFactor? factor = null)
    {
        var messages = server.Sms.To(number).Count;
        var started = await server.StartPhoneAsync(device, number, factor);
        var code = (await server.Sms.WaitAsync(number, messages + 1)).Code;
        return (await server.Verification.ConfirmPhoneAsync(new ConfirmPhoneRequest { Ticket = started.Ticket, Code = code }, device.Call)).RecoveryCodes;
    }

    /// <summary>Reads the picture where one is demanded.</summary>
    public static async Task<PhoneStarted> StartPhoneAsync(this TestServer server, TestDevice device, string number, SecondFactor? factor = null)
    {
        var request = new StartPhoneRequest { Phone = number, Reauthentication = Reauthenticate(factor) };
        var response = await server.Verification.StartPhoneAsync(request, device.Call);
        if (response.SecurityCheckRequired is { } required)
        {
            request.SecurityCheck = server.Pictures.Answer(required);
            response = await server.Verification.StartPhoneAsync(request, device.Call);
        }

        return response.Started;
    }

    /// <summary>The first step of a sign-in with a second one due.</summary>
    public static async Task<TwoStepRequired> FirstStepAsync(this TestServer server, TestDevice device, string email, string trustedDeviceToken = "")
    {
        var response = await server.Accounts.SignInAsync(new SignInRequest { Email = email, Password = AccountSteps.Password, Device = device.Info, TrustedDeviceToken = trustedDeviceToken });
        Assert.Equal(SignInResponse.OutcomeOneofCase.TwoStepRequired, response.OutcomeCase);
        return response.TwoStepRequired;
    }

    public static async Task<CompleteTwoStepResponse> SecondStepAsync(this TestServer server, TestDevice device, string ticket, SecondFactor factor, bool trust = false)
    {
        var response = await server.Verification.CompleteTwoStepAsync(new CompleteTwoStepRequest { Ticket = ticket, SecondFactor = factor, TrustDevice = trust });
        device.Account = response.SignedIn.Account;
        device.Session = response.SignedIn.Session;
        return response;
    }

    /// <summary>Sends a code for a sign-in's ticket, reading the picture where one is demanded.</summary>
    public static async Task<CodeSent> SendCodeAsync(this TestServer server, string ticket, TestDevice? device = null)
    {
        var request = new SendSignInCodeRequest { Ticket = ticket };
        var options = device?.Call ?? default;
        var response = await server.Verification.SendSignInCodeAsync(request, options);
        if (response.SecurityCheckRequired is { } required)
        {
            request.SecurityCheck = server.Pictures.Answer(required);
            response = await server.Verification.SendSignInCodeAsync(request, options);
        }

        return response.Sent;
    }

    public static Task<GetTwoStepSettingsResponse> SettingsAsync(this TestServer server, TestDevice device) =>
        server.Verification.GetTwoStepSettingsAsync(new GetTwoStepSettingsRequest(), device.Call).ResponseAsync;

    /// <summary>Both steps, with the app's next code.</summary>
    public static async Task SignInWithAsync(this TestServer server, TestDevice device, TestAuthenticator app)
    {
        server.Clock.Advance(Step);
        var step = await server.FirstStepAsync(device, device.Account!.Email);
        await server.SecondStepAsync(device, step.Ticket, app.Factor());
    }
}
