using System.Net.Sockets;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Kpm.Server.Administration;

/// <summary>What crosses the socket: one line of JSON with the command's words, one line of JSON with the answer, and the end.</summary>
internal static class AdminWire
{
    /// <summary>A command is a few words; an answer is a table of operators at most.</summary>
    private const int MostRequestBytes = 4 * 1024;
    private const int MostAnswerBytes = 1024 * 1024;

    public static string SocketPath(string dataFolder) => Path.Combine(dataFolder, "admin.sock");

    public static Task WriteAsync(NetworkStream stream, IReadOnlyList<string> line, CancellationToken cancellationToken) =>
        WriteAsync(stream, JsonSerializer.SerializeToUtf8Bytes([.. line], AdminJson.Default.StringArray), cancellationToken);

    public static Task WriteAsync(NetworkStream stream, AdminAnswer answer, CancellationToken cancellationToken) =>
        WriteAsync(stream, JsonSerializer.SerializeToUtf8Bytes(answer, AdminJson.Default.AdminAnswer), cancellationToken);

    /// <exception cref="InvalidDataException">What came is no command.</exception>
    public static async Task<IReadOnlyList<string>> ReadLineAsync(NetworkStream stream, CancellationToken cancellationToken) =>
        Parse(await ReadAsync(stream, MostRequestBytes, cancellationToken), AdminJson.Default.StringArray);

    /// <exception cref="InvalidDataException">What came is no answer.</exception>
    public static async Task<AdminAnswer> ReadAnswerAsync(NetworkStream stream, CancellationToken cancellationToken) =>
        Parse(await ReadAsync(stream, MostAnswerBytes, cancellationToken), AdminJson.Default.AdminAnswer);

    private static T Parse<T>(ReadOnlyMemory<byte> json, System.Text.Json.Serialization.Metadata.JsonTypeInfo<T> type)
    {
        try
        {
            return JsonSerializer.Deserialize(json.Span, type) ?? throw new InvalidDataException("null is no message.");
        }
        catch (JsonException e)
        {
            throw new InvalidDataException(e.Message, e);
        }
    }

    private static async Task WriteAsync(NetworkStream stream, byte[] json, CancellationToken cancellationToken) =>
        await stream.WriteAsync((byte[])[.. json, (byte)'\n'], cancellationToken);

    /// <summary>Up to the line's end, which JSON text does not contain.</summary>
    private static async Task<ReadOnlyMemory<byte>> ReadAsync(NetworkStream stream, int most, CancellationToken cancellationToken)
    {
        var buffer = new byte[Math.Min(most, 4096)];
        var length = 0;
        while (true)
        {
            var read = await stream.ReadAsync(buffer.AsMemory(length), cancellationToken);
            if (read == 0)
            {
                throw new InvalidDataException("The other side ended in the middle of a line.");
            }

            if (buffer.AsSpan(length, read).IndexOf((byte)'\n') is >= 0 and var end)
            {
                return buffer.AsMemory(0, length + end);
            }

            length += read;
            if (length == most)
            {
                throw new InvalidDataException("The line is too long.");
            }

            if (length == buffer.Length)
            {
                Array.Resize(ref buffer, Math.Min(most, buffer.Length * 2));
            }
        }
    }
}

[JsonSerializable(typeof(string[]))]
[JsonSerializable(typeof(AdminAnswer))]
internal sealed partial class AdminJson : JsonSerializerContext;
