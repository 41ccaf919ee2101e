using Dapper;
using Grpc.Core;
using Kpm.Server.Tests.Hosting;
using Kpm.V1;

namespace Kpm.Server.Tests.Guard;

/// <summary>S6, the delay, and the budget of a device that proves its key.</summary>
public sealed class SignInGuardTests
{
    [Theory]
    [InlineData(2, false)]
    [InlineData(3, true)]
    public async Task After_three_wrong_passwords_the_next_attempt_must_answer_a_check(int failures, bool due)
    {
        await using var server = await TestServer.StartAsync(new FakeTime());
        using var owner = await server.CreateActiveAsync();
        using var device = new TestDevice(server.Time);
        var email = owner.Account!.Email;
        for (var i = 0; i < failures; i++)
        {
            await server.FailSignInAsync(device, email);
        }

        var before = Snapshot.Rows(server.Database, "session");
        var response = await server.Accounts.SignInAsync(device.SignInRequest(email));

        Assert.Equal(due, response.OutcomeCase == SignInResponse.OutcomeOneofCase.SecurityCheckRequired);
        Assert.Equal(before + (due ? 0 : 1), Snapshot.Rows(server.Database, "session"));
        if (due)
        {
            var check = response.SecurityCheckRequired.Check;
            Assert.Equal(6, check.Length);
            Assert.Equal(server.Time.GetUtcNow() + TimeSpan.FromMinutes(5), check.ExpiresAt.ToDateTimeOffset());
            Assert.Equal(0x89, check.PicturePng[0]);
            Assert.All(server.Pictures.Read(check), character => Assert.Contains(character, check.Alphabet));
            Assert.NotNull((await server.SignInReadingAsync(device.SignInRequest(email))).SignedIn);
            // The right password forgets the failures.
            using var another = new TestDevice(server.Time);
            Assert.NotNull((await server.Accounts.SignInAsync(another.SignInRequest(email))).SignedIn);
        }
    }

    [Fact]
    public async Task The_same_is_asked_at_an_address_without_an_account_and_after_a_restart()
    {
        await using var server = await TestServer.StartAsync(new FakeTime());
        using var device = new TestDevice(server.Time);
        var email = AccountSteps.NewEmail();
        for (var i = 0; i < 3; i++)
        {
            await server.FailSignInAsync(device, email);
        }

        await server.RestartAsync();

        var response = await server.Accounts.SignInAsync(device.SignInRequest(email));
        Assert.NotNull(response.SecurityCheckRequired);
        await Refused.WithAsync(
            ErrorReason.WrongCredentials,
            server.Accounts.SignInAsync(new SignInRequest(device.SignInRequest(email)) { SecurityCheck = server.Pictures.Answer(response.SecurityCheckRequired) }));
    }

    [Theory]
    [InlineData(0, true)]
    [InlineData(1, false)]
    public async Task Only_failures_of_the_last_ten_minutes_lead_to_a_check(int secondsBeyond, bool due)
    {
        var time = new FakeTime();
        await using var server = await TestServer.StartAsync(time);
        using var device = new TestDevice(time);
        var email = AccountSteps.NewEmail();
        await server.FailSignInAsync(device, email);
        time.Advance(TimeSpan.FromMinutes(4));
        await server.FailSignInAsync(device, email);
        await server.FailSignInAsync(device, email);
        time.Advance(TimeSpan.FromMinutes(6) - TimeSpan.FromSeconds(1) + TimeSpan.FromSeconds(secondsBeyond));

        var call = server.Accounts.SignInAsync(device.SignInRequest(email)).ResponseAsync;

        if (due)
        {
            Assert.NotNull((await call).SecurityCheckRequired);
        }
        else
        {
            await Refused.WithAsync(ErrorReason.WrongCredentials, () => call);
        }
    }

