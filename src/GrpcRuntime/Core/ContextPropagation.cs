namespace Grpc.Core;

/// <summary>What a server call hands on to the calls made on its behalf.</summary>
public class ContextPropagationOptions
{
    /// <summary>Deadline and cancellation are both handed on.</summary>
    public static readonly ContextPropagationOptions Default = new();

    /// <summary>Says what is handed on.</summary>
    public ContextPropagationOptions(bool propagateDeadline = true, bool propagateCancellation = true)
    {
        IsPropagateDeadline = propagateDeadline;
        IsPropagateCancellation = propagateCancellation;
    }

    /// <summary>Whether the deadline is handed on.</summary>
    public bool IsPropagateDeadline { get; }

    /// <summary>Whether the cancellation is handed on.</summary>
    public bool IsPropagateCancellation { get; }
}

/// <summary>Carries the context of a server call to the calls made on its behalf.</summary>
public abstract class ContextPropagationToken
{
    internal ContextPropagationToken()
    {
    }
}

/// <summary>The deadline and the cancellation of a server call, as far as they are handed on.</summary>
internal sealed class ServerContextPropagationToken(DateTime? deadline, CancellationToken cancellationToken) : ContextPropagationToken
{
    public DateTime? Deadline => deadline;

    public CancellationToken CancellationToken => cancellationToken;
}
