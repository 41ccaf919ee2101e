using System.Text;
using Google.Protobuf;
using Grpc.Core;
using Grpc.Net.Client;
using Kpm.Server.Tests.BadInput;
using Kpm.V1;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Kpm.Server.Tests.Faults;

/// <summary>No secret, address, token or message body in a log or in the text of an error, whatever the log level.</summary>
public sealed class LogHygieneTests : IDisposable
{
    private const string Password = "Plainly-Visible-Password-4711";
    private const string Envelope = "envelope-that-nobody-may-log-0815";
    private const string DeviceName = "Notebook of Ottilie Unverwechselbar";

    private readonly Storage.TempFolder _folder = new();
    private readonly List<string> _errorTexts = [];

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Nothing_personal_is_logged_or_repeated_in_errors()
    {
        var log = new CapturedLog();
        var options = new ServerOptions { Data = _folder.File("data"), Listen = "http://127.0.0.1:0", PasswordHash = new() { Cost = 4 } };
        Dictionary<string, string> secrets;
        await using (var app = ServerApp.Build(options, "Production", services => services
            .AddLogging(logging => logging.ClearProviders().AddProvider(log))
            .PostConfigure<LoggerFilterOptions>(filter =>
            {
                filter.Rules.Clear();
                filter.MinLevel = LogLevel.Trace;
            })))
        {
            await ServerApp.StartAsync(app, options);
            using var channel = GrpcChannel.ForAddress(ServerApp.AddressOf(app));
            secrets = await SessionAsync(ConformanceInterceptor.On(channel), options.DataFolder);
            await app.StopAsync(Cancelled);
        }

        // The log is there, at its lowest level, and about these calls.
        var written = log.Text;
        Assert.Contains("Trace ", written, StringComparison.Ordinal);
        Assert.Contains("Kpm.Server", written, StringComparison.Ordinal);
        Assert.Contains("/kpm.v1.AccountService/SignIn", written, StringComparison.Ordinal);
        Assert.True(_errorTexts.Count > 10);
        foreach (var (what, secret) in secrets)
        {
            Assert.True(secret.Length > 10, what);
            foreach (var form in Forms(secret))
            {
                Assert.True(!written.Contains(form, StringComparison.OrdinalIgnoreCase), $"{what} is in the log: {Excerpt(written, form)}");
                Assert.All(_errorTexts, t => Assert.True(!t.Contains(form, StringComparison.OrdinalIgnoreCase), $"{what} is in an error: {t}"));
            }
        }
    }

    private static string Excerpt(string log, string form)
    {
        var at = log.IndexOf(form, StringComparison.OrdinalIgnoreCase);
        return log[Math.Max(0, at - 200)..Math.Min(log.Length, at + form.Length + 50)];
    }

    /// <summary>As text, in hexadecimal, in base64 wherever it begins, and percent-encoded.</summary>
    private static IEnumerable<string> Forms(string secret)
    {
        var bytes = Encoding.UTF8.GetBytes(secret);
        yield return secret;
        yield return Uri.EscapeDataString(secret);
        yield return Convert.ToHexString(bytes);
        yield return Convert.ToHexString(bytes).Chunk(2).Select(c => new string(c)).Aggregate((a, b) => a + "-" + b);
        for (var shift = 0; shift < 3; shift++)
        {
            // What does not depend on the neighbouring bytes.
            yield return Convert.ToBase64String([.. new byte[shift], .. bytes])[(shift == 0 ? 0 : 4)..^4];
        }
    }

