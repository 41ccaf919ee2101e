using Google.Rpc;
using Kpm.V1;

namespace Kpm.Server.Rpc;

/// <summary>An error of the catalogue, on its way to the interceptor that puts it on the wire. Made by <see cref="Errors"/>.</summary>
#pragma warning disable CA1032, RCS1194 // an error without a reason can't exist
internal sealed class KpmException : Exception
#pragma warning restore CA1032, RCS1194
{
    public KpmException(ErrorReason reason, Exception? inner = null)
        : base(ErrorCatalogue.Of(reason).Text, inner) => Reason = reason;

    public ErrorReason Reason { get; }

    /// <summary>Every bad field; empty where the error is not about fields.</summary>
    public IReadOnlyList<BadRequest.Types.FieldViolation> Fields { get; init; } = [];

    /// <summary>When to try again.</summary>
    public TimeSpan? RetryAfter { get; init; }

    /// <summary>Go into the ErrorInfo; never a secret.</summary>
    public IReadOnlyList<(string Key, string Value)> Details { get; init; } = [];
}
