using Kpm.V1;

namespace Kpm.Server.Tests.Hosting;

/// <summary>Calls of a person who answers the Security Check where one is demanded.</summary>
internal static class CheckSteps
{
    public static async Task<SignInResponse> SignInReadingAsync(this TestServer server, SignInRequest request)
    {
        var response = await server.Accounts.SignInAsync(request);
        if (response.OutcomeCase != SignInResponse.OutcomeOneofCase.SecurityCheckRequired)
        {
            return response;
        }

        var again = request.Clone();
        again.SecurityCheck = server.Pictures.Answer(response.SecurityCheckRequired);
        return await server.Accounts.SignInAsync(again);
    }

    /// <summary>A wrong password that was evaluated.</summary>
    public static Task<RefusedCall> FailSignInAsync(this TestServer server, TestDevice device, string email) =>
        Refused.WithAsync(ErrorReason.WrongCredentials, () => server.SignInReadingAsync(device.SignInRequest(email, "Wrong-Password-1")));

    public static SignInRequest SignInRequest(this TestDevice device, string email, string? password = null) =>
        new() { Email = email, Password = password ?? AccountSteps.Password, Device = device.Info };

    /// <summary>The same with the device's proof.</summary>
    public static SignInRequest ProvenSignInRequest(this TestDevice device, string email, string? password = null)
    {
        var request = device.SignInRequest(email, password);
        request.Proof = device.Prove("/kpm.v1.AccountService/SignIn", email);
        return request;
    }
}
