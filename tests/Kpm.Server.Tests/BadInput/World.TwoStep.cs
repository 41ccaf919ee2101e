using System.Globalization;
using Kpm.Server.Tests.Hosting;
using Kpm.V1;
using TestDevice = Kpm.Server.Tests.Faults.TestDevice;

namespace Kpm.Server.Tests.BadInput;

/// <summary>Valid requests of re-authentication and two-step verification.</summary>
public sealed partial class World
{
    /// <summary>Behind it stands the reason that a request is refused with although every field is good, since nothing live can be had for it in advance.</summary>
    internal const char RefusedWith = '#';

    private static int _numbers;

    private Dictionary<string, Func<CancellationToken, Task<BaseCall>>> TwoStepMakers
    {
        get
        {
            var makers = new Dictionary<string, Func<CancellationToken, Task<BaseCall>>>(StringComparer.Ordinal)
            {
                ["kpm.v1.VerificationService.GetTwoStepSettings"] = _ => Task.FromResult(By(Owner, new GetTwoStepSettingsRequest())),
                ["kpm.v1.VerificationService.ListTrustedDevices"] = _ => Task.FromResult(By(Owner, new ListTrustedDevicesRequest { PageSize = 10 })),
                ["kpm.v1.VerificationService.ForgetTrustedDevice"] = ForgetTrustedDeviceAsync,
                ["kpm.v1.VerificationService.SendSignInCode"] = async c =>
                {
                    var (device, _) = await WithPhoneAsync(c);
                    return By(device, new SendSignInCodeRequest { Ticket = await FirstStepAsync(device, c), SecurityCheck = Answer() });
                },
                ["kpm.v1.VerificationService.ConfirmAuthenticator"] = async c =>
                {
                    var device = await NewActiveAsync(c);
                    var (ticket, app) = await StartAuthenticatorAsync(device, c);
                    return By(device, new ConfirmAuthenticatorRequest { Ticket = ticket, Code = app.Code() });
                },
                ["kpm.v1.VerificationService.ConfirmPhone"] = async c =>
                {
                    var device = await NewActiveAsync(c);
                    var (ticket, number) = await StartPhoneAsync(device, c);
                    return By(device, new ConfirmPhoneRequest { Ticket = ticket, Code = (await Sms.WaitAsync(number)).Code });
                },
                ["kpm.v1.VerificationService.CompleteTwoStep:authenticator_code"] = async c =>
                {
                    var (device, app, _) = await WithAuthenticatorAsync(c);
                    // The step before is used up by the set-up; clocks may be one step ahead.
                    return Complete(await FirstStepAsync(device, c), app.Factor(1));
                },
                ["kpm.v1.VerificationService.CompleteTwoStep:recovery_code"] = async c =>
                {
                    var (device, _, codes) = await WithAuthenticatorAsync(c);
                    return Complete(await FirstStepAsync(device, c), new SecondFactor { RecoveryCode = codes[0] });
                },
                ["kpm.v1.VerificationService.CompleteTwoStep:sms_code"] = async c =>
                {
                    var (device, number) = await WithPhoneAsync(c);
                    var ticket = await FirstStepAsync(device, c);
                    await Verification.SendSignInCodeAsync(new SendSignInCodeRequest { Ticket = ticket }, cancellationToken: c);
                    return Complete(ticket, new SecondFactor { SmsCode = (await Sms.WaitAsync(number, 2)).Code });
                },
            };
            AddReauthenticated(makers, "kpm.v1.VerificationService.StartAuthenticator", async (proof, c) => By(await NewActiveAsync(c), new StartAuthenticatorRequest { Reauthentication = proof }));
            AddReauthenticated(
                makers,
                "kpm.v1.VerificationService.StartPhone",
                async (proof, c) => By(await NewActiveAsync(c), new StartPhoneRequest { Reauthentication = proof, Phone = NewNumber(), SecurityCheck = Answer() }));
            AddReauthenticated(
                makers,
                "kpm.v1.VerificationService.RemoveFactor",
                async (proof, c) =>
                {
                    var (device, app, codes) = await WithAuthenticatorAsync(c);
                    return By(device, new RemoveFactorRequest { RequestId = TestDevice.NewId(), Method = TwoStepMethod.Authenticator, Reauthentication = Live(proof, app, codes) });
                },
                ErrorReason.FactorNotSetUp);
            AddReauthenticated(
                makers,
                "kpm.v1.VerificationService.GenerateRecoveryCodes",
                async (proof, c) =>
                {
                    var (device, app, codes) = await WithAuthenticatorAsync(c);
                    return By(device, new GenerateRecoveryCodesRequest { Reauthentication = Live(proof, app, codes) });
                },
                ErrorReason.FactorNotSetUp);
            return makers;
        }
    }

    internal SmsBox Sms => new(Path.Combine(Server.DataFolder, "sms"));

    private VerificationService.VerificationServiceClient Verification => new(Connection);

