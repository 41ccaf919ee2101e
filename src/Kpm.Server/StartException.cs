namespace Kpm.Server;

/// <summary>The server can't start. The message is one line: what is wrong, and what to do about it.</summary>
internal sealed class StartException(string message, Exception? inner = null) : Exception(message, inner);
