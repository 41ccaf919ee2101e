using System.Collections.Concurrent;
using Kpm.Server.Storage;

namespace Kpm.Server.Tests.Storage;

/// <summary>Notes the end of the process instead of ending it.</summary>
internal sealed class RecordedExit : IFatalExit
{
    public ConcurrentQueue<string> Lines { get; } = [];

    public void Exit(string line) => Lines.Enqueue(line);
}
