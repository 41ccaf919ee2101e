using System.Threading.Channels;

namespace Kpm.Server.Secrets;

/// <summary>Whether the keys are retired, in a sentence for the operator.</summary>
internal sealed record RetireAnswer(bool Done, string Text);

/// <summary>Which sealing keys the database knows. Each writing method is one transaction.</summary>
internal interface ISealingKeyRecord
{
    /// <summary>When the newest key was put to use.</summary>
    ValueTask<DateTimeOffset> NewestSinceAsync(CancellationToken cancellationToken);

    Task AddAsync(SealingKey key, DateTimeOffset now, CancellationToken cancellationToken);

    /// <summary>Forgets all keys below this one.</summary>
    Task ForgetBelowAsync(int keyId, CancellationToken cancellationToken);
}

/// <summary>
/// Changes the sealing key while the server runs. A rotation writes a new key to the file, then to the database's record, then puts it to
/// use: a crash at any point leaves a file that opens everything. The job then seals the rows anew in small steps; it walks again
/// at each start for as long as the file holds a former key, so that a crash only costs a repetition.
/// </summary>
internal sealed class KeyRotation(
    RootKey root, ISealingKeyRecord record, IEnumerable<ISealedColumn> columns, TimeProvider time, Limits limits, ILogger<KeyRotation> logger) : BackgroundService
{
    private readonly Channel<bool> _walk = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    private readonly SemaphoreSlim _one = new(1);

    /// <summary>Puts a new sealing key to use; a sentence for the operator.</summary>
    public async Task<string> RotateAsync(CancellationToken cancellationToken)
    {
        await _one.WaitAsync(cancellationToken);
        try
        {
            var key = root.Append();
            // Not cancelled: a key in the file is a key in use from here on.
            await record.AddAsync(key, time.Now(), CancellationToken.None);
            root.Use(key);
            Log.Rotated(logger, key.Id);
            _walk.Writer.TryWrite(true);
            return $"Sealing key {key.Id} is in use. Back up root.key now; a running server seals anew what older keys have sealed.";
        }
        finally
        {
            _one.Release();
        }
    }

    /// <summary>Seals what is left anew, then destroys all sealing keys but the newest.</summary>
    public async Task<RetireAnswer> RetireAsync(CancellationToken cancellationToken)
    {
        await _one.WaitAsync(cancellationToken);
        try
        {
            var former = root.Sealing.All.Count - 1;
            if (former == 0)
            {
                return new RetireAnswer(true, "There is no former sealing key.");
            }

            // A call that took the former key just before the rotation must have written its row by now.
            var settled = await record.NewestSinceAsync(cancellationToken) + limits.SealingKeySettling;
            if (time.Now() < settled)
            {
                return new RetireAnswer(false, $"The newest sealing key is too young: calls may still be using the one before. Try again after {settled.UtcDateTime:yyyy-MM-dd HH:mm:ss} UTC.");
            }

            await WalkAsync(cancellationToken);
            var newest = root.Sealing.Newest.Id;
            await record.ForgetBelowAsync(newest, CancellationToken.None);
            root.Retire();
            Log.Retired(logger, former, newest);
            return new RetireAnswer(true, $"Everything is sealed with key {newest}; {former} former sealing key(s) are gone from root.key. Backups of the database from before need a backup of root.key from before.");
        }
        finally
        {
            _one.Release();
        }
    }

    public override void Dispose()
    {
        base.Dispose();
        _one.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (root.Sealing.All.Count > 1)
        {
            _walk.Writer.TryWrite(true);
        }

        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await _walk.Reader.ReadAsync(stoppingToken);
                await WalkAsync(stoppingToken);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e)
            {
                // The former key still opens what was not reached.
                Log.WalkFailed(logger, e);
                await Task.Delay(limits.SweepInterval, time, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                _walk.Writer.TryWrite(true);
            }
        }
    }

    private async Task WalkAsync(CancellationToken cancellationToken)
    {
        var renewed = 0;
        foreach (var column in columns)
        {
            for (byte[]? position = []; position is not null;)
            {
                var step = await column.RenewAsync(position, limits.SweepBatch, cancellationToken);
                position = step.Position;
                renewed += step.Renewed;
            }
        }

        Log.Walked(logger, renewed, root.Sealing.Newest.Id);
    }
}
