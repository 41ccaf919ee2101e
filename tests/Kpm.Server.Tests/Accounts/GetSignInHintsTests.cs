using System.Security.Cryptography;
using Google.Protobuf;
using Kpm.Server.Accounts.Hints;
using Kpm.Server.Tests.Hosting;
using Kpm.V1;

namespace Kpm.Server.Tests.Accounts;

/// <summary>S5: another app of this device is signed in already.</summary>
public sealed class GetSignInHintsTests : IDisposable
{
    private const string Service = "/kpm.v1.AccountService/";

    private readonly ECDsa _shared = ECDsa.Create(ECCurve.NamedCurves.nistP256);

    public void Dispose() => _shared.Dispose();

    [Fact]
    public async Task A_newly_installed_app_is_offered_the_account_masked_and_signs_in_with_the_password_alone()
    {
        var time = new FakeTime();
        await using var server = await TestServer.StartAsync(time);
        using var first = await SignedInAsync(server, "anna.lang@mail.bücher.example");
        using var app = NewApp(server);

        var hint = Assert.Single((await HintsAsync(server, app)).Hints);

        Assert.Equal("a•••@m••••••.example", hint.MaskedEmail);
        Assert.Equal("kpm-cli", hint.ApplicationId);
        Assert.Equal([SignInMethod.Password], hint.Methods);
        Assert.Equal(time.GetUtcNow(), hint.SignedInAt.ToDateTimeOffset());
        Assert.Equal(time.GetUtcNow().AddMinutes(5), hint.ExpiresAt.ToDateTimeOffset());
        var signedIn = (await server.Accounts.SignInAsync(ByHint(app, hint.Hint))).SignedIn;
        Assert.Equal(first.Account!.AccountId, signedIn.Account.AccountId);
        Assert.Equal("anna.lang@mail.bücher.example", signedIn.Account.Email);
        // Two apps of the device, one account.
        Assert.Single((await HintsAsync(server, app)).Hints);
    }

    [Fact]
    public async Task Registering_with_the_shared_key_makes_a_hint_once_the_account_is_activated()
    {
        await using var server = await TestServer.StartAsync();
        using var device = NewApp(server);
        var request = device.CreateRequest(AccountSteps.NewEmail());
        request.Device = device.SharedInfo(Service + "CreateAccount");
        device.Session = (await server.Accounts.CreateAccountAsync(request)).Created.Session;
        Assert.Empty((await HintsAsync(server, device)).Hints);

        await server.Verification.ActivateAccountAsync(new ActivateAccountRequest { Code = (await server.Mails.WaitAsync(request.Email)).Code }, device.Call);

        Assert.Single((await HintsAsync(server, device)).Hints);
    }

    [Fact]
    public async Task Only_the_device_of_the_shared_key_sees_its_accounts_newest_first()
    {
        var time = new FakeTime();
        await using var server = await TestServer.StartAsync(time);
        using var one = await SignedInAsync(server, AccountSteps.NewEmail());
        time.Advance(TimeSpan.FromSeconds(1));
        using var two = await SignedInAsync(server, AccountSteps.NewEmail());
        using var otherKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var elsewhere = new TestDevice(server.Time) { SharedKey = otherKey };
        using var unshared = await server.CreateActiveAsync();

        Assert.Equal([time.GetUtcNow(), time.GetUtcNow().AddSeconds(-1)], (await HintsAsync(server, one)).Hints.Select(h => h.SignedInAt.ToDateTimeOffset()));
        Assert.Empty((await HintsAsync(server, elsewhere)).Hints);
    }

    [Theory]
    [InlineData("signed out")]
    [InlineData("revoked")]
    [InlineData("expired")]
    public async Task A_session_that_is_over_is_no_hint_and_hints_made_before_are_worth_nothing(string how)
    {
        var time = new FakeTime();
        await using var server = await TestServer.StartAsync(time);
        using var device = await SignedInAsync(server, AccountSteps.NewEmail());
        using var app = NewApp(server);
        var before = Assert.Single((await HintsAsync(server, app)).Hints).Hint;
        switch (how)
        {
            case "signed out":
                await server.Accounts.SignOutAsync(new SignOutRequest { RequestId = Guid.CreateVersion7().ToString() }, device.Call);
                break;
            case "revoked":
                using (var owner = await server.SignInAsync(device.Account!.Email))
                {
                    await server.Accounts.RevokeDeviceAsync(new RevokeDeviceRequest { RequestId = Guid.CreateVersion7().ToString(), DeviceId = device.DeviceId.ToString() }, owner.Call);
                }

                break;
            default:
                time.Advance(server.Limits.RefreshTokenIdleLifetime);
                break;
        }

        Assert.Empty((await HintsAsync(server, app)).Hints);
        await Refused.WithAsync(ErrorReason.TicketInvalid, server.Accounts.SignInAsync(ByHint(app, before)));
    }

