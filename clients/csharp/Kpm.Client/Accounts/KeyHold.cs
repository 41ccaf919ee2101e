using Kpm.Client.Storage;

namespace Kpm.Client.Accounts;

/// <summary>This session signed in after a password reset: the server keeps the vault's keys back for a time, unless another device or a second factor approves.</summary>
public sealed class KeysHeldException : Exception
{
    /// <summary>Says until when.</summary>
    /// <param name="until">When the hold ends by itself.</param>
    public KeysHeldException(DateTimeOffset until)
        : base($"The vault's keys are held back until {until:u}.") => Until = until;

    /// <summary>When the hold ends by itself.</summary>
    public DateTimeOffset Until { get; }
}

/// <summary>
/// Keeps a session under the hold away from the vault. It would be given a log without its keysets, which is what a
/// server that withholds looks like; and what was skipped could not be fetched later.
/// </summary>
internal sealed class KeyHold(LocalStore store, DeviceClient devices, TimeProvider time)
{
    /// <summary>Throws KeysHeldException while the hold lasts; asks the server whether it was ended early.</summary>
    public async Task RequireNoneAsync(CancellationToken cancellationToken)
    {
        if (store.Session()?.KeysHeldMs is not { } held || DateTimeOffset.FromUnixTimeMilliseconds(held) <= time.GetUtcNow())
        {
            return;
        }

        var own = (await devices.ListAsync(cancellationToken)).FirstOrDefault(device => device.Current);
        if (own?.KeysHeldUntil is { } until)
        {
            throw new KeysHeldException(until.ToDateTimeOffset());
        }

        store.EndHoldOnKeys();
    }
}
