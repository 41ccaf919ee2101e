using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;

namespace Kpm.Client.Accounts;

/// <summary>What the browser brought back from the provider.</summary>
/// <param name="Code">For the exchange.</param>
/// <param name="PersonName">The name that Apple tells at the first sign-in; empty otherwise.</param>
internal sealed record ProviderAnswer(string Code, string PersonName);

/// <summary>
/// Waits on a free port of this computer for the browser to come back (RFC 8252, 7.3). Everything else that calls, such as
/// a browser asking for an icon or another program that guesses, is answered and changes nothing.
/// </summary>
internal sealed class LoopbackListener : IDisposable
{
    private const string CallbackPath = "/callback";
    private const int MostBytes = 32 * 1024;
    private const int MostConnections = 16;
    private static readonly TimeSpan MostTimeOfACall = TimeSpan.FromSeconds(10);
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);

    public LoopbackListener()
    {
        _listener.Start();
        RedirectUri = new Uri($"http://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port.ToString(CultureInfo.InvariantCulture)}{CallbackPath}");
    }

    public Uri RedirectUri { get; }

    public void Dispose() => _listener.Dispose();

    /// <summary>The answer that carries the state; throws ProviderRefusedException where that one is a refusal.</summary>
    public async Task<ProviderAnswer> WaitAsync(string state, CancellationToken cancellationToken)
    {
        var came = new TaskCompletionSource<ProviderAnswer>(TaskCreationOptions.RunContinuationsAsynchronously);
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var accepting = AcceptAsync(state, came, ended.Token);
        try
        {
            return await came.Task.WaitAsync(cancellationToken);
        }
        finally
        {
            await ended.CancelAsync();
            await accepting.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>Side by side: browsers open connections in advance and leave them silent.</summary>
    private async Task AcceptAsync(string state, TaskCompletionSource<ProviderAnswer> came, CancellationToken cancellationToken)
    {
        using var free = new SemaphoreSlim(MostConnections, MostConnections);
        var calls = new List<Task>();
        try
        {
            while (true)
            {
                await free.WaitAsync(cancellationToken);
                var connection = await _listener.AcceptTcpClientAsync(cancellationToken);
                calls.RemoveAll(call => call.IsCompleted);
                calls.Add(ServeAsync(connection, state, came, free, cancellationToken));
            }
        }
        finally
        {
            await Task.WhenAll(calls);
        }
    }

    private static async Task ServeAsync(TcpClient connection, string state, TaskCompletionSource<ProviderAnswer> came, SemaphoreSlim free, CancellationToken cancellationToken)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        patience.CancelAfter(MostTimeOfACall);
        try
        {
            if (await AnswerAsync(connection.GetStream(), state, patience.Token) is { } answer)
            {
                came.TrySetResult(answer);
            }
        }
        catch (ProviderRefusedException refused)
        {
            came.TrySetException(refused);
        }
        catch (Exception broken) when (broken is IOException or FormatException or OverflowException or OperationCanceledException)
        {
            // A caller that breaks off, dawdles or speaks no HTTP is not the browser that is waited for.
        }
        finally
        {
            connection.Dispose();
            free.Release();
        }
    }

    /// <summary>The parameters of a query or form, percent-decoded; of a name that comes twice the first counts.</summary>
    public static Dictionary<string, string> Parameters(string query)
    {
        var parameters = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var pair in query.TrimStart('?').Split('&', StringSplitOptions.RemoveEmptyEntries))
        {
            var equals = pair.IndexOf('=', StringComparison.Ordinal);
            var (name, value) = equals < 0 ? (pair, "") : (pair[..equals], pair[(equals + 1)..]);
            parameters.TryAdd(Decode(name), Decode(value));
        }

        return parameters;
    }

    private static string Decode(string text) => Uri.UnescapeDataString(text.Replace('+', ' '));

    private static async Task<ProviderAnswer?> AnswerAsync(NetworkStream stream, string state, CancellationToken cancellationToken)
    {
        var (method, target, body) = await ReadAsync(stream, cancellationToken);
        var question = target.IndexOf('?', StringComparison.Ordinal);
        var path = question < 0 ? target : target[..question];
        if (path != CallbackPath)
        {
            await WriteAsync(stream, "404 Not Found", "Nothing here", "This address only serves the sign-in that is under way.", cancellationToken);
            return null;
        }

        // Apple posts a form where a name or an address was asked for; everybody else redirects.
        var parameters = Parameters(method == "POST" ? body : question < 0 ? "" : target[question..]);
        if (parameters.GetValueOrDefault("state") != state)
        {
            await WriteAsync(stream, "400 Bad Request", "This is not your sign-in", "The answer does not belong to the sign-in that is under way.", cancellationToken);
            return null;
        }

        if (parameters.GetValueOrDefault("code") is { Length: > 0 } code)
        {
            await WriteAsync(stream, "200 OK", "That is all", "You can close this window and go back to the app.", cancellationToken);
            return new ProviderAnswer(code, PersonName(parameters.GetValueOrDefault("user")));
        }

        var error = parameters.GetValueOrDefault("error") ?? "no code";
        await WriteAsync(stream, "200 OK", "Nothing was changed", "The provider did not let the sign-in pass. You can close this window and go back to the app.", cancellationToken);
        throw new ProviderRefusedException(error == "access_denied" ? "It was refused at the provider." : $"The provider answered: {Printable(error)}.");
    }

    private static string Printable(string text) => new([.. text.Take(100).Where(letter => !char.IsControl(letter))]);

    /// <summary>Apple's {"name":{"firstName":…,"lastName":…}}; whatever else stands there is nobody's name.</summary>
    private static string PersonName(string? user)
    {
        if (string.IsNullOrEmpty(user))
        {
            return "";
        }

        try
        {
            using var json = JsonDocument.Parse(user, new JsonDocumentOptions { MaxDepth = 8 });
            if (json.RootElement.ValueKind != JsonValueKind.Object || !json.RootElement.TryGetProperty("name", out var name) || name.ValueKind != JsonValueKind.Object)
            {
                return "";
            }

            string Part(string key) => name.TryGetProperty(key, out var part) && part.ValueKind == JsonValueKind.String ? part.GetString()! : "";
            var whole = $"{Part("firstName")} {Part("lastName")}".Trim();
            return whole.Length > 200 ? whole[..200] : whole;
        }
        catch (JsonException)
        {
            return "";
        }
    }

    /// <summary>One request: its line, its headers up to the empty line, and as much body as they announce.</summary>
    private static async Task<(string Method, string Target, string Body)> ReadAsync(NetworkStream stream, CancellationToken cancellationToken)
    {
        var buffer = new byte[MostBytes];
        var (length, end) = (0, -1);
        while (end < 0)
        {
            length += await ReadSomeAsync(stream, buffer, length, cancellationToken);
            end = buffer.AsSpan(0, length).IndexOf("\r\n\r\n"u8);
        }

        var head = Encoding.ASCII.GetString(buffer, 0, end).Split("\r\n");
        var line = head[0].Split(' ');
        if (line.Length != 3 || !line[2].StartsWith("HTTP/1.", StringComparison.Ordinal))
        {
            throw new FormatException("No HTTP request.");
        }

        var announced = head.Skip(1).FirstOrDefault(header => header.StartsWith("Content-Length:", StringComparison.OrdinalIgnoreCase));
        var bodyLength = announced is null ? 0 : int.Parse(announced["Content-Length:".Length..].Trim(), NumberStyles.None, CultureInfo.InvariantCulture);
        var bodyStart = end + 4;
        while (length < bodyStart + bodyLength)
        {
            length += await ReadSomeAsync(stream, buffer, length, cancellationToken);
        }

        return (line[0], line[1], Encoding.ASCII.GetString(buffer, bodyStart, bodyLength));
    }

    private static async Task<int> ReadSomeAsync(NetworkStream stream, byte[] buffer, int length, CancellationToken cancellationToken)
    {
        var read = length == buffer.Length ? 0 : await stream.ReadAsync(buffer.AsMemory(length), cancellationToken);
        return read > 0 ? read : throw new IOException("The request is cut off or too long.");
    }

    private static async Task WriteAsync(NetworkStream stream, string status, string title, string text, CancellationToken cancellationToken)
    {
        var page = Encoding.UTF8.GetBytes($$"""
            <!doctype html>
            <html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{{title}}</title>
            <style>:root{color-scheme:light dark}body{font:18px/1.5 system-ui,sans-serif;max-width:32rem;margin:20vh auto 0;padding:0 1.5rem}</style></head>
            <body><h1>{{title}}</h1><p>{{text}}</p></body></html>
            """);
        var head = $"HTTP/1.1 {status}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {page.Length}\r\nCache-Control: no-store\r\nReferrer-Policy: no-referrer\r\n"
            + "Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n";
        await stream.WriteAsync(Encoding.ASCII.GetBytes(head), cancellationToken);
        await stream.WriteAsync(page, cancellationToken);
    }
}