    [Fact]
    public async Task A_proof_of_another_key_another_rpc_or_a_replayed_one_is_refused()
    {
        await using var server = await TestServer.StartAsync();
        using var device = await SignedInAsync(server, AccountSteps.NewEmail());
        var good = Request(device, _shared);
        await server.Accounts.GetSignInHintsAsync(good);

        await Refused.WithAsync(ErrorReason.DeviceProofInvalid, server.Accounts.GetSignInHintsAsync(good));
        var foreign = Request(device, _shared);
        foreign.Proof = Request(device, device.Key).Proof;
        await Refused.WithAsync(ErrorReason.DeviceProofInvalid, server.Accounts.GetSignInHintsAsync(foreign));
        var otherRpc = Request(device, _shared);
        otherRpc.Proof = device.Prove(_shared, Service + "SignIn", Convert.ToHexStringLower(TestDevice.PublicKeyOf(_shared)));
        await Refused.WithAsync(ErrorReason.DeviceProofInvalid, server.Accounts.GetSignInHintsAsync(otherRpc));
        var old = Request(device, _shared);
        old.Proof = device.Prove(_shared, Service + "GetSignInHints", Convert.ToHexStringLower(TestDevice.PublicKeyOf(_shared)), server.Time.GetUtcNow().AddSeconds(-90));
        await Refused.WithAsync(ErrorReason.DeviceProofInvalid, server.Accounts.GetSignInHintsAsync(old));
    }

    [Fact]
    public async Task Nobody_can_register_anothers_shared_key()
    {
        await using var server = await TestServer.StartAsync();
        using var victim = await SignedInAsync(server, AccountSteps.NewEmail());
        using var attacker = await server.CreateActiveAsync();
        using var device = new TestDevice(server.Time) { SharedKey = _shared };
        var before = Snapshot.Of(server.Database);

        async Task RefusedAsync(ErrorReason reason, Action<DeviceInfo> spoil, string? field = null)
        {
            var info = device.SharedInfo(Service + "SignIn");
            spoil(info);
            var refused = await Refused.WithAsync(reason, server.Accounts.SignInAsync(new SignInRequest { Email = attacker.Account!.Email, Password = AccountSteps.Password, Device = info }));
            Assert.Equal(field is null ? [] : [field], refused.FieldNames);
        }

        await RefusedAsync(ErrorReason.InvalidRequest, i => i.SharedKeyProof = null, "device.shared_key_proof");
        // By the device's own key; for another device; for another rpc.
        await RefusedAsync(ErrorReason.DeviceProofInvalid, i => i.SharedKeyProof = device.Prove(Service + "SignIn", i.DeviceId));
        await RefusedAsync(ErrorReason.DeviceProofInvalid, i => i.SharedKeyProof = device.Prove(_shared, Service + "SignIn", victim.DeviceId.ToString()));
        await RefusedAsync(ErrorReason.DeviceProofInvalid, i => i.SharedKeyProof = device.Prove(_shared, Service + "CreateAccount", i.DeviceId));
        var registration = device.CreateRequest(AccountSteps.NewEmail());
        registration.Device = device.SharedInfo(Service + "SignIn");
        await Refused.WithAsync(ErrorReason.DeviceProofInvalid, server.Accounts.CreateAccountAsync(registration));

        Assert.Equal(before, Snapshot.Of(server.Database));
        Assert.Equal(victim.Account!.AccountId, (await server.Accounts.SignInAsync(ByHint(device, Assert.Single((await HintsAsync(server, device)).Hints).Hint))).SignedIn.Account.AccountId);
    }

    [Fact]
    public async Task A_hint_opens_nothing_without_its_shared_key_after_its_time_or_changed()
    {
        var time = new FakeTime();
        await using var server = await TestServer.StartAsync(time);
        using var device = await SignedInAsync(server, AccountSteps.NewEmail());
        using var app = NewApp(server);
        var hint = (await HintsAsync(server, app)).Hints[0].Hint;
        using var otherKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var thief = new TestDevice(server.Time) { SharedKey = otherKey };

        await Refused.WithAsync(ErrorReason.TicketInvalid, server.Accounts.SignInAsync(ByHint(thief, hint)));
        var bare = ByHint(app, hint);
        bare.Device = app.Info;
        Assert.Equal(["device.shared_key"], (await Refused.WithAsync(ErrorReason.InvalidRequest, server.Accounts.SignInAsync(bare))).FieldNames);
        foreach (var changed in Changes(hint))
        {
            await Refused.WithAsync(ErrorReason.TicketInvalid, server.Accounts.SignInAsync(ByHint(app, changed)));
        }

        time.Advance(server.Limits.SignInHintLifetime - TimeSpan.FromMilliseconds(1));
        await Refused.WithAsync(ErrorReason.WrongCredentials, server.Accounts.SignInAsync(ByHint(app, hint, "Wrong-Password-1")));
        time.Advance(TimeSpan.FromMilliseconds(1));
        await Refused.WithAsync(ErrorReason.TicketInvalid, server.Accounts.SignInAsync(ByHint(app, hint)));
    }

