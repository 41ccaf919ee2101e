using Kpm.Server.Tests.Hosting;
using Kpm.V1;

namespace Kpm.Server.Tests.Vaults;

public sealed class GetVaultTests
{
    [Fact]
    public async Task A_new_vault_is_empty()
    {
        await using var server = await TestServer.StartAsync();
        var device = await server.CreatePendingAsync();
        var vault = await server.Vault.GetVaultAsync(new GetVaultRequest(), device.Call);

        Assert.Equal((device.Account!.AccountId, 1UL, 1u, 0UL, 0UL), (vault.VaultId, vault.Generation, vault.KeyEpoch, vault.HeadSeq, vault.CompactedSeq));
        Assert.Equal(new byte[32], vault.ChainHash.ToByteArray());
        Assert.Null(vault.Keyset);
    }

    [Fact]
    public async Task It_shows_the_head_its_chain_hash_and_the_newest_keyset()
    {
        await using var server = await TestServer.StartAsync();
        var device = await server.EnrolAsync();
        await server.PushAsync(device, device.Author.Keyset(0));
        var newest = device.Author.Keyset(1);
        await server.PushAsync(device, newest);
        await server.FillAsync(device, 2);
        var vault = await server.Vault.GetVaultAsync(new GetVaultRequest(), device.Call);

        Assert.Equal(5UL, vault.HeadSeq);
        Assert.Equal(VaultSteps.ChainHash(server.Log(device), 5), vault.ChainHash);
        Assert.Equal((2UL, 3UL, newest.Header, newest.Signature, newest.Envelope), (vault.Keyset.Rev, vault.Keyset.Seq, vault.Keyset.Header, vault.Keyset.Signature, vault.Keyset.Keyset_));
    }

    [Theory]
    [InlineData(1, true)]
    [InlineData(2, false)]
    public async Task G6_it_answers_once_the_log_has_reached_min_seq(ulong minSeq, bool reached)
    {
        await using var server = await TestServer.StartAsync(options: o => o with { Limits = o.Limits with { MinSeqTimeout = TimeSpan.FromMilliseconds(200) } });
        var device = await server.EnrolAsync();
        var request = new GetVaultRequest { MinSeq = minSeq };
        if (reached)
        {
            Assert.Equal(1UL, (await server.Vault.GetVaultAsync(request, device.Call)).HeadSeq);
        }
        else
        {
            Assert.NotNull((await Refused.WithAsync(ErrorReason.MinSeqNotReached, server.Vault.GetVaultAsync(request, device.Call))).RetryAfter);
        }
    }

    [Fact]
    public async Task Each_account_sees_its_own_vault()
    {
        await using var server = await TestServer.StartAsync();
        var one = await server.EnrolAsync();
        var other = await server.EnrolAsync();
        await server.FillAsync(one, 3);

        Assert.Equal(4UL, (await server.Vault.GetVaultAsync(new GetVaultRequest(), one.Call)).HeadSeq);
        Assert.Equal(1UL, (await server.Vault.GetVaultAsync(new GetVaultRequest(), other.Call)).HeadSeq);
    }
}
