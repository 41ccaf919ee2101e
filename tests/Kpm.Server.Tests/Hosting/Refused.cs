using Google.Rpc;
using Grpc.Core;
using Kpm.Server.Rpc;
using Kpm.V1;

namespace Kpm.Server.Tests.Hosting;

/// <summary>An error as a client reads it.</summary>
internal sealed record RefusedCall(ErrorInfo Info, IReadOnlyList<BadRequest.Types.FieldViolation> Fields, TimeSpan? RetryAfter)
{
    public IEnumerable<string> FieldNames => Fields.Select(f => f.Field);

    public IEnumerable<string> FieldReasons => Fields.Select(f => f.Reason);

    public static RefusedCall Of(RpcException exception)
    {
        var bytes = exception.Trailers.GetValueBytes("grpc-status-details-bin");
        Assert.True(bytes is not null, $"The error has no details: {exception.Status}");
        var status = Google.Rpc.Status.Parser.ParseFrom(bytes);
        Assert.Equal((int)exception.StatusCode, status.Code);
        Assert.Equal(exception.Status.Detail, status.Message);
        var info = Assert.Single(status.Details, d => d.Is(ErrorInfo.Descriptor)).Unpack<ErrorInfo>();
        Assert.Equal("kpm", info.Domain);
        var badRequest = status.Details.SingleOrDefault(d => d.Is(BadRequest.Descriptor))?.Unpack<BadRequest>();
        var retry = status.Details.SingleOrDefault(d => d.Is(RetryInfo.Descriptor))?.Unpack<RetryInfo>();
        return new RefusedCall(info, [.. badRequest?.FieldViolations ?? []], retry?.RetryDelay.ToTimeSpan());
    }
}

internal static class Refused
{
    /// <summary>The call fails for this reason, with the code of the catalogue.</summary>
    public static async Task<RefusedCall> WithAsync(ErrorReason reason, Func<Task> call)
    {
        var exception = await Assert.ThrowsAsync<RpcException>(call);
        var refused = RefusedCall.Of(exception);
        Assert.Equal(ErrorCatalogue.NameOf(reason), refused.Info.Reason);
        Assert.Equal(ErrorCatalogue.Of(reason).Code, exception.StatusCode);
        return refused;
    }

    public static Task<RefusedCall> WithAsync<TResponse>(ErrorReason reason, AsyncUnaryCall<TResponse> call) => WithAsync(reason, () => call.ResponseAsync);
}
