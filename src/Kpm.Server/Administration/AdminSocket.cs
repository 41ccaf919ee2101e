using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace Kpm.Server.Administration;

/// <summary>
/// Serves the commands of whoever runs the server, through a Unix domain socket in the data folder. Who may connect is
/// decided by the file's mode (its owner only) and, on Linux, by the kernel's word on who the peer is.
/// </summary>
internal sealed class AdminSocket(ServerOptions options, AdminCommands commands, Limits limits, TimeProvider time, ILogger<AdminSocket> logger) : BackgroundService
{
    // SOL_SOCKET and SO_PEERCRED, as on every machine that .NET runs on with Linux; struct ucred is pid, uid, gid.
    private const int SocketLevel = 1;
    private const int PeerCredentials = 17;
    private const int CredentialsBytes = 12;

    private readonly string _path = AdminWire.SocketPath(options.DataFolder);
    private Socket? _listener;

    public override Task StartAsync(CancellationToken cancellationToken)
    {
        _listener = Open();
        return base.StartAsync(cancellationToken);
    }

    public override void Dispose()
    {
        if (_listener is { } listener)
        {
            listener.Dispose();
            File.Delete(_path);
        }

        base.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (_listener is null)
        {
            return;
        }

        using var room = new SemaphoreSlim(limits.AdminConnections);
        var running = new HashSet<Task>();
        try
        {
            while (true)
            {
                await room.WaitAsync(stoppingToken);
                var peer = await _listener.AcceptAsync(stoppingToken);
                running.RemoveWhere(t => t.IsCompleted);
                running.Add(ServeAsync(peer, room, stoppingToken));
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            await Task.WhenAll(running);
        }
    }

    /// <summary>Null where the folder can't hold a socket: then the commands work while the server is stopped.</summary>
    private Socket? Open()
    {
        var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            // What lies there is of a server that was killed: this one holds the folder's lock.
            File.Delete(_path);
            listener.Bind(new UnixDomainSocketEndPoint(_path));
            if (!OperatingSystem.IsWindows())
            {
                // Before listening: nobody can have connected yet.
                File.SetUnixFileMode(_path, UnixFileMode.UserRead | UnixFileMode.UserWrite);
            }

            listener.Listen();
            return listener;
        }
        catch (Exception e) when (e is SocketException or IOException or UnauthorizedAccessException or ArgumentException)
        {
            listener.Dispose();
            Log.NoSocket(logger, _path, e.Message);
            return null;
        }
    }

    private async Task ServeAsync(Socket peer, SemaphoreSlim room, CancellationToken stoppingToken)
    {
        try
        {
            await using var stream = new NetworkStream(peer, ownsSocket: true);
            if (!IsSameUser(peer))
            {
                Log.StrangerRefused(logger);
                return;
            }

            var line = await ReadAsync(stream, stoppingToken);
            await AdminWire.WriteAsync(stream, await commands.RunAsync(line, stoppingToken), stoppingToken);
        }
        catch (Exception e) when (e is IOException or InvalidDataException or OperationCanceledException)
        {
            // The other side is gone, wrote nonsense or nothing; or the server stops.
            Log.ConnectionBroken(logger, e.Message);
        }
        finally
        {
            room.Release();
        }
    }

    private async Task<IReadOnlyList<string>> ReadAsync(NetworkStream stream, CancellationToken stoppingToken)
    {
        using var timeout = new CancellationTokenSource(limits.AdminRequestTimeout, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, stoppingToken);
        return await AdminWire.ReadLineAsync(stream, either.Token);
    }

    private bool IsSameUser(Socket peer) => !OperatingSystem.IsLinux() || UserOf(peer) == UserOf(_listener!);

    /// <summary>Of a connection its peer's user; of a listening socket, Linux remembers who called listen.</summary>
    private static uint UserOf(Socket socket)
    {
        Span<byte> credentials = stackalloc byte[CredentialsBytes];
        return socket.GetRawSocketOption(SocketLevel, PeerCredentials, credentials) == CredentialsBytes
            ? MemoryMarshal.Read<uint>(credentials[4..])
            : throw new IOException("The kernel does not say who the peer is.");
    }
}
