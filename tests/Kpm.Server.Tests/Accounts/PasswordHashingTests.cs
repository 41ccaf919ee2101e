using Kpm.Server.Accounts.Passwords;
using Kpm.Server.Rpc;
using Kpm.V1;

namespace Kpm.Server.Tests.Accounts;

public sealed class PasswordHashingTests
{
    [Fact]
    public async Task A_full_queue_refuses_at_once_and_says_when_to_come_again()
    {
        using var gate = new ManualResetEventSlim();
        var limits = new Limits { PasswordHashQueue = 2 };
        using var hashing = new PasswordHashing(new SlowHasher(gate), new PasswordHashOptions { Threads = 1 }, limits);
        var running = hashing.HashAsync("a", CancellationToken.None);
        await Hosting.Eventually.TrueAsync(() => SlowHasher.Started(gate));
        var waiting = new[] { hashing.HashAsync("b", CancellationToken.None), hashing.HashAsync("c", CancellationToken.None) };

        var refusal = await Assert.ThrowsAsync<KpmException>(() => hashing.HashAsync("d", CancellationToken.None));

        Assert.Equal((ErrorReason.RateLimited, limits.PasswordHashRetry), (refusal.Reason, refusal.RetryAfter));
        gate.Set();
        await running;
        await Task.WhenAll(waiting);
    }

    [Fact]
    public async Task Who_gave_up_while_waiting_is_not_hashed()
    {
        using var gate = new ManualResetEventSlim();
        var hasher = new SlowHasher(gate);
        using var hashing = new PasswordHashing(hasher, new PasswordHashOptions { Threads = 1 }, new Limits());
        var running = hashing.HashAsync("a", CancellationToken.None);
        using var cancel = new CancellationTokenSource();
        var waiting = hashing.HashAsync("given up", cancel.Token);
        await cancel.CancelAsync();
        gate.Set();

        await running;
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);
        Assert.DoesNotContain("given up", hasher.Hashed);
    }

    [Fact]
    public async Task What_the_thread_at_leisure_does_not_come_to_is_hashed_all_the_same()
    {
        using var stuck = new ManualResetEventSlim();
        var hasher = new StuckHasher(stuck);
        using var hashing = new PasswordHashing(hasher, new PasswordHashOptions { Threads = 1 }, new Limits());

        // It hangs as on a machine without a moment to spare; another thread makes the hash, and what comes after it.
        Assert.Equal("hash of first", await hashing.HashAsync("first", CancellationToken.None).WaitAsync(TimeSpan.FromSeconds(30)));
        Assert.Equal("hash of second", await hashing.HashAsync("second", CancellationToken.None).WaitAsync(TimeSpan.FromSeconds(30)));
        Assert.False(stuck.IsSet);
        stuck.Set();
        Assert.Equal("hash of third", await hashing.HashAsync("third", CancellationToken.None).WaitAsync(TimeSpan.FromSeconds(30)));
    }

    [Fact]
    public async Task The_thread_that_hashes_stands_back_behind_everything_else()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Only Linux has a class for threads that stand back.");
        using var leisure = new LeisureThread("leisure");

        // The scheduling class of the thread is field 41 of its stat, counted here behind its name, which may hold blanks.
        var work = new HashWork<string>(() => File.ReadAllText("/proc/thread-self/stat").Split(") ")[^1].Split(' ')[38], CancellationToken.None);
        Assert.True(leisure.TryRun(work, TimeSpan.FromMinutes(2)));

        Assert.Equal("5", await work.Task);
    }

    /// <summary>Hangs on the thread at leisure until it is let go.</summary>
    private sealed class StuckHasher(ManualResetEventSlim stuck) : IPasswordHasher
    {
        public string Hash(string password)
        {
            if (Thread.CurrentThread.Name?.Contains("leisure", StringComparison.Ordinal) == true)
            {
                stuck.Wait(TimeSpan.FromSeconds(30));
            }

            return "hash of " + password;
        }

        public bool Verify(string password, string hash) => password == hash;

        public bool IsOutdated(string hash) => false;
    }

    /// <summary>Hashes when it is let; the dummy hash is made at once.</summary>
    private sealed class SlowHasher(ManualResetEventSlim gate) : IPasswordHasher
    {
        private static readonly System.Collections.Concurrent.ConcurrentDictionary<ManualResetEventSlim, bool> Begun = new();

        public System.Collections.Concurrent.ConcurrentQueue<string> Hashed { get; } = [];

        public static bool Started(ManualResetEventSlim gate) => Begun.ContainsKey(gate);

        public string Hash(string password)
        {
            if (password.Length > 10)
            {
                return "dummy";
            }

            Begun[gate] = true;
            gate.Wait(TimeSpan.FromSeconds(30));
            Hashed.Enqueue(password);
            return password;
        }

        public bool Verify(string password, string hash) => password == hash;

        public bool IsOutdated(string hash) => false;
    }
}
