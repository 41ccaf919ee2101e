using System.Security.Cryptography;
using System.Text;

namespace Kpm.Simulation.Engine;

/// <summary>What happened in a run, line by line. Its hash tells whether two runs were the same.</summary>
internal sealed class Trace(Action<string>? follow = null) : IDisposable
{
    private const int Kept = 200;

    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private readonly Queue<string> _last = new();

    public long Lines { get; private set; }

    public void Add(string line)
    {
        Lines++;
        _hash.AppendData(Encoding.UTF8.GetBytes(line));
        _hash.AppendData("\n"u8);
        _last.Enqueue(line);
        if (_last.Count > Kept)
        {
            _last.Dequeue();
        }

        follow?.Invoke(line);
    }

    public string Hash() => Convert.ToHexStringLower(_hash.GetCurrentHash());

    /// <summary>The end of the story, for the message of a failure.</summary>
    public string Last(int lines) => string.Join('\n', _last.Skip(Math.Max(0, _last.Count - lines)));

    public void Dispose() => _hash.Dispose();
}