    [Fact]
    public async Task Guessing_by_hint_spends_the_budget_of_the_address()
    {
        var time = new FakeTime();
        await using var server = await TestServer.StartAsync(time, o => o with { Limits = o.Limits with { SecurityCheckWindow = TimeSpan.FromMilliseconds(1) } });
        using var device = await SignedInAsync(server, AccountSteps.NewEmail());
        using var app = NewApp(server);
        var hint = (await HintsAsync(server, app)).Hints[0].Hint;
        for (var i = 0; i < server.Limits.SignInFailuresBeforeDelay; i++)
        {
            time.Advance(TimeSpan.FromMilliseconds(2));
            await Refused.WithAsync(ErrorReason.WrongCredentials, server.Accounts.SignInAsync(ByHint(app, hint, "Wrong-Password-1")));
        }

        await Refused.WithAsync(ErrorReason.RateLimited, server.Accounts.SignInAsync(ByHint(app, hint)));
        using var stranger = new TestDevice(server.Time);
        await Refused.WithAsync(ErrorReason.RateLimited, server.Accounts.SignInAsync(new SignInRequest { Email = device.Account!.Email, Password = AccountSteps.Password, Device = stranger.Info }));
    }

    [Fact]
    public async Task An_account_is_named_in_one_way()
    {
        await using var server = await TestServer.StartAsync();
        using var app = NewApp(server);
        var both = ByHint(app, "kpm-hint-x");
        both.Email = AccountSteps.NewEmail();
        var neither = ByHint(app, "");

        Assert.Equal(["hint"], (await Refused.WithAsync(ErrorReason.InvalidRequest, server.Accounts.SignInAsync(both))).FieldNames);
        Assert.Equal(["email"], (await Refused.WithAsync(ErrorReason.InvalidRequest, server.Accounts.SignInAsync(neither))).FieldNames);
    }

    [Fact]
    public async Task An_answer_offers_a_bounded_number_of_accounts()
    {
        await using var server = await TestServer.StartAsync(options: o => o with { Limits = o.Limits with { SignInHints = 2 } });
        using var one = await SignedInAsync(server, AccountSteps.NewEmail());
        using var two = await SignedInAsync(server, AccountSteps.NewEmail());
        Assert.Equal(2, (await HintsAsync(server, one)).Hints.Count);
        using var three = await SignedInAsync(server, AccountSteps.NewEmail());

        Assert.Equal(2, (await HintsAsync(server, one)).Hints.Count);
    }

    [Theory]
    [InlineData("a@b.co", "a•••@b••••••.co")]
    [InlineData("Ottilie@example.org", "O•••@e••••••.org")]
    [InlineData("jürgen@mail.example.co.uk", "j•••@m••••••.uk")]
    [InlineData("用户@例え.jp", "用•••@例••••••.jp")]
    [InlineData("e\u0301va@bücher.example", "é•••@b••••••.example")]
    public void A_masked_address_tells_no_length(string email, string masked) =>
        Assert.Equal(masked, SignInHints.Mask(email.Normalize()));

    private static IEnumerable<string> Changes(string hint)
    {
        foreach (var at in (int[])[0, 5, 9, 14, hint.Length / 2, hint.Length - 1])
        {
            yield return hint[..at] + (hint[at] == 'A' ? 'B' : 'A') + hint[(at + 1)..];
        }

        yield return hint[..^1];
        yield return hint + "A";
        yield return hint + "=";
        yield return hint["kpm-hint-".Length..];
        yield return "kpm-hint-";
        yield return "kpm-hint-" + new string('A', 75);
    }

    private static SignInRequest ByHint(TestDevice app, string hint, string password = AccountSteps.Password) =>
        new() { Hint = hint, Password = password, Device = app.SharedInfo(Service + "SignIn") };

    private static GetSignInHintsRequest Request(TestDevice device, ECDsa key)
    {
        var publicKey = TestDevice.PublicKeyOf(key);
        return new GetSignInHintsRequest { SharedKey = ByteString.CopyFrom(publicKey), Proof = device.Prove(key, Service + "GetSignInHints", Convert.ToHexStringLower(publicKey)) };
    }

    private static async Task<GetSignInHintsResponse> HintsAsync(TestServer server, TestDevice device) => await server.Accounts.GetSignInHintsAsync(Request(device, device.SharedKey!));

    private TestDevice NewApp(TestServer server) => new(server.Time) { SharedKey = _shared };

    /// <summary>An app of this device that is signed in to a new account.</summary>
    private async Task<TestDevice> SignedInAsync(TestServer server, string email)
    {
        using var owner = await server.CreateActiveAsync(email);
        var app = NewApp(server);
        var response = await server.Accounts.SignInAsync(new SignInRequest { Email = email, Password = AccountSteps.Password, Device = app.SharedInfo(Service + "SignIn") });
        (app.Account, app.Session) = (response.SignedIn.Account, response.SignedIn.Session);
        return app;
    }
}