    [Fact]
    public async Task A_wrong_answer_evaluates_nothing_and_shows_a_new_picture()
    {
        await using var server = await TestServer.StartAsync(new FakeTime());
        using var owner = await server.CreateActiveAsync();
        using var device = new TestDevice(server.Time);
        var email = owner.Account!.Email;
        for (var i = 0; i < 3; i++)
        {
            await server.FailSignInAsync(device, email);
        }

        var first = (await server.Accounts.SignInAsync(device.SignInRequest(email))).SecurityCheckRequired;
        var right = server.Pictures.Answer(first);
        var wrong = new SecurityCheckAnswer { CheckId = right.CheckId, Answer = right.Answer[..^1] };
        var second = (await server.Accounts.SignInAsync(new SignInRequest(device.SignInRequest(email)) { SecurityCheck = wrong })).SecurityCheckRequired;

        Assert.NotEqual(first.Check.CheckId, second.Check.CheckId);
        // The right characters come too late for the first one: it had its one try.
        var third = await server.Accounts.SignInAsync(new SignInRequest(device.SignInRequest(email)) { SecurityCheck = right });
        Assert.NotNull(third.SecurityCheckRequired);
        Assert.Equal(1, Snapshot.Rows(server.Database, "session"));
    }

    [Fact]
    public async Task From_the_fifth_wrong_password_on_the_next_attempt_has_to_wait()
    {
        var time = new FakeTime();
        await using var server = await TestServer.StartAsync(time);
        using var owner = await server.CreateActiveAsync();
        var email = owner.Account!.Email;
        for (var i = 0; i < 5; i++)
        {
            await server.FailSignInAsync(owner, email);
        }

        var refused = await Refused.WithAsync(ErrorReason.RateLimited, server.Accounts.SignInAsync(owner.SignInRequest(email)));
        Assert.Equal(TimeSpan.FromSeconds(1), refused.RetryAfter);

        // It outlives a restart, and the sixth failure doubles it.
        await server.RestartAsync();
        await Refused.WithAsync(ErrorReason.RateLimited, server.Accounts.SignInAsync(owner.SignInRequest(email)));
        time.Advance(TimeSpan.FromSeconds(1));
        await server.FailSignInAsync(owner, email);
        refused = await Refused.WithAsync(ErrorReason.RateLimited, server.Accounts.SignInAsync(owner.SignInRequest(email)));
        Assert.Equal(TimeSpan.FromSeconds(2), refused.RetryAfter);

        time.Advance(TimeSpan.FromSeconds(2));
        Assert.NotNull((await server.SignInReadingAsync(owner.SignInRequest(email))).SignedIn);
        await server.FailSignInAsync(owner, email);
        Assert.NotNull((await server.Accounts.SignInAsync(owner.SignInRequest(email))).SignedIn);
    }

    [Fact]
    public async Task The_owner_is_told_once_that_sign_ins_are_delayed()
    {
        var time = new FakeTime();
        await using var server = await TestServer.StartAsync(time);
        using var owner = await server.CreateActiveAsync();
        using var stranger = new TestDevice(time);
        for (var i = 0; i < 4; i++)
        {
            await server.FailSignInAsync(stranger, owner.Account!.Email);
        }

        Assert.Equal(0, Blocked(server));
        await server.FailSignInAsync(stranger, owner.Account!.Email);
        Assert.Equal(1, Blocked(server));
        time.Advance(TimeSpan.FromSeconds(1));
        await server.FailSignInAsync(stranger, owner.Account.Email);
        Assert.Equal(1, Blocked(server));
    }

    [Fact]
    public async Task The_delay_doubles_up_to_its_longest()
    {
        var time = new FakeTime();
        await using var server = await TestServer.StartAsync(time, o => o with { Limits = o.Limits with { SignInLongestDelay = TimeSpan.FromSeconds(7) } });
        using var device = new TestDevice(time);
        var email = AccountSteps.NewEmail();
        var delays = new List<double>();
        for (var i = 0; i < 9; i++)
        {
            await server.FailSignInAsync(device, email);
            if (i >= 4)
            {
                var refused = await Refused.WithAsync(ErrorReason.RateLimited, server.Accounts.SignInAsync(device.SignInRequest(email)));
                delays.Add(refused.RetryAfter!.Value.TotalSeconds);
                time.Advance(refused.RetryAfter.Value);
            }
        }

        Assert.Equal([1, 2, 4, 7, 7], delays);
    }

