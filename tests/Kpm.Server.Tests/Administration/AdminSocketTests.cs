using System.Net.Sockets;
using System.Text;
using Kpm.Server.Administration;
using Kpm.Server.Tests.Hosting;
using Kpm.Server.Tests.Storage;

namespace Kpm.Server.Tests.Administration;

public sealed class AdminSocketTests
{
    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Only_the_owner_may_connect()
    {
        await using var server = await TestServer.StartAsync();
        var socket = AdminWire.SocketPath(server.Options.DataFolder);

        if (!OperatingSystem.IsWindows())
        {
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(socket));
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(server.Options.DataFolder));
        }

        Assert.NotNull(await AdminClient.TryAskAsync(server.Options.DataFolder, ["operator", "list"], Cancelled));
    }

    [Fact]
    public async Task The_socket_goes_with_the_server_and_one_that_a_killed_server_left_is_replaced()
    {
        using var folder = new TempFolder();
        var data = folder.File("data");
        var path = AdminWire.SocketPath(data);
        await using (await TestServer.StartAsync(options: o => o with { Data = data }))
        {
            Assert.True(File.Exists(path));
        }

        Assert.False(File.Exists(path));
        await File.WriteAllTextAsync(path, "left behind", Cancelled);
        Assert.Null(await AdminClient.TryAskAsync(data, ["operator", "list"], Cancelled));
        await using var again = await TestServer.StartAsync(options: o => o with { Data = data });
        Assert.NotNull(await AdminClient.TryAskAsync(data, ["operator", "list"], Cancelled));
    }

    [Theory]
    [InlineData("nonsense\n")]
    [InlineData("null\n")]
    [InlineData("{\"command\":\"operator list\"}\n")]
    [InlineData("[\"operator\",\"li")]
    public async Task Nonsense_gets_no_answer_and_harms_nobody(string sent)
    {
        await using var server = await TestServer.StartAsync();

        Assert.Equal("", await SendAsync(server, Encoding.UTF8.GetBytes(sent)));
        Assert.NotNull(await AdminClient.TryAskAsync(server.Options.DataFolder, ["operator", "list"], Cancelled));
    }

    [Fact]
    public async Task A_line_is_read_up_to_its_bound()
    {
        await using var server = await TestServer.StartAsync();
        var frame = Encoding.UTF8.GetByteCount("[\"\"]\n");

        // A word of this length is no command, which is an answer; one byte more is not read.
        Assert.Contains("\"ExitCode\":2", await SendAsync(server, Encoding.UTF8.GetBytes($"[\"{new string('x', 4096 - frame)}\"]\n")), StringComparison.Ordinal);
        Assert.Equal("", await SendAsync(server, Encoding.UTF8.GetBytes($"[\"{new string('x', 4097 - frame)}\"]\n")));
    }

    [Fact]
    public async Task Who_writes_nothing_is_cut_off_after_the_limit()
    {
        var time = new FakeTime();
        await using var server = await TestServer.StartAsync(time);
        using var socket = await ConnectAsync(server);
        await Eventually.TrueAsync(() => time.Timers(server.Limits.AdminRequestTimeout) > 0);

        time.Advance(server.Limits.AdminRequestTimeout - TimeSpan.FromMilliseconds(1));
        var ended = socket.ReceiveAsync(new byte[1], Cancelled).AsTask();
        await Task.Delay(100, Cancelled);
        Assert.False(ended.IsCompleted);
        time.Advance(TimeSpan.FromMilliseconds(1));

        Assert.Equal(0, await ended);
    }

    [Fact]
    public async Task Connections_beyond_the_limit_wait_for_their_turn()
    {
        await using var server = await TestServer.StartAsync(options: o => o with { Limits = o.Limits with { AdminConnections = 2 } });
        using var first = await ConnectAsync(server);
        var second = await ConnectAsync(server);
        var third = AdminClient.TryAskAsync(server.Options.DataFolder, ["operator", "list"], Cancelled);
        await Task.Delay(100, Cancelled);
        Assert.False(third.IsCompleted);

        second.Dispose();

        Assert.NotNull(await third);
    }

    [Fact]
    public async Task A_folder_that_can_not_hold_a_socket_costs_the_commands_and_not_the_server()
    {
        using var folder = new TempFolder();
        var data = folder.File(new string('d', 120));
        await using var server = await TestServer.StartAsync(options: o => o with { Data = data });

        Assert.Contains("There is no socket for the server's commands", server.Logs.Text, StringComparison.Ordinal);
        var refusal = await Assert.ThrowsAsync<StartException>(() => AdminClient.RunAsync(server.Options, ["operator", "list"], TimeProvider.System, Cancelled));
        Assert.Contains("in use by another kpm-server", refusal.Message, StringComparison.Ordinal);
    }

    private static async Task<Socket> ConnectAsync(TestServer server)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await socket.ConnectAsync(new UnixDomainSocketEndPoint(AdminWire.SocketPath(server.Options.DataFolder)), Cancelled);
        return socket;
    }

    private static async Task<string> SendAsync(TestServer server, byte[] bytes)
    {
        using var socket = await ConnectAsync(server);
        var answer = new MemoryStream();
        try
        {
            await using var stream = new NetworkStream(socket);
            await stream.WriteAsync(bytes, Cancelled);
            socket.Shutdown(SocketShutdown.Send);
            await stream.CopyToAsync(answer, Cancelled);
        }
        catch (Exception e) when (e is SocketException { SocketErrorCode: SocketError.ConnectionReset or SocketError.Shutdown } || e.InnerException is SocketException)
        {
            // Cut off while there was still something to read: no answer either.
        }

        return Encoding.UTF8.GetString(answer.ToArray());
    }
}