    /// <summary>A bit of everything that goes well, and of everything that goes wrong.</summary>
    private async Task<Dictionary<string, string>> SessionAsync(CallInvoker connection, string dataFolder)
    {
        var accounts = new AccountService.AccountServiceClient(connection);
        var verification = new VerificationService.VerificationServiceClient(connection);
        var vaults = new VaultService.VaultServiceClient(connection);
        var device = new TestDevice("Ottilie.Unverwechselbar@Geheimnis.Example");
        var registration = device.Registration();
        registration.Password = registration.PasswordConfirmation = Password;
        registration.Device.Name = DeviceName;
        var created = (await accounts.CreateAccountAsync(registration, cancellationToken: Cancelled)).Created;
        device.Session = created.Session;
        device.AccountId = created.Account.AccountId;
        var mail = await ActivationMails.ReadAsync(dataFolder, device.Email, Cancelled);
        await verification.ActivateAccountAsync(new ActivateAccountRequest { Token = mail.Token }, device.Headers, cancellationToken: Cancelled);
        await device.EnrolAsync(connection, Cancelled);
        var put = device.Put(TestDevice.NewId(), 0, Encoding.UTF8.GetBytes(string.Concat(Enumerable.Repeat(Envelope, 20))));
        await vaults.PushAsync(new PushRequest { Operations = { put } }, device.Headers, cancellationToken: Cancelled);
        var refreshed = (await accounts.RefreshSessionAsync(
            new RefreshSessionRequest { RefreshToken = device.Session.RefreshToken, Proof = device.Proof(Contract.RefreshMethod, device.Session.RefreshToken) }, cancellationToken: Cancelled)).Session;
        var secrets = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["address"] = device.Email,
            ["local part"] = "Ottilie.Unverwechselbar",
            ["password"] = Password,
            ["device name"] = DeviceName,
            ["envelope"] = Envelope,
            ["access token"] = device.Token,
            ["refresh token"] = device.Session.RefreshToken,
            ["second access token"] = refreshed.AccessToken,
            ["second refresh token"] = refreshed.RefreshToken,
            ["activation token"] = mail.Token,
            ["discard token"] = mail.DiscardToken,
            ["wrong password"] = "wrong-" + Password,
            ["malformed address"] = "Ottilie.Unverwechselbar",
            ["worthless token"] = "worthless-token-that-was-sent-anyway",
        };
        device.Session = refreshed;
        await FailAsync(connection, device, put, secrets);
        using var sync = vaults.Sync(device.Headers, cancellationToken: Cancelled);
        await sync.RequestStream.WriteAsync(new SyncRequest { Hello = device.Hello() }, Cancelled);
        Assert.True(await sync.ResponseStream.MoveNext(Cancelled));
        await accounts.SignOutAsync(new SignOutRequest { RequestId = TestDevice.NewId() }, device.Headers, cancellationToken: Cancelled);
        return secrets;
    }

    private async Task FailAsync(CallInvoker connection, TestDevice device, Operation put, Dictionary<string, string> secrets)
    {
        var accounts = new AccountService.AccountServiceClient(connection);
        var verification = new VerificationService.VerificationServiceClient(connection);
        var vaults = new VaultService.VaultServiceClient(connection);
        var taken = new TestDevice(device.Email).Registration();
        taken.Password = taken.PasswordConfirmation = Password;
        var weak = new TestDevice(device.Email).Registration();
        weak.Password = secrets["password"].ToLowerInvariant();
        weak.PasswordConfirmation = Password;
        var malformed = new TestDevice(secrets["malformed address"] + "@").Registration();
        malformed.Device.Name = DeviceName + "\u0007";
        malformed.Region = "??";
        var wrong = new TestDevice(device.Email).Credentials();
        wrong.Password = secrets["wrong password"];
        var conflict = device.Credentials();
        conflict.Password = Password;
        conflict.Device.SigningKey = new TestDevice(device.Email).Info().SigningKey;
        var forged = put.Clone();
        forged.Envelope = ByteString.CopyFromUtf8(Envelope);
        var worthless = secrets["worthless token"];

        await FailsAsync(accounts.CreateAccountAsync(taken, cancellationToken: Cancelled));
        await FailsAsync(accounts.CreateAccountAsync(weak, cancellationToken: Cancelled));
        await FailsAsync(accounts.CreateAccountAsync(malformed, cancellationToken: Cancelled));
        await FailsAsync(accounts.SignInAsync(wrong, cancellationToken: Cancelled));
        await FailsAsync(accounts.SignInAsync(conflict, cancellationToken: Cancelled));
        await FailsAsync(accounts.GetAccountAsync(new GetAccountRequest(), TestDevice.Bearer(worthless), cancellationToken: Cancelled));
        await FailsAsync(accounts.ListDevicesAsync(new ListDevicesRequest { PageToken = worthless }, device.Headers, cancellationToken: Cancelled));
        await FailsAsync(accounts.RefreshSessionAsync(new RefreshSessionRequest { RefreshToken = worthless, Proof = device.Proof(Contract.RefreshMethod, worthless) }, cancellationToken: Cancelled));
        await FailsAsync(accounts.RefreshSessionAsync(new RefreshSessionRequest { RefreshToken = device.Session.RefreshToken, Proof = device.Proof(Contract.SyncMethod, device.Session.RefreshToken) }, cancellationToken: Cancelled));
        await FailsAsync(verification.ActivateAccountAsync(new ActivateAccountRequest { Token = worthless, Password = Password }, cancellationToken: Cancelled));
        await FailsAsync(verification.DiscardPendingAccountAsync(new DiscardPendingAccountRequest { Token = worthless }, cancellationToken: Cancelled));
        await FailsAsync(vaults.PutKeysetAsync(new PutKeysetRequest { Operation = put }, device.Headers, cancellationToken: Cancelled));
        _errorTexts.Add((await vaults.PushAsync(new PushRequest { Operations = { forged } }, device.Headers, cancellationToken: Cancelled)).ToString());
        foreach (var method in Rpcs.All)
        {
            var garbage = Encoding.UTF8.GetBytes(Envelope + Password);
            var outcome = await new RawClient(connection).CallAsync(method, garbage, device.Token, Cancelled);
            Assert.NotEqual(StatusCode.OK, outcome.Code);
            _errorTexts.Add(outcome.Text + outcome.Rich);
        }
    }

    private async Task FailsAsync<T>(AsyncUnaryCall<T> call)
    {
        var error = await Assert.ThrowsAsync<RpcException>(async () => await call);
        _errorTexts.Add(error.Status.Detail + Outcome.Of(error).Rich);
    }
}
