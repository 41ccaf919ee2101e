using Kpm.Server.Storage.Sqlite;
using Kpm.Server.Vaults;

namespace Kpm.Server.Tests.Storage;

public sealed class DurableStatesTests
{
    private static readonly Guid Account = Guid.CreateVersion7();

    private readonly DurableStates _states = new();

    [Fact]
    public void A_state_is_read_once()
    {
        var reads = 0;
        for (var i = 0; i < 3; i++)
        {
            Assert.Equal(5UL, _states.Get(Account, _ => At(5, ref reads)).HeadSeq);
        }

        Assert.Equal(1, reads);
    }

    [Fact]
    public void What_the_writer_publishes_is_seen_at_once()
    {
        _states.Get(Account, _ => At(5));
        _states.Publish(Account, At(6));

        Assert.Equal(6UL, _states.Get(Account, _ => throw new InvalidOperationException("It is at hand.")).HeadSeq);
    }

    [Fact]
    public void A_reader_that_was_overtaken_leaves_nothing_stale_behind()
    {
        var fetched = _states.Get(Account, account =>
        {
            var before = At(5);
            _states.Publish(account, At(6));
            return before;
        });

        Assert.Equal(5UL, fetched.HeadSeq);
        Assert.Equal(6UL, _states.Get(Account, _ => At(5)).HeadSeq);
    }

    [Fact]
    public void More_accounts_than_are_kept_are_read_again()
    {
        for (var i = 0; i < 50_001; i++)
        {
            _states.Publish(Guid.CreateVersion7(), At(1));
        }

        var reads = 0;
        _states.Publish(Account, At(2));
        Assert.Equal(2UL, _states.Get(Account, _ => At(9, ref reads)).HeadSeq);
        Assert.Equal(0, reads);
    }

    private static VaultState At(ulong head) => VaultState.Empty with { HeadSeq = head };

    private static VaultState At(ulong head, ref int reads)
    {
        reads++;
        return At(head);
    }
}
