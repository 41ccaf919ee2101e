using Kpm.Server.Tests.Faults;
using Kpm.V1;

namespace Kpm.Server.Tests.BadInput;

/// <summary>Valid requests with the key that the apps of a device share; here the device's own.</summary>
public sealed partial class World
{
    private Dictionary<string, Func<CancellationToken, Task<BaseCall>>> HintMakers => new(StringComparer.Ordinal)
    {
        ["kpm.v1.AccountService.GetSignInHints"] = _ => Anonymous(Hints(new TestDevice(Visitor.Email))),
        ["kpm.v1.AccountService.SignIn:hint"] = async c =>
        {
            var device = await NewActiveAsync(c);
            var accounts = new AccountService.AccountServiceClient(Connection);
            var signIn = device.Credentials();
            Share(device, signIn.Device, "SignIn");
            await accounts.SignInAsync(signIn, cancellationToken: c);
            var hint = (await accounts.GetSignInHintsAsync(Hints(device), cancellationToken: c)).Hints[0].Hint;
            var request = new SignInRequest { Hint = hint, Password = TestDevice.Password, Device = device.Info(), Proof = device.Proof("/kpm.v1.AccountService/SignIn", hint) };
            Share(device, request.Device, "SignIn");
            request.SecurityCheck = Answer();
            return new BaseCall(request, null);
        },
    };

    internal static GetSignInHintsRequest Hints(TestDevice device)
    {
        var key = device.Info().SigningKey;
        return new GetSignInHintsRequest { SharedKey = key, Proof = device.Proof("/kpm.v1.AccountService/GetSignInHints", Convert.ToHexStringLower(key.Span)) };
    }

    internal static void Share(TestDevice device, DeviceInfo info, string rpc)
    {
        info.SharedKey = info.SigningKey;
        info.SharedKeyProof = device.Proof("/kpm.v1.AccountService/" + rpc, info.DeviceId);
    }

    private static CreateAccountRequest Registration()
    {
        var device = new TestDevice(TestDevice.NewEmail());
        var request = device.Registration();
        Share(device, request.Device, "CreateAccount");
        request.SecurityCheck = Answer();
        return request;
    }

    private SignInRequest Credentials()
    {
        var device = new TestDevice(Visitor.Email);
        var request = device.Credentials();
        Share(device, request.Device, "SignIn");
        request.SecurityCheck = Answer();
        request.Proof = device.Proof("/kpm.v1.AccountService/SignIn", request.Email);
        return request;
    }
}