    /// <summary>
    /// Valid requests of an rpc that takes a re-authentication: one for each kind of proof and factor. The account should be a new one, since wrong passwords are among what
    /// is tried. Without two-step verification a factor is not looked at; where the account has an authenticator, a code by SMS is refused for the reason given.
    /// </summary>
    private static void AddReauthenticated(
        Dictionary<string, Func<CancellationToken, Task<BaseCall>>> makers, string rpc, Func<Reauthentication, CancellationToken, Task<BaseCall>> make, ErrorReason? smsRefused = null)
    {
        var sms = smsRefused is { } reason ? $"{RefusedWith}{Outcome.NameOf(reason)}" : "";
        makers[rpc + ":recovery_code"] = c => make(Proof(new SecondFactor { RecoveryCode = "00000-00000-00000-00000-00000-0" }), c);
        makers[rpc + ":authenticator_code"] = c => make(Proof(new SecondFactor { AuthenticatorCode = "123456" }), c);
        makers[rpc + ":sms_code" + sms] = c => make(Proof(new SecondFactor { SmsCode = "123456" }), c);
        makers[$"{rpc}:federated_ticket{RefusedWith}TICKET_INVALID"] = c => make(new Reauthentication { FederatedTicket = "kpm-reauth-" + new string('a', 43), SecondFactor = new SecondFactor { AuthenticatorCode = "123456" } }, c);
    }

    private static Reauthentication Proof(SecondFactor factor) => new() { Password = TestDevice.Password, SecondFactor = factor };

    /// <summary>The same proof with a factor that works, where the account has one of its kind.</summary>
    private static Reauthentication Live(Reauthentication proof, TestAuthenticator app, IReadOnlyList<string> codes)
    {
        var live = proof.Clone();
        live.SecondFactor = proof.SecondFactor.FactorCase switch
        {
            SecondFactor.FactorOneofCase.AuthenticatorCode => app.Factor(1),
            SecondFactor.FactorOneofCase.RecoveryCode => new SecondFactor { RecoveryCode = codes[0] },
            _ => proof.SecondFactor,
        };
        return live;
    }

    private static SecurityCheckAnswer Answer() => new() { CheckId = TestDevice.NewId(), Answer = "abcdef" };

    private static BaseCall Complete(string ticket, SecondFactor factor) => new(new CompleteTwoStepRequest { Ticket = ticket, SecondFactor = factor, TrustDevice = true }, null);

    private static string NewNumber() => "+4366099" + Interlocked.Increment(ref _numbers).ToString("D6", CultureInfo.InvariantCulture);

    private async Task<TestDevice> NewActiveAsync(CancellationToken cancellationToken)
    {
        var device = new TestDevice(TestDevice.NewEmail("two"));
        await ActivatedAsync(device, cancellationToken);
        return device;
    }

    private async Task<(string Ticket, TestAuthenticator App)> StartAuthenticatorAsync(TestDevice device, CancellationToken cancellationToken)
    {
        var started = await Verification.StartAuthenticatorAsync(
            new StartAuthenticatorRequest { Reauthentication = new Reauthentication { Password = TestDevice.Password } }, device.Headers, cancellationToken: cancellationToken);
        return (started.Ticket, new TestAuthenticator(started.Secret, TimeProvider.System));
    }

    private async Task<(TestDevice Device, TestAuthenticator App, IReadOnlyList<string> Codes)> WithAuthenticatorAsync(CancellationToken cancellationToken)
    {
        var device = await NewActiveAsync(cancellationToken);
        var (ticket, app) = await StartAuthenticatorAsync(device, cancellationToken);
        var confirmed = await Verification.ConfirmAuthenticatorAsync(new ConfirmAuthenticatorRequest { Ticket = ticket, Code = app.Code() }, device.Headers, cancellationToken: cancellationToken);
        return (device, app, confirmed.RecoveryCodes);
    }

    private async Task<(string Ticket, string Number)> StartPhoneAsync(TestDevice device, CancellationToken cancellationToken)
    {
        var number = NewNumber();
        var started = await Verification.StartPhoneAsync(
            new StartPhoneRequest { Reauthentication = new Reauthentication { Password = TestDevice.Password }, Phone = number }, device.Headers, cancellationToken: cancellationToken);
        return (started.Started.Ticket, number);
    }

    private async Task<(TestDevice Device, string Number)> WithPhoneAsync(CancellationToken cancellationToken)
    {
        var device = await NewActiveAsync(cancellationToken);
        var (ticket, number) = await StartPhoneAsync(device, cancellationToken);
        var code = (await Sms.WaitAsync(number)).Code;
        await Verification.ConfirmPhoneAsync(new ConfirmPhoneRequest { Ticket = ticket, Code = code }, device.Headers, cancellationToken: cancellationToken);
        return (device, number);
    }

    private async Task<string> FirstStepAsync(TestDevice device, CancellationToken cancellationToken) =>
        (await new AccountService.AccountServiceClient(Connection).SignInAsync(device.Credentials(), cancellationToken: cancellationToken)).TwoStepRequired.Ticket;

    private async Task<BaseCall> ForgetTrustedDeviceAsync(CancellationToken cancellationToken)
    {
        var (device, app, _) = await WithAuthenticatorAsync(cancellationToken);
        var done = await Verification.CompleteTwoStepAsync(
            new CompleteTwoStepRequest { Ticket = await FirstStepAsync(device, cancellationToken), SecondFactor = app.Factor(1), TrustDevice = true }, cancellationToken: cancellationToken);
        device.Session = done.SignedIn.Session;
        return By(device, new ForgetTrustedDeviceRequest { RequestId = TestDevice.NewId(), DeviceId = device.Id });
    }
}
