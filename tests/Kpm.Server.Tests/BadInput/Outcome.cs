using Google.Protobuf;
using Google.Rpc;
using Grpc.Core;
using Kpm.V1;
using RichStatus = Google.Rpc.Status;

namespace Kpm.Server.Tests.BadInput;

/// <summary>What came back from a call: its status with the details unpacked, and the messages before it.</summary>
internal sealed record Outcome(StatusCode Code, string Text, RichStatus? Rich, IReadOnlyList<byte[]> Messages)
{
    private const string DetailsTrailer = "grpc-status-details-bin";

    public IReadOnlyList<ErrorInfo> Errors { get; } = Unpack<ErrorInfo>(Rich);

    public IReadOnlyList<string> Fields { get; } = [.. Unpack<BadRequest>(Rich).SelectMany(b => b.FieldViolations).Select(v => v.Field)];

    public IReadOnlyList<RetryInfo> Retries { get; } = Unpack<RetryInfo>(Rich);

    /// <summary>The catalogue's reason, or empty for a status that the runtime made.</summary>
    public string Reason => Errors.Count > 0 ? Errors[0].Reason : "";

    public static Outcome Ok(params IReadOnlyList<byte[]> messages) => new(StatusCode.OK, "", null, messages);

    public static Outcome Of(RpcException exception, params IReadOnlyList<byte[]> messages)
    {
        var details = exception.Trailers.Where(t => t.Key == DetailsTrailer).ToList();
        Assert.True(details.Count <= 1, "more than one " + DetailsTrailer);
        return new Outcome(exception.StatusCode, exception.Status.Detail, details.Count == 0 ? null : RichStatus.Parser.ParseFrom(details[0].ValueBytes), messages);
    }

    public static string NameOf(ErrorReason reason) =>
        ErrorReasonReflection.Descriptor.EnumTypes[0].FindValueByNumber((int)reason).Name["ERROR_REASON_".Length..];

    public override string ToString() => $"{Code} {Reason} [{string.Join(", ", Fields)}] \"{Text}\"";

    private static List<T> Unpack<T>(RichStatus? status)
        where T : class, IMessage<T>, new() =>
        status is null ? [] : [.. status.Details.Where(d => d.Is(new T().Descriptor)).Select(d => d.Unpack<T>())];
}