    [Theory]
    [InlineData(0, true)]
    [InlineData(1, false)]
    public async Task Failures_are_forgotten_after_a_day_without_another(int secondsBeyond, bool remembered)
    {
        var time = new FakeTime();
        await using var server = await TestServer.StartAsync(time);
        using var device = new TestDevice(time);
        var email = AccountSteps.NewEmail();
        for (var i = 0; i < 4; i++)
        {
            await server.FailSignInAsync(device, email);
        }

        time.Advance(TimeSpan.FromHours(24) + TimeSpan.FromSeconds(secondsBeyond));
        await server.FailSignInAsync(device, email);

        await Refused.WithAsync(remembered ? ErrorReason.RateLimited : ErrorReason.WrongCredentials, server.Accounts.SignInAsync(device.SignInRequest(email, "Wrong-Password-1")));
    }

    [Fact]
    public async Task A_burst_of_guesses_gets_no_more_tries_than_a_sequence()
    {
        var time = new FakeTime();
        await using var server = await TestServer.StartAsync(time);
        using var owner = await server.CreateActiveAsync();
        using var stranger = new TestDevice(time);

        var outcomes = await Task.WhenAll(Enumerable.Range(0, 40).Select(_ => OutcomeAsync(server, stranger.SignInRequest(owner.Account!.Email, "Wrong-Password-1"))));

        Assert.Equal(3, outcomes.Count(r => r == "WRONG_CREDENTIALS"));
        // The others get a picture, and when there were too many of these, nothing.
        Assert.Equal(20, outcomes.Count(r => r == "SecurityCheckRequired"));
        Assert.Equal(17, outcomes.Count(r => r == "RATE_LIMITED"));
    }

    [Fact]
    public async Task Only_so_many_wait_for_their_turn_at_one_address()
    {
        await using var server = await TestServer.StartAsync(options: o => o with
        {
            Limits = o.Limits with { SignInsWaitingPerAddress = 1, SignInFailuresBeforeDelay = 100, SecurityCheckFailures = 100, SecurityCheckClientFailures = 100 },
        });
        using var device = new TestDevice(server.Time);
        var email = AccountSteps.NewEmail();

        var outcomes = await Task.WhenAll(Enumerable.Range(0, 32).Select(_ => OutcomeAsync(server, device.SignInRequest(email, "Wrong-Password-1"))));

        Assert.Contains("RATE_LIMITED", outcomes);
        Assert.Contains("WRONG_CREDENTIALS", outcomes);
        await server.FailSignInAsync(device, email);
    }

    [Theory]
    [InlineData(19, false)]
    [InlineData(20, true)]
    public async Task Twenty_failures_from_one_client_ask_it_for_a_check_at_every_address(int failures, bool due)
    {
        await using var server = await TestServer.StartAsync(new FakeTime());
        using var owner = await server.CreateActiveAsync();
        using var device = new TestDevice(server.Time);
        for (var i = 0; i < failures; i++)
        {
            await server.FailSignInAsync(device, AccountSteps.NewEmail());
        }

        var response = await server.Accounts.SignInAsync(device.SignInRequest(owner.Account!.Email));

        Assert.Equal(due, response.OutcomeCase == SignInResponse.OutcomeOneofCase.SecurityCheckRequired);
        if (due)
        {
            // Signing in to one's own account does not buy further guesses at others.
            Assert.NotNull((await server.SignInReadingAsync(device.SignInRequest(owner.Account.Email))).SignedIn);
            Assert.NotNull((await server.Accounts.SignInAsync(device.SignInRequest(AccountSteps.NewEmail()))).SecurityCheckRequired);
        }
    }

