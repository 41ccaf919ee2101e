using Grpc.Core;

namespace Kpm.Server.Support;

/// <summary>Who calls: the operator whose credential came with the call.</summary>
internal sealed record OperatorCaller(Guid OperatorId, string Name);

internal static class OperatorContext
{
    /// <summary>The caller of an rpc that demands an operator.</summary>
    public static OperatorCaller Operator(this ServerCallContext context) => context.GetHttpContext().Features.Get<OperatorCaller>()
        ?? throw new InvalidOperationException($"{context.Method} does not demand an operator.");

    public static void SetOperator(this ServerCallContext context, OperatorCaller caller) => context.GetHttpContext().Features.Set(caller);
}
