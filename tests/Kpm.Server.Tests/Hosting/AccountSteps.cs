using Kpm.V1;

namespace Kpm.Server.Tests.Hosting;

/// <summary>The steps that most tests begin with.</summary>
internal static class AccountSteps
{
    public const string Password = "Correct-Horse-7-Battery";

    private static int _addresses;

    public static string NewEmail() => $"person{Interlocked.Increment(ref _addresses)}@example.org";

    public static CreateAccountRequest CreateRequest(this TestDevice device, string email) => new()
    {
        Email = email,
        Password = Password,
        PasswordConfirmation = Password,
        Region = "AT",
        Language = "de",
        ConsentVersion = "2026-11",
        Device = device.Info,
    };

    /// <summary>A device connected to a new pending account.</summary>
    public static async Task<TestDevice> CreatePendingAsync(this TestServer server, string? email = null, TestDevice? device = null)
    {
        device ??= new TestDevice(server.Time);
        var response = await server.Accounts.CreateAccountAsync(device.CreateRequest(email ?? NewEmail()));
        device.Account = response.Created.Account;
        device.Session = response.Created.Session;
        return device;
    }

    /// <summary>A device connected to a new activated account.</summary>
    public static async Task<TestDevice> CreateActiveAsync(this TestServer server, string? email = null)
    {
        var device = await server.CreatePendingAsync(email);
        var mail = await server.Mails.WaitAsync(device.Account!.Email);
        device.Account = (await server.Verification.ActivateAccountAsync(new ActivateAccountRequest { Code = mail.Code }, device.Call)).Account;
        return device;
    }

    /// <summary>Another device connected to the account.</summary>
    public static async Task<TestDevice> SignInAsync(this TestServer server, string email, TestDevice? device = null)
    {
        device ??= new TestDevice(server.Time);
        var response = await server.Accounts.SignInAsync(new SignInRequest { Email = email, Password = Password, Device = device.Info });
        device.Account = response.SignedIn.Account;
        device.Session = response.SignedIn.Session;
        return device;
    }

    public static async Task RefreshAsync(this TestServer server, TestDevice device)
    {
        var token = device.Session!.RefreshToken;
        device.Session = (await server.Accounts.RefreshSessionAsync(new RefreshSessionRequest { RefreshToken = token, Proof = device.Prove(TestDevice.RefreshMethod, token) })).Session;
    }
}
