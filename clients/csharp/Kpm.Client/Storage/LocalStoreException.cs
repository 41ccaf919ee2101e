namespace Kpm.Client.Storage;

/// <summary>The data folder can't be used as it is; the message says what to do.</summary>
public sealed class LocalStoreException : Exception
{
    /// <summary>Says what is wrong.</summary>
    /// <param name="message">One sentence for the person, with what to do.</param>
    public LocalStoreException(string message)
        : base(message)
    {
    }

    /// <summary>Says what is wrong.</summary>
    /// <param name="message">One sentence for the person, with what to do.</param>
    /// <param name="inner">The cause.</param>
    public LocalStoreException(string message, Exception inner)
        : base(message, inner)
    {
    }
}
