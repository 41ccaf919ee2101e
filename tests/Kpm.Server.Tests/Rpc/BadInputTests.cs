using Google.Protobuf;
using Google.Protobuf.Reflection;
using Grpc.Core;
using Kpm.Server.Tests.Hosting;
using Kpm.V1;

namespace Kpm.Server.Tests.Rpc;

/// <summary>
/// Every field of every request, with every kind of wrong value that the contract lets one think of,
/// generated from the descriptors: INVALID_ARGUMENT naming the field, and nothing stored.
/// </summary>
public sealed class BadInputTests
{
    public static TheoryData<string> Methods() =>
        [.. Services().SelectMany(s => s.Methods).Where(m => BadInput.Of(m.InputType).Any()).Select(m => $"/{m.Service.FullName}/{m.Name}")];

    [Theory]
    [MemberData(nameof(Methods))]
    public async Task Wrong_input_is_refused_by_the_name_of_its_field_and_changes_nothing(string path)
    {
        var method = Services().SelectMany(s => s.Methods).Single(m => $"/{m.Service.FullName}/{m.Name}" == path);
        await using var server = await TestServer.StartAsync();
        using var device = await server.CreateActiveAsync();
        await Eventually.TrueAsync(() => Snapshot.Rows(server.Database, "mail") == 0);
        var before = Snapshot.Of(server.Database);

        foreach (var bad in BadInput.Of(method.InputType))
        {
            var refused = await Refused.WithAsync(ErrorReason.InvalidRequest, () => CallAsync(server.Invoker, method, bad.Message, device.Headers));
            Assert.True(refused.Fields is [{ } field] && field.Field == bad.Path && field.Reason == bad.Reason, $"{bad.Path} {bad.Reason} was answered with {string.Join(", ", refused.Fields)}");
        }

        Assert.Equal(before, Snapshot.Of(server.Database));
    }

    [Fact]
    public void Every_request_field_with_a_constraint_is_covered()
    {
        var cases = Services().SelectMany(s => s.Methods).SelectMany(m => BadInput.Of(m.InputType)).ToList();

        Assert.True(cases.Count > 150, $"Only {cases.Count} cases were generated.");
        Assert.All((string[])["REQUIRED", "TOO_SHORT", "TOO_LONG", "TOO_MANY", "MALFORMED", "OUT_OF_RANGE", "UNKNOWN_VALUE", "CONTROL_CHARACTER"], reason => Assert.Contains(cases, c => c.Reason == reason));
    }

    private static IEnumerable<Google.Protobuf.Reflection.ServiceDescriptor> Services() =>
        [.. AccountServiceReflection.Descriptor.Services, .. VerificationServiceReflection.Descriptor.Services, .. VaultServiceReflection.Descriptor.Services];

    /// <summary>Calls with bytes, as any client of any language may.</summary>
    private static async Task CallAsync(CallInvoker invoker, MethodDescriptor descriptor, IMessage message, Metadata headers)
    {
        var bytes = Marshallers.Create(b => b, b => b);
        var type = (descriptor.IsClientStreaming, descriptor.IsServerStreaming) switch
        {
            (false, false) => MethodType.Unary,
            (false, true) => MethodType.ServerStreaming,
            (true, false) => MethodType.ClientStreaming,
            (true, true) => MethodType.DuplexStreaming,
        };
        var method = new Method<byte[], byte[]>(type, descriptor.Service.FullName, descriptor.Name, bytes, bytes);
        var options = new CallOptions(headers, DateTime.UtcNow.AddSeconds(60));
        switch (type)
        {
            case MethodType.Unary:
                await invoker.AsyncUnaryCall(method, null, options, message.ToByteArray());
                break;
            case MethodType.ServerStreaming:
                using (var call = invoker.AsyncServerStreamingCall(method, null, options, message.ToByteArray()))
                {
                    await call.ResponseStream.MoveNext(CancellationToken.None);
                }

                break;
            case MethodType.DuplexStreaming:
                using (var call = invoker.AsyncDuplexStreamingCall(method, null, options))
                {
                    await call.RequestStream.WriteAsync(message.ToByteArray());
                    await call.ResponseStream.MoveNext(CancellationToken.None);
                }

                break;
            default:
                throw new NotSupportedException($"No rpc is {type} yet.");
        }
    }
}
