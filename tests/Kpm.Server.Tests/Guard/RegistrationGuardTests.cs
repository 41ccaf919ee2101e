using Kpm.Server.Tests.Hosting;
using Kpm.V1;

namespace Kpm.Server.Tests.Guard;

/// <summary>S9.</summary>
public sealed class RegistrationGuardTests
{
    public static TheoryData<string> Refusals() => ["address in use", "malformed address", "common password"];

    [Theory]
    [MemberData(nameof(Refusals))]
    public async Task After_three_refused_registrations_the_next_one_must_answer_a_check(string refusal)
    {
        await using var server = await TestServer.StartAsync(new FakeTime());
        using var owner = await server.CreateActiveAsync();
        using var device = new TestDevice(server.Time);
        for (var i = 0; i < 2; i++)
        {
            await FailAsync(server, device, refusal, owner.Account!.Email);
        }

        // Two do not lead to one, nor do mistakes of another kind.
        var differs = device.CreateRequest(AccountSteps.NewEmail());
        differs.PasswordConfirmation += "x";
        await Refused.WithAsync(ErrorReason.PasswordRejected, server.Accounts.CreateAccountAsync(differs));
        await FailAsync(server, device, refusal, owner.Account!.Email);
        await server.RestartAsync();

        var request = device.CreateRequest(AccountSteps.NewEmail());
        var required = (await server.Accounts.CreateAccountAsync(request)).SecurityCheckRequired;
        Assert.NotNull(required);
        Assert.Equal(1, Snapshot.Rows(server.Database, "account"));

        // It comes before anything else of the request is looked at.
        var inUse = device.CreateRequest(owner.Account.Email);
        Assert.NotNull((await server.Accounts.CreateAccountAsync(inUse)).SecurityCheckRequired);

        request.SecurityCheck = new SecurityCheckAnswer { CheckId = required.Check.CheckId, Answer = "????" };
        required = (await server.Accounts.CreateAccountAsync(request)).SecurityCheckRequired;
        Assert.NotNull(required);
        request.SecurityCheck = server.Pictures.Answer(required);
        Assert.NotNull((await server.Accounts.CreateAccountAsync(request)).Created);
    }

    [Fact]
    public async Task Twenty_refusals_from_one_client_ask_every_device_there()
    {
        await using var server = await TestServer.StartAsync(new FakeTime());
        using var owner = await server.CreateActiveAsync();
        for (var i = 0; i < 20; i++)
        {
            using var other = new TestDevice(server.Time);
            await FailAsync(server, other, Refusals().ElementAt(i % 3).Data, owner.Account!.Email);
        }

        using var device = new TestDevice(server.Time);
        Assert.NotNull((await server.Accounts.CreateAccountAsync(device.CreateRequest(AccountSteps.NewEmail()))).SecurityCheckRequired);
    }

    [Fact]
    public async Task A_malformed_address_counts_also_where_the_device_has_no_id()
    {
        await using var server = await TestServer.StartAsync(new FakeTime());
        for (var i = 0; i < 20; i++)
        {
            await Refused.WithAsync(ErrorReason.InvalidRequest, server.Accounts.CreateAccountAsync(new CreateAccountRequest { Email = "not an address" }));
        }

        using var device = new TestDevice(server.Time);
        Assert.NotNull((await server.Accounts.CreateAccountAsync(device.CreateRequest(AccountSteps.NewEmail()))).SecurityCheckRequired);
    }

    private static async Task FailAsync(TestServer server, TestDevice device, string refusal, string inUse)
    {
        var request = device.CreateRequest(refusal switch
        {
            "address in use" => inUse,
            "malformed address" => "someone@nowhere",
            _ => AccountSteps.NewEmail(),
        });
        if (refusal == "common password")
        {
            request.Password = request.PasswordConfirmation = "Password1!";
        }

        await Refused.WithAsync(
            refusal switch
            {
                "address in use" => ErrorReason.EmailInUse,
                "malformed address" => ErrorReason.InvalidRequest,
                _ => ErrorReason.PasswordRejected,
            },
            server.Accounts.CreateAccountAsync(request));
    }
}
