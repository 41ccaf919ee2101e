namespace Grpc.Core.Utils;

/// <summary>Checks of arguments and states.</summary>
public static class GrpcPreconditions
{
    /// <summary>Throws <see cref="ArgumentException"/> unless the condition holds.</summary>
    public static void CheckArgument(bool condition)
    {
        if (!condition)
        {
            throw new ArgumentException(message: null, paramName: null);
        }
    }

    /// <summary>Throws <see cref="ArgumentException"/> with a message unless the condition holds.</summary>
    public static void CheckArgument(bool condition, string errorMessage)
    {
        if (!condition)
        {
            throw new ArgumentException(errorMessage, paramName: null);
        }
    }

    /// <summary>Throws <see cref="ArgumentNullException"/> for null, else gives the reference back.</summary>
    public static T CheckNotNull<T>(T reference) => reference is null ? throw new ArgumentNullException(paramName: null) : reference;

    /// <summary>Throws <see cref="ArgumentNullException"/> with a parameter's name for null, else gives the reference back.</summary>
    public static T CheckNotNull<T>(T reference, string paramName) => reference is null ? throw new ArgumentNullException(paramName) : reference;

    /// <summary>Throws <see cref="InvalidOperationException"/> unless the condition holds.</summary>
    public static void CheckState(bool condition)
    {
        if (!condition)
        {
            throw new InvalidOperationException();
        }
    }

    /// <summary>Throws <see cref="InvalidOperationException"/> with a message unless the condition holds.</summary>
    public static void CheckState(bool condition, string errorMessage)
    {
        if (!condition)
        {
            throw new InvalidOperationException(errorMessage);
        }
    }
}
