using Kpm.Server.Accounts;
using Kpm.Server.Accounts.Events;
using Kpm.Server.Accounts.Sessions;
using Kpm.Server.Rpc;
using Kpm.Server.Secrets;
using Kpm.Server.Tests.Hosting;
using Kpm.V1;

namespace Kpm.Server.Tests.Accounts;

public sealed class SessionDirectoryTests
{
    private const string Token = "a-token";

    private readonly FakeTime _time = new();
    private readonly Sessions _store = new();
    private readonly Endings _endings = new();

    [Fact]
    public async Task A_session_in_use_costs_no_read()
    {
        var directory = Directory();
        var caller = _store.Add(Token, _time.GetUtcNow().AddMinutes(15));

        for (var i = 0; i < 10; i++)
        {
            Assert.Same(caller, await directory.FindAsync(Token, CancellationToken.None));
        }

        Assert.Equal(1, _store.Reads);
    }

    [Fact]
    public async Task Beyond_the_bound_sessions_are_read_each_time()
    {
        var directory = Directory(new Limits { CachedSessions = 1 });
        _store.Add(Token, _time.GetUtcNow().AddMinutes(15));
        _store.Add("other", _time.GetUtcNow().AddMinutes(15));
        await directory.FindAsync(Token, CancellationToken.None);
        Assert.NotNull(await directory.FindAsync("other", CancellationToken.None));
        Assert.NotNull(await directory.FindAsync("other", CancellationToken.None));
        Assert.NotNull(await directory.FindAsync(Token, CancellationToken.None));

        Assert.Equal(3, _store.Reads);
    }

    [Fact]
    public async Task An_ended_session_is_out_at_once_and_its_streams_are_told()
    {
        var directory = Directory();
        var caller = _store.Add(Token, _time.GetUtcNow().AddMinutes(15));
        await directory.FindAsync(Token, CancellationToken.None);

        _store.End(Token);
        directory.End([new EndedSession(caller.AccountId, caller.SessionId)], RevokedReason.SignedOut);

        Assert.Null(await directory.FindAsync(Token, CancellationToken.None));
        Assert.Equal([(caller.SessionId, RevokedReason.SignedOut)], _endings.Sessions);
    }

    [Fact]
    public async Task A_session_that_ends_while_it_is_read_does_not_come_back()
    {
        var directory = Directory();
        var caller = _store.Add(Token, _time.GetUtcNow().AddMinutes(15));
        _store.Pause = new TaskCompletionSource();
        var reading = directory.FindAsync(Token, CancellationToken.None).AsTask();

        // The read has seen the live session; now it ends, and only then the read returns.
        _store.End(Token);
        directory.End([new EndedSession(caller.AccountId, caller.SessionId)], RevokedReason.SignedOut);
        _store.Pause.SetResult();
        await reading;
        _store.Pause = null;

        Assert.Null(await directory.FindAsync(Token, CancellationToken.None));
    }

    [Fact]
    public async Task A_token_ends_on_time_though_it_is_in_memory()
    {
        var directory = Directory();
        _store.Add(Token, _time.GetUtcNow().AddMinutes(15));
        await directory.FindAsync(Token, CancellationToken.None);
        _time.Advance(TimeSpan.FromMinutes(15) - TimeSpan.FromTicks(1));
        Assert.NotNull(await directory.FindAsync(Token, CancellationToken.None));

        _time.Advance(TimeSpan.FromTicks(1));
        Assert.Null(await directory.FindAsync(Token, CancellationToken.None));
    }

    [Fact]
    public async Task The_sweep_tells_when_devices_called_and_forgets_expired_tokens()
    {
        var directory = Directory();
        var caller = _store.Add(Token, _time.GetUtcNow().AddMinutes(15));
        await directory.FindAsync(Token, CancellationToken.None);
        _time.Advance(TimeSpan.FromMinutes(1));
        await directory.FindAsync(Token, CancellationToken.None);

        Assert.Equal([new DeviceSeen(caller.DeviceId, _time.GetUtcNow())], directory.Sweep());
        Assert.Empty(directory.Sweep());
        _time.Advance(TimeSpan.FromMinutes(14));
        Assert.Empty(directory.Sweep());
        Assert.Null(await directory.FindAsync(Token, CancellationToken.None));
        Assert.Equal(2, _store.Reads);
    }

    [Theory]
    [InlineData("")]
    [InlineData("tökén")]
    public async Task What_can_be_no_token_is_not_looked_up(string token)
    {
        Assert.Null(await Directory().FindAsync(token, CancellationToken.None));
        Assert.Null(await Directory().FindAsync(new string('x', 257), CancellationToken.None));
        Assert.Equal(0, _store.Reads);
    }

    private SessionDirectory Directory(Limits? limits = null) => new(_store, _endings, _time, limits ?? new Limits());

    /// <summary>Sessions in memory, with a count of reads and a place to stop one.</summary>
    private sealed class Sessions : ISessionStore
    {
        private readonly Dictionary<string, AccessRow> _rows = new(StringComparer.Ordinal);

        public int Reads { get; private set; }

        public TaskCompletionSource? Pause { get; set; }

        public Caller Add(string token, DateTimeOffset expiresAt)
        {
            var hash = SecretToken.Hash(token);
            var caller = new Caller
            {
                AccountId = Guid.CreateVersion7(), SessionId = Guid.CreateVersion7(), DeviceId = Guid.CreateVersion7(),
                Activated = true, AccessExpiresAt = expiresAt, SigningKey = new byte[65], AccessTokenHash = hash,
            };
            _rows[Convert.ToHexString(hash)] = new AccessRow { Caller = caller, Ended = false };
            return caller;
        }

        public void End(string token)
        {
            var key = Convert.ToHexString(SecretToken.Hash(token));
            _rows[key] = _rows[key] with { Ended = true };
        }

        public async ValueTask<AccessRow?> FindByAccessTokenAsync(byte[] accessHash, CancellationToken cancellationToken)
        {
            Reads++;
            var row = _rows.GetValueOrDefault(Convert.ToHexString(accessHash));
            if (Pause is not null)
            {
                await Pause.Task;
            }

            return row;
        }

        public ValueTask<SessionRow?> FindAsync(Guid sessionId, CancellationToken cancellationToken) => throw new NotSupportedException();

        public Task<SignInResult> SignInAsync(SignInWrite write, CancellationToken cancellationToken) => throw new NotSupportedException();

        public Task<Refresh> RefreshAsync(Guid sessionId, Func<SessionRow, Refresh> decide, SecurityEntry reused, CancellationToken cancellationToken) => throw new NotSupportedException();

        public Task<SignOutResult> SignOutAsync(SignOutWrite write, CancellationToken cancellationToken) => throw new NotSupportedException();

        public Task<byte[]?> ApproveAsync(SessionApproval approval, CancellationToken cancellationToken) => throw new NotSupportedException();

        public ValueTask<byte[]?> FindResponseAsync(RequestKey request, CancellationToken cancellationToken) => throw new NotSupportedException();

        public Task<bool> SweepAsync(SweepTimes times, int most, CancellationToken cancellationToken) => throw new NotSupportedException();
    }

    private sealed class Endings : ISessionEndings
    {
        public List<(Guid SessionId, RevokedReason Reason)> Sessions { get; } = [];

        public void SessionEnded(Guid accountId, Guid sessionId, RevokedReason reason) => Sessions.Add((sessionId, reason));

        public void DeviceEnded(Guid accountId, Guid deviceId, RevokedReason reason) => throw new NotSupportedException();

        public void AccountEnded(Guid accountId, RevokedReason reason) => throw new NotSupportedException();
    }
}
