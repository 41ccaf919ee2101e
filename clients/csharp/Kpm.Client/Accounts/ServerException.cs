using Google.Protobuf;
using Google.Protobuf.Collections;
using Google.Protobuf.WellKnownTypes;
using Google.Rpc;
using Grpc.Core;
using Kpm.V1;

namespace Kpm.Client.Accounts;

/// <summary>What the server says about one field of a request.</summary>
/// <param name="Field">The field, as the contract names it.</param>
/// <param name="Reason">A machine-readable reason, where there is one.</param>
/// <param name="Description">A sentence in English.</param>
public sealed record FieldViolation(string Field, string Reason, string Description);

/// <summary>The server answered a call with an error, or could not be reached.</summary>
public sealed class ServerException : Exception
{
    private const string DetailsKey = "grpc-status-details-bin";
    private const string Domain = "kpm";
    private const string ReasonPrefix = "ERROR_REASON_";

    private ServerException(RpcException inner, ErrorReason reason, IReadOnlyDictionary<string, string> metadata, IReadOnlyList<FieldViolation> violations, TimeSpan? retryAfter)
        : base(inner.Status.Detail, inner)
    {
        StatusCode = inner.StatusCode;
        Reason = reason;
        Metadata = metadata;
        Violations = violations;
        RetryAfter = retryAfter;
    }

    /// <summary>The gRPC status.</summary>
    public StatusCode StatusCode { get; }

    /// <summary>The reason; UNSPECIFIED where the error did not come from the server's handlers, as when it can't be reached.</summary>
    public ErrorReason Reason { get; }

    /// <summary>What the reason carries, such as a correlation id.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; }

    /// <summary>Each bad field of the request.</summary>
    public IReadOnlyList<FieldViolation> Violations { get; }

    /// <summary>Not to be tried again before this time has passed; null where the server does not say.</summary>
    public TimeSpan? RetryAfter { get; }

    /// <summary>True when the same call may succeed later.</summary>
    public bool IsTransient => StatusCode is StatusCode.Unavailable or StatusCode.DeadlineExceeded
        || (StatusCode == StatusCode.ResourceExhausted && Reason != ErrorReason.QuotaExceeded)
        || (StatusCode == StatusCode.Internal && Reason == ErrorReason.Unspecified)
        || Reason is ErrorReason.StreamStalled or ErrorReason.MinSeqNotReached;

    /// <summary>True when the session has ended and the person must sign in again.</summary>
    public bool IsSignedOut => Reason is ErrorReason.RefreshTokenInvalid or ErrorReason.RefreshTokenReused or ErrorReason.SessionInvalid;

    /// <summary>Reads the details of an error.</summary>
    /// <param name="error">What the call threw.</param>
    /// <returns>The typed error.</returns>
    public static ServerException From(RpcException error)
    {
        ArgumentNullException.ThrowIfNull(error);
        var reason = ErrorReason.Unspecified;
        var metadata = new Dictionary<string, string>(StringComparer.Ordinal);
        var violations = new List<FieldViolation>();
        TimeSpan? retryAfter = null;
        foreach (var detail in Details(error))
        {
            if (detail.TryUnpack<ErrorInfo>(out var info) && info.Domain == Domain)
            {
                reason = ReasonOf(info.Reason);
                foreach (var (key, value) in info.Metadata)
                {
                    metadata[key] = value;
                }
            }
            else if (detail.TryUnpack<BadRequest>(out var bad))
            {
                violations.AddRange(bad.FieldViolations.Select(violation => new FieldViolation(violation.Field, violation.Reason, violation.Description)));
            }
            else if (detail.TryUnpack<RetryInfo>(out var retry))
            {
                retryAfter = retry.RetryDelay?.ToTimeSpan();
            }
        }

        return new ServerException(error, reason, metadata, violations, retryAfter);
    }

    /// <summary>The server answered with what this version of the contract does not have.</summary>
    internal static ServerException Unexpected(string message) =>
        From(new RpcException(new Grpc.Core.Status(StatusCode.Unimplemented, $"The server's {message} holds nothing that this program knows; it may be older than the server.")));

    private static ErrorReason ReasonOf(string name)
    {
        var value = ErrorReasonReflection.Descriptor.FindTypeByName<Google.Protobuf.Reflection.EnumDescriptor>(nameof(ErrorReason)).FindValueByName(ReasonPrefix + name);
        return value is null ? ErrorReason.Unspecified : (ErrorReason)value.Number;
    }

    private static RepeatedField<Any> Details(RpcException error)
    {
        var bytes = error.Trailers.GetValueBytes(DetailsKey);
        if (bytes is null)
        {
            return [];
        }

        try
        {
            return Google.Rpc.Status.Parser.ParseFrom(bytes).Details;
        }
        catch (InvalidProtocolBufferException)
        {
            // Details that can't be read are as good as none; the status itself is still right.
            return [];
        }
    }
}
