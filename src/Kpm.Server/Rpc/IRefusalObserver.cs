using Google.Protobuf;
using Grpc.Core;

namespace Kpm.Server.Rpc;

/// <summary>Is told about requests that the contract's constraints refuse, which no handler sees.</summary>
internal interface IRefusalObserver
{
    ValueTask ObserveAsync(IMessage request, KpmException refusal, ServerCallContext context);
}
