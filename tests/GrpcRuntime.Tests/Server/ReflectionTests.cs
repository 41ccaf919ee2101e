using Google.Protobuf;
using Google.Protobuf.Reflection;
using Grpc.Core;
using Grpc.Net.Client;
using Grpc.Reflection.V1;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Alpha = Grpc.Reflection.V1Alpha;

namespace GrpcRuntime.Tests.Server;

/// <summary>grpc.reflection.v1 and v1alpha over the services that are mapped.</summary>
public sealed class ReflectionTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Services_are_listed()
    {
        var answer = await AskAsync(new ServerReflectionRequest { Host = "h", ListServices = "*" });

        Assert.Equal(
            ["grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection", "grpcruntime.tests.Echo"],
            answer.ListServicesResponse.Service.Select(service => service.Name));
        Assert.Equal("h", answer.ValidHost);
        Assert.Equal("*", answer.OriginalRequest.ListServices);
    }

    [Theory]
    [InlineData("grpcruntime.tests.Echo")]
    [InlineData("grpcruntime.tests.Echo.Unary")]
    [InlineData("grpcruntime.tests.EchoRequest")]
    [InlineData("grpcruntime.tests.EchoRequest.text")]
    public async Task Services_methods_messages_and_fields_are_found(string symbol)
    {
        var answer = await AskAsync(new ServerReflectionRequest { FileContainingSymbol = symbol });

        var file = FileDescriptorProto.Parser.ParseFrom(Assert.Single(answer.FileDescriptorResponse.FileDescriptorProto));
        Assert.Equal("echo.proto", file.Name);
        Assert.Equal("Echo", Assert.Single(file.Service).Name);
    }

    [Fact]
    public async Task A_file_comes_by_its_name()
    {
        var answer = await AskAsync(new ServerReflectionRequest { FileByFilename = "grpc/reflection/v1/reflection.proto" });

        Assert.Equal("grpc.reflection.v1", FileDescriptorProto.Parser.ParseFrom(answer.FileDescriptorResponse.FileDescriptorProto[0]).Package);
    }

    [Fact]
    public async Task What_is_not_there_is_an_error_in_band()
    {
        ServerReflectionRequest[] requests =
        [
            new() { FileByFilename = "nothing.proto" },
            new() { FileContainingSymbol = "nothing.At.All" },
            new() { FileContainingExtension = new ExtensionRequest { ContainingType = "grpcruntime.tests.EchoRequest", ExtensionNumber = 7 } },
            new() { AllExtensionNumbersOfType = "nothing.At.All" },
        ];
        foreach (var request in requests)
        {
            Assert.Equal((int)StatusCode.NotFound, (await AskAsync(request)).ErrorResponse.ErrorCode);
        }

        Assert.Equal((int)StatusCode.InvalidArgument, (await AskAsync(new ServerReflectionRequest())).ErrorResponse.ErrorCode);
    }

    [Fact]
    public async Task A_type_without_extensions_has_none()
    {
        var answer = await AskAsync(new ServerReflectionRequest { AllExtensionNumbersOfType = "grpcruntime.tests.EchoRequest" });

        Assert.Equal("grpcruntime.tests.EchoRequest", answer.AllExtensionNumbersResponse.BaseTypeName);
        Assert.Empty(answer.AllExtensionNumbersResponse.ExtensionNumber);
    }

    [Fact]
    public async Task V1alpha_answers_the_same()
    {
        await using var server = await StartAsync();
        using var channel = GrpcChannel.ForAddress(server.Address);
        using var call = new Alpha.ServerReflection.ServerReflectionClient(channel).ServerReflectionInfo(cancellationToken: Cancellation);
        foreach (var request in new Alpha.ServerReflectionRequest[] { new() { ListServices = "*" }, new() { FileContainingSymbol = "grpcruntime.tests.EchoReply" } })
        {
            await call.RequestStream.WriteAsync(request, Cancellation);
            Assert.True(await call.ResponseStream.MoveNext(Cancellation));
            var expected = await AskAsync(ServerReflectionRequest.Parser.ParseFrom(request.ToByteString()));
            Assert.Equal(expected.ToByteString(), call.ResponseStream.Current.ToByteString());
        }

        await call.RequestStream.CompleteAsync();
        Assert.False(await call.ResponseStream.MoveNext(Cancellation));
    }

    private static Task<TestServer> StartAsync() => TestServer.StartAsync(
        services: services => services.AddGrpcReflection(), map: app => app.MapGrpcReflectionService());

    private static async Task<ServerReflectionResponse> AskAsync(ServerReflectionRequest request)
    {
        await using var server = await StartAsync();
        using var channel = GrpcChannel.ForAddress(server.Address);
        using var call = new ServerReflection.ServerReflectionClient(channel).ServerReflectionInfo(cancellationToken: Cancellation);
        await call.RequestStream.WriteAsync(request, Cancellation);
        Assert.True(await call.ResponseStream.MoveNext(Cancellation));
        var answer = call.ResponseStream.Current;
        await call.RequestStream.CompleteAsync();
        Assert.False(await call.ResponseStream.MoveNext(Cancellation));
        return answer;
    }
}
