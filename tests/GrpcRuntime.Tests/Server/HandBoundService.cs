using System.Buffers;
using System.Text;
using Grpc.Core;

namespace GrpcRuntime.Tests.Server;

/// <summary>A service bound by hand, whose serialiser fails in the middle of the message "fail".</summary>
[BindServiceMethod(typeof(HandBoundService), nameof(Bind))]
public class HandBoundService
{
    private static readonly Marshaller<string> Text = Marshallers.Create<string>(
        (message, context) =>
        {
            context.SetPayloadLength(Encoding.UTF8.GetByteCount(message));
            var writer = context.GetBufferWriter();
            writer.Write(Encoding.UTF8.GetBytes(message[..1]));
            if (message == "fail")
            {
                throw new InvalidOperationException("The serialiser failed.");
            }

            writer.Write(Encoding.UTF8.GetBytes(message[1..]));
            context.Complete();
        },
        context => Encoding.UTF8.GetString(context.PayloadAsNewBuffer()));

    public static void Bind(ServiceBinderBase binder, HandBoundService? service)
    {
        binder.AddMethod(
            new Method<string, string>(MethodType.Unary, "hand.Bound", nameof(Fail), Text, Text),
            service is null ? null! : service.Fail);
        binder.AddMethod(
            new Method<string, string>(MethodType.ServerStreaming, "hand.Bound", nameof(FailSecond), Text, Text),
            service is null ? null! : service.FailSecond);
    }

    public virtual Task<string> Fail(string request, ServerCallContext context) => Task.FromResult("fail");

    public virtual async Task FailSecond(string request, IServerStreamWriter<string> responses, ServerCallContext context)
    {
        await responses.WriteAsync("one");
        await Assert.ThrowsAsync<InvalidOperationException>(() => responses.WriteAsync("fail", context.CancellationToken));
    }
}
