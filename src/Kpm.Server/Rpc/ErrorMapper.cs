using System.Security.Cryptography;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Google.Rpc;
using Grpc.Core;
using Kpm.Server.Storage;
using Kpm.V1;
using Microsoft.Data.Sqlite;
using Status = Grpc.Core.Status;

namespace Kpm.Server.Rpc;

/// <summary>Turns whatever a handler threw into the one status that goes on the wire.</summary>
internal sealed class ErrorMapper(ILogger<ErrorMapper> logger)
{
    private const string Domain = "kpm";

    /// <summary>The text travels in a header.</summary>
    private const int FieldsInText = 8;

    private const string DetailsTrailer = "grpc-status-details-bin";

    public RpcException Map(Exception exception, ServerCallContext context)
    {
        switch (exception)
        {
            case KpmException known:
                return ToRpc(known);
            case RpcException made:
                return made;
            case StorageBusyException:
                return ToRpc(Errors.RetryAfter(ErrorReason.RateLimited, TimeSpan.FromSeconds(1), exception));
            case StorageUnavailableException:
                Log.StorageUnavailable(logger, context.Method, exception);
                return ToRpc(Errors.RetryAfter(ErrorReason.Unavailable, TimeSpan.FromSeconds(5), exception));
            case SqliteException sqlite when StorageRefusal(sqlite) is { } refusal:
                Log.StorageRefused(logger, context.Method, sqlite.SqliteErrorCode, sqlite.SqliteExtendedErrorCode);
                return ToRpc(refusal);
            // Nobody reads the answer any more, and whatever failed, failed because of that.
            case var _ when context.CancellationToken.IsCancellationRequested:
                return new RpcException(Status.DefaultCancelled);
            default:
                return Unexpected(exception, context);
        }
    }

    private RpcException Unexpected(Exception exception, ServerCallContext context)
    {
        var correlationId = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(8));
        Log.UnexpectedFailure(logger, context.Method, correlationId, exception);
        return ToRpc(Errors.With(ErrorReason.Internal, "correlationId", correlationId));
    }

    private static KpmException? StorageRefusal(SqliteException exception) => exception.SqliteErrorCode switch
    {
        // SQLITE_BUSY, SQLITE_LOCKED: over in a moment.
        5 or 6 => Errors.RetryAfter(ErrorReason.Unavailable, TimeSpan.FromSeconds(1), exception),
        // SQLITE_NOMEM, SQLITE_IOERR, SQLITE_FULL, SQLITE_CANTOPEN: until an operator has made room.
        7 or 10 or 13 or 14 => Errors.RetryAfter(ErrorReason.Unavailable, TimeSpan.FromSeconds(30), exception),
        _ => null,
    };

    private static RpcException ToRpc(KpmException error)
    {
        var entry = ErrorCatalogue.Of(error.Reason);
        var info = new ErrorInfo { Domain = Domain, Reason = entry.Name };
        foreach (var (key, value) in error.Details)
        {
            info.Metadata.Add(key, value);
        }

        var text = TextOf(entry.Text, error.Fields);
        var status = new Google.Rpc.Status { Code = (int)entry.Code, Message = text };
        status.Details.Add(Any.Pack(info));
        if (error.Fields.Count > 0)
        {
            var badRequest = new BadRequest();
            badRequest.FieldViolations.AddRange(error.Fields);
            status.Details.Add(Any.Pack(badRequest));
        }

        if (error.RetryAfter is { } delay)
        {
            status.Details.Add(Any.Pack(new RetryInfo { RetryDelay = Duration.FromTimeSpan(delay) }));
        }

        return new RpcException(new Status(entry.Code, text), new Metadata { { DetailsTrailer, status.ToByteArray() } });
    }

    /// <summary>For people at a tool that doesn't decode the details: the bad fields by name. Programs read BadRequest.</summary>
    private static string TextOf(string text, IReadOnlyList<BadRequest.Types.FieldViolation> fields) => fields.Count switch
    {
        0 => text,
        > FieldsInText => $"{text} {Join(fields.Take(FieldsInText))}; and {fields.Count - FieldsInText} more.",
        _ => $"{text} {Join(fields)}.",
    };

    private static string Join(IEnumerable<BadRequest.Types.FieldViolation> fields) => string.Join("; ", fields.Select(f => $"{f.Field} {f.Description}"));
}
