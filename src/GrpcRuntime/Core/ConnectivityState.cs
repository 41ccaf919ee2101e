namespace Grpc.Core;

/// <summary>How a channel stands to its server.</summary>
public enum ConnectivityState
{
    /// <summary>No connection, and nobody asked for one.</summary>
    Idle,

    /// <summary>Connecting.</summary>
    Connecting,

    /// <summary>Connected.</summary>
    Ready,

    /// <summary>Could not connect, or lost the connection; it is tried again after a pause.</summary>
    TransientFailure,

    /// <summary>The channel was disposed.</summary>
    Shutdown,
}
