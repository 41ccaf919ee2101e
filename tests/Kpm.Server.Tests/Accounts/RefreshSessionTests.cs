using Dapper;
using Kpm.Server.Tests.Hosting;
using Kpm.V1;

namespace Kpm.Server.Tests.Accounts;

public sealed class RefreshSessionTests
{
    private static RefreshSessionRequest Request(TestDevice device, string token, DateTimeOffset? at = null) =>
        new() { RefreshToken = token, Proof = device.Prove(TestDevice.RefreshMethod, token, at) };

    [Fact]
    public async Task A_refresh_gives_the_next_pair_and_survives_a_restart()
    {
        await using var server = await TestServer.StartAsync();
        using var device = await server.CreateActiveAsync();
        var (access, refresh) = (device.Session!.AccessToken, device.Session.RefreshToken);

        await server.RefreshAsync(device);

        Assert.NotEqual(access, device.Session.AccessToken);
        Assert.NotEqual(refresh, device.Session.RefreshToken);
        await server.RestartAsync();
        Assert.NotNull(await server.Accounts.GetAccountAsync(new GetAccountRequest(), device.Call));
        await server.RefreshAsync(device);
        Assert.NotNull(await server.Accounts.GetAccountAsync(new GetAccountRequest(), device.Call));
    }

    [Fact]
    public async Task The_access_token_before_works_until_it_expires()
    {
        var time = new FakeTime();
        await using var server = await TestServer.StartAsync(time);
        using var device = await server.CreateActiveAsync();
        var former = device.Call;
        time.Advance(TimeSpan.FromMinutes(10));
        await server.RefreshAsync(device);

        Assert.NotNull(await server.Accounts.GetAccountAsync(new GetAccountRequest(), former));
        time.Advance(TimeSpan.FromMinutes(5));
        await Refused.WithAsync(ErrorReason.SessionInvalid, server.Accounts.GetAccountAsync(new GetAccountRequest(), former));
        Assert.NotNull(await server.Accounts.GetAccountAsync(new GetAccountRequest(), device.Call));
    }