    [Fact]
    public async Task Strangers_do_not_use_up_the_budget_of_a_device_that_proves_its_key()
    {
        var time = new FakeTime();
        await using var server = await TestServer.StartAsync(time);
        using var owner = await server.CreateActiveAsync();
        using var stranger = new TestDevice(time);
        var email = owner.Account!.Email;
        for (var i = 0; i < 5; i++)
        {
            await server.FailSignInAsync(stranger, email);
        }

        await Refused.WithAsync(ErrorReason.RateLimited, server.Accounts.SignInAsync(owner.SignInRequest(email)));
        Assert.NotNull((await server.Accounts.SignInAsync(owner.ProvenSignInRequest(email))).SignedIn);

        // The owner's success gives strangers no further guess,
        await Refused.WithAsync(ErrorReason.RateLimited, server.Accounts.SignInAsync(stranger.SignInRequest(email)));
        // nor does a stranger's proof of its own key help.
        await Refused.WithAsync(ErrorReason.RateLimited, server.Accounts.SignInAsync(stranger.ProvenSignInRequest(email)));

        // The device's own budget is as small as the address's.
        for (var i = 0; i < 3; i++)
        {
            await Refused.WithAsync(ErrorReason.WrongCredentials, server.Accounts.SignInAsync(owner.ProvenSignInRequest(email, "Wrong-Password-1")));
        }

        Assert.NotNull((await server.Accounts.SignInAsync(owner.ProvenSignInRequest(email))).SecurityCheckRequired);
    }

    [Fact]
    public async Task A_proof_that_is_wrong_stale_or_replayed_is_refused_whoever_asks()
    {
        var time = new FakeTime();
        await using var server = await TestServer.StartAsync(time);
        using var owner = await server.CreateActiveAsync();
        using var stranger = new TestDevice(time);
        var email = owner.Account!.Email;

        foreach (var (device, address) in new[] { (owner, email), (stranger, email), (stranger, AccountSteps.NewEmail()) })
        {
            var ofAnother = device.ProvenSignInRequest(address);
            ofAnother.Proof = device.Prove("/kpm.v1.AccountService/SignIn", "x" + address);
            await Refused.WithAsync(ErrorReason.DeviceProofInvalid, server.Accounts.SignInAsync(ofAnother));
            var stale = device.ProvenSignInRequest(address);
            stale.Proof = device.Prove("/kpm.v1.AccountService/SignIn", address, time.GetUtcNow() - TimeSpan.FromSeconds(61));
            await Refused.WithAsync(ErrorReason.DeviceProofInvalid, server.Accounts.SignInAsync(stale));
        }

        var request = owner.ProvenSignInRequest(email);
        Assert.NotNull((await server.Accounts.SignInAsync(request)).SignedIn);
        await Refused.WithAsync(ErrorReason.DeviceProofInvalid, server.Accounts.SignInAsync(request));
    }

    [Fact]
    public async Task A_revoked_device_has_no_budget_of_its_own()
    {
        var time = new FakeTime();
        await using var server = await TestServer.StartAsync(time);
        using var owner = await server.CreateActiveAsync();
        using var lost = await server.SignInAsync(owner.Account!.Email);
        await server.Accounts.RevokeDeviceAsync(new RevokeDeviceRequest { RequestId = Guid.CreateVersion7().ToString(), DeviceId = lost.DeviceId.ToString() }, owner.Call);
        for (var i = 0; i < 5; i++)
        {
            await server.FailSignInAsync(lost, owner.Account.Email);
        }

        await Refused.WithAsync(ErrorReason.RateLimited, server.Accounts.SignInAsync(lost.ProvenSignInRequest(owner.Account.Email)));
    }

    private static int Blocked(TestServer server) => server.Database.Read(c => c.QuerySingle<int>(
        "SELECT count(*) FROM security_event WHERE kind = @kind AND actor = @actor", new { kind = (int)SecurityEventKind.SignInBlocked, actor = (int)Actor.Anonymous }));

    private static async Task<string> OutcomeAsync(TestServer server, SignInRequest request)
    {
        try
        {
            return (await server.Accounts.SignInAsync(request)).OutcomeCase.ToString();
        }
        catch (RpcException e)
        {
            return RefusedCall.Of(e).Info.Reason;
        }
    }
}
