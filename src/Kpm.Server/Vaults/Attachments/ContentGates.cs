namespace Kpm.Server.Vaults.Attachments;

/// <summary>
/// Between a content's row and its file nobody else may look: giving a file its name and completing the row, and removing the
/// last row and then the file, take turns. Contents share some gates, since both are short.
/// </summary>
internal sealed class ContentGates
{
    private readonly SemaphoreSlim[] _gates = [.. Enumerable.Range(0, 64).Select(_ => new SemaphoreSlim(1))];

    public async Task<IDisposable> EnterAsync(ReadOnlyMemory<byte> sha256)
    {
        var gate = _gates[sha256.Span[^1] % _gates.Length];
        await gate.WaitAsync();
        return new Entered(gate);
    }

    private sealed class Entered(SemaphoreSlim gate) : IDisposable
    {
        public void Dispose() => gate.Release();
    }
}