    [Fact]
    public async Task A_lost_answer_is_given_again_within_the_grace()
    {
        var time = new FakeTime();
        await using var server = await TestServer.StartAsync(time);
        using var device = await server.CreateActiveAsync();
        var token = device.Session!.RefreshToken;
        var request = Request(device, token);
        var first = await server.Accounts.RefreshSessionAsync(request);
        time.Advance(TimeSpan.FromSeconds(9));

        Assert.Equal(first, await server.Accounts.RefreshSessionAsync(request));
        Assert.Equal(first, await server.Accounts.RefreshSessionAsync(Request(device, token)));
        Assert.Equal(1, server.Database.Read(c => c.QuerySingle<int>("SELECT refresh_generation FROM session")));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public async Task A_spent_token_after_the_grace_ends_the_session(int generationsAgo)
    {
        var time = new FakeTime();
        await using var server = await TestServer.StartAsync(time);
        using var device = await server.CreateActiveAsync();
        var spent = device.Session!.RefreshToken;
        for (var i = 0; i < generationsAgo; i++)
        {
            await server.RefreshAsync(device);
        }

        time.Advance(TimeSpan.FromSeconds(10));
        await Refused.WithAsync(ErrorReason.RefreshTokenReused, server.Accounts.RefreshSessionAsync(Request(device, spent)));

        await Refused.WithAsync(ErrorReason.SessionInvalid, server.Accounts.GetAccountAsync(new GetAccountRequest(), device.Call));
        await Refused.WithAsync(ErrorReason.RefreshTokenInvalid, server.Accounts.RefreshSessionAsync(Request(device, device.Session.RefreshToken)));
        Assert.Contains(server.Logs.Lines, l => l.Id == 2001);
    }

    [Fact]
    public async Task A_spent_token_in_the_hands_of_someone_without_the_key_ends_the_session_at_once()
    {
        await using var server = await TestServer.StartAsync();
        using var device = await server.CreateActiveAsync();
        using var thief = new TestDevice(server.Time);
        var spent = device.Session!.RefreshToken;
        await server.RefreshAsync(device);

        await Refused.WithAsync(ErrorReason.RefreshTokenReused, server.Accounts.RefreshSessionAsync(Request(thief, spent)));

        await Refused.WithAsync(ErrorReason.SessionInvalid, server.Accounts.GetAccountAsync(new GetAccountRequest(), device.Call));
    }

    [Fact]
    public async Task A_proof_that_is_wrong_or_stale_changes_nothing()
    {
        var time = new FakeTime();
        await using var server = await TestServer.StartAsync(time);
        using var device = await server.CreateActiveAsync();
        using var other = new TestDevice(time);
        var token = device.Session!.RefreshToken;
        var before = Snapshot.Of(server.Database);
        var altered = Request(device, token);
        altered.Proof.Time.Nanos += 1_000_000;
        var tooFine = Request(device, token);
        tooFine.Proof.Time.Nanos += 1;
        RefreshSessionRequest[] bad =
        [
            Request(other, token),
            Request(device, token, time.GetUtcNow().AddSeconds(-61)),
            Request(device, token, time.GetUtcNow().AddSeconds(61)),
            new() { RefreshToken = token, Proof = device.Prove(TestDevice.SyncMethod, token) },
            new() { RefreshToken = token, Proof = device.Prove(TestDevice.RefreshMethod, device.Session.AccessToken) },
            altered,
            tooFine,
        ];

        foreach (var request in bad)
        {
            await Refused.WithAsync(ErrorReason.DeviceProofInvalid, server.Accounts.RefreshSessionAsync(request));
        }

        Assert.Equal(before, Snapshot.Of(server.Database));
        await server.Accounts.RefreshSessionAsync(Request(device, token, time.GetUtcNow().AddSeconds(-60)));
    }

    [Fact]
    public async Task Made_up_tokens_are_invalid_and_end_nothing()
    {
        await using var server = await TestServer.StartAsync();
        using var device = await server.CreateActiveAsync();
        var token = device.Session!.RefreshToken;
        var otherEnd = token[^1] == 'A' ? "B" : "A";

        foreach (var madeUp in (string[])["x", token + "A", token[..^1] + otherEnd, "B" + token[1..], new string('A', token.Length)])
        {
            await Refused.WithAsync(ErrorReason.RefreshTokenInvalid, server.Accounts.RefreshSessionAsync(Request(device, madeUp)));
        }

        await server.RefreshAsync(device);
    }

    [Fact]
    public async Task Of_64_parallel_uses_of_one_token_exactly_one_rotates()
    {
        await using var server = await TestServer.StartAsync();
        using var device = await server.CreateActiveAsync();
        var token = device.Session!.RefreshToken;

        var answers = await Task.WhenAll(Enumerable.Range(0, 64).Select(_ => server.Accounts.RefreshSessionAsync(Request(device, token)).ResponseAsync));

        Assert.Single(answers.Distinct());
        Assert.Equal(1, server.Database.Read(c => c.QuerySingle<int>("SELECT refresh_generation FROM session")));
        device.Session = answers[0].Session;
        await server.RefreshAsync(device);
    }

    [Fact]
    public async Task Tokens_end_with_their_lifetimes()
    {
        var time = new FakeTime();
        await using var server = await TestServer.StartAsync(time);
        using var device = await server.CreateActiveAsync();
        var start = time.GetUtcNow();

        time.Advance(TimeSpan.FromMinutes(15) - TimeSpan.FromMilliseconds(1));
        Assert.NotNull(await server.Accounts.GetAccountAsync(new GetAccountRequest(), device.Call));
        time.Advance(TimeSpan.FromMilliseconds(1));
        await Refused.WithAsync(ErrorReason.SessionInvalid, server.Accounts.GetAccountAsync(new GetAccountRequest(), device.Call));

        // Used every 29 days, it lives on until the absolute end.
        while (time.GetUtcNow() + TimeSpan.FromDays(29) < start + TimeSpan.FromDays(180))
        {
            time.Advance(TimeSpan.FromDays(29));
            await server.RefreshAsync(device);
        }

        Assert.Equal(start + TimeSpan.FromDays(180), device.Session!.RefreshExpiresAt.ToDateTimeOffset());
        time.Advance(start + TimeSpan.FromDays(180) - time.GetUtcNow());
        await Refused.WithAsync(ErrorReason.RefreshTokenInvalid, server.Accounts.RefreshSessionAsync(Request(device, device.Session.RefreshToken)));
    }

    [Fact]
    public async Task An_idle_refresh_token_ends_after_30_days()
    {
        var time = new FakeTime();
        await using var server = await TestServer.StartAsync(time);
        using var device = await server.CreateActiveAsync();
        time.Advance(TimeSpan.FromDays(30));

        await Refused.WithAsync(ErrorReason.RefreshTokenInvalid, server.Accounts.RefreshSessionAsync(Request(device, device.Session!.RefreshToken)));
    }
}
