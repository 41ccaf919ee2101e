using Kpm.Server.Accounts.Sessions;
using Kpm.Server.Tests.Hosting;
using Kpm.V1;

namespace Kpm.Server.Tests.Accounts;

/// <summary>What a connection remembers of its last token changes no answer.</summary>
public sealed class TokenMemoTests
{
    private const string Token = "kpm_at_0123456789abcdefghijklmnopqrstuvwxyzABCDE";

    [Theory]
    [InlineData(Token)]
    [InlineData("kpm_at_0123456789abcdefghijklmnopqrstuvwxyzABCDF")]
    [InlineData("Kpm_at_0123456789abcdefghijklmnopqrstuvwxyzABCDE")]
    [InlineData("kpm_at_0123456789abcdefghijklmnopqrstuvwxyzABCD")]
    [InlineData("kpm_at_0123456789abcdefghijklmnopqrstuvwxyzABCDEF")]
    [InlineData("k")]
    [InlineData("")]
    [InlineData("kpm_at_0123456789abcdefghijklmnopqrstuvwxyzABCDÉ")]
    public void After_a_token_each_has_the_hash_that_it_has_without_a_memo(string next)
    {
        var memo = new TokenMemo();
        Assert.True(memo.TryHash(Token, out var first));
        Assert.True(TokenHash.TryOf(Token, out var expected));
        Assert.Equal(expected, first);

        var known = TokenHash.TryOf(next, out var own);

        // Twice: the second time it may be the one before.
        for (var i = 0; i < 2; i++)
        {
            Assert.Equal(known, memo.TryHash(next, out var hash));
            Assert.Equal(own, hash);
        }

        Assert.True(memo.TryHash(Token, out var again));
        Assert.Equal(expected, again);
    }

    [Fact]
    public void Calls_that_run_at_the_same_time_never_get_the_hash_of_another()
    {
        var memo = new TokenMemo();
        Parallel.For(0, 64, new ParallelOptions { MaxDegreeOfParallelism = 8, CancellationToken = TestContext.Current.CancellationToken }, worker =>
        {
            var token = $"{Token}{worker}";
            Assert.True(TokenHash.TryOf(token, out var own));
            for (var i = 0; i < 1_000; i++)
            {
                Assert.True(memo.TryHash(token, out var hash));
                Assert.Equal(own, hash);
            }
        });
    }

    [Fact]
    public async Task Devices_that_share_a_connection_are_told_apart_and_an_end_counts_at_once()
    {
        await using var server = await TestServer.StartAsync();
        using var first = await server.CreateActiveAsync();
        using var second = await server.CreateActiveAsync();
        for (var i = 0; i < 3; i++)
        {
            foreach (var device in (TestDevice[])[first, second])
            {
                Assert.Equal(device.Account!.Email, (await server.Accounts.GetAccountAsync(new GetAccountRequest(), device.Call)).Account.Email);
            }
        }

        await server.Accounts.SignOutAsync(new SignOutRequest { RequestId = Guid.CreateVersion7().ToString() }, first.Call);

        await Refused.WithAsync(ErrorReason.SessionInvalid, server.Accounts.GetAccountAsync(new GetAccountRequest(), first.Call));
        Assert.Equal(second.Account!.Email, (await server.Accounts.GetAccountAsync(new GetAccountRequest(), second.Call)).Account.Email);
    }
}
