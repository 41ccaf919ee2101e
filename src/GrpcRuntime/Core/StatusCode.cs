namespace Grpc.Core;

/// <summary>The result of a call, with the numbers the gRPC protocol assigns.</summary>
public enum StatusCode
{
    /// <summary>Success.</summary>
    OK = 0,

    /// <summary>The call was cancelled, usually by the caller.</summary>
    Cancelled = 1,

    /// <summary>An error that carries no usable code.</summary>
    Unknown = 2,

    /// <summary>An argument that is wrong whatever the state of the system.</summary>
    InvalidArgument = 3,

    /// <summary>The deadline passed before the call ended.</summary>
    DeadlineExceeded = 4,

    /// <summary>The requested entity does not exist.</summary>
    NotFound = 5,

    /// <summary>The entity to create exists already.</summary>
    AlreadyExists = 6,

    /// <summary>The caller is known and may not do this.</summary>
    PermissionDenied = 7,

    /// <summary>A quota, limit or store is used up.</summary>
    ResourceExhausted = 8,

    /// <summary>The system is not in the state the call needs.</summary>
    FailedPrecondition = 9,

    /// <summary>The call was given up, usually over a conflict; it may be tried again at a higher level.</summary>
    Aborted = 10,

    /// <summary>A position beyond the valid range.</summary>
    OutOfRange = 11,

    /// <summary>The method does not exist or is not supported.</summary>
    Unimplemented = 12,

    /// <summary>An invariant of the system is broken.</summary>
    Internal = 13,

    /// <summary>The service cannot be reached now; the call may be tried again.</summary>
    Unavailable = 14,

    /// <summary>Data is lost or corrupted beyond recovery.</summary>
    DataLoss = 15,

    /// <summary>The caller is not identified.</summary>
    Unauthenticated = 16,
}
