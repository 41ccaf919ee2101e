using System.Net.Sockets;
using Kpm.Server.Secrets;
using Kpm.Server.Storage.Sqlite;

namespace Kpm.Server.Administration;

/// <summary>
/// Runs a command where the data folder is held: in the running server, through its socket; or here, once this process
/// has taken the folder's lock because no server runs.
/// </summary>
internal static class AdminClient
{
    /// <summary>A server that starts holds the lock a moment before it has its socket.</summary>
    private static readonly TimeSpan StartPatience = TimeSpan.FromSeconds(5);

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    /// <exception cref="StartException">There is no data folder, or it is held by a server that can't be reached.</exception>
    public static async Task<AdminAnswer> RunAsync(ServerOptions options, IReadOnlyList<string> line, TimeProvider time, CancellationToken cancellationToken)
    {
        if (!File.Exists(Path.Combine(options.DataFolder, "kpm.db")))
        {
            throw new StartException($"There is no database in {options.DataFolder}. Name the server's data folder with --data, or start the server once to make it.");
        }

        for (var began = time.GetTimestamp(); ; await Task.Delay(Pause, time, cancellationToken))
        {
            if (await TryAskAsync(options.DataFolder, line, cancellationToken) is { } answer)
            {
                return answer;
            }

            try
            {
                return await ActAsync(options, line, cancellationToken);
            }
            catch (StartException e) when (e.InnerException is IOException && time.GetElapsedTime(began) < StartPatience)
            {
                // In use by a server that is starting or stopping: ask again.
            }
        }
    }

    /// <summary>The running server's answer; null where none listens.</summary>
    public static async Task<AdminAnswer?> TryAskAsync(string dataFolder, IReadOnlyList<string> line, CancellationToken cancellationToken)
    {
        var path = AdminWire.SocketPath(dataFolder);
        if (!File.Exists(path))
        {
            return null;
        }

        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), cancellationToken);
        }
        catch (SocketException e) when (e.SocketErrorCode is SocketError.ConnectionRefused or SocketError.AddressNotAvailable)
        {
            // A file without a server: it was killed.
            return null;
        }
        catch (SocketException e)
        {
            throw new StartException($"The server's socket {path} can't be reached ({e.Message.TrimEnd('.')}). Run the command as the user that the server runs as.", e);
        }

        try
        {
            await using var stream = new NetworkStream(socket, ownsSocket: false);
            await AdminWire.WriteAsync(stream, line, cancellationToken);
            return await AdminWire.ReadAnswerAsync(stream, cancellationToken);
        }
        catch (Exception e) when (e is IOException or InvalidDataException)
        {
            throw new StartException($"The server broke off before it answered ({e.Message.TrimEnd('.')}). Look at its state before you repeat the command; run it as the user that the server runs as.", e);
        }
    }

    private static async Task<AdminAnswer> ActAsync(ServerOptions options, IReadOnlyList<string> line, CancellationToken cancellationToken)
    {
        // Warnings only: what a command prints is its answer.
        await using var app = ServerApp.Build(options with { LogLevel = LogLevel.Warning }, Environments.Production);
        await SqliteRootKeyRecord.CheckAsync(app.Services.GetRequiredService<SqliteDatabase>(), app.Services.GetRequiredService<RootKey>(), app.Services.GetRequiredService<TimeProvider>().Now(), cancellationToken);
        return await app.Services.GetRequiredService<AdminCommands>().RunAsync(line, cancellationToken);
    }
}
