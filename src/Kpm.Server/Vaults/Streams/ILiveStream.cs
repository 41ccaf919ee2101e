using Kpm.V1;

namespace Kpm.Server.Vaults.Streams;

/// <summary>A stream of a device, as the account's feed knows it. Every member returns at once.</summary>
internal interface ILiveStream
{
    Guid DeviceId { get; }

    Guid SessionId { get; }

    /// <summary>The last seq that the device has acknowledged on this stream.</summary>
    ulong AcknowledgedSeq { get; }

    /// <summary>The log has grown.</summary>
    void Wake();

    /// <summary>The session was approved: the wrapped keys are no longer withheld from it.</summary>
    void EndHold();

    /// <summary>The server ends the stream; the device may come back.</summary>
    void End(GoAwayReason reason);

    /// <summary>The vault's generation was raised: the stream says so and ends.</summary>
    void EndGeneration();

    /// <summary>The session is over: nothing of the vault goes to it any more.</summary>
    void Revoke(RevokedReason reason);
}
