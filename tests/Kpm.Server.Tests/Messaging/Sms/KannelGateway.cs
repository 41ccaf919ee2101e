using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.RegularExpressions;
using Kpm.Server.Tests.Hosting;
using Kpm.Server.Tests.Storage;

namespace Kpm.Server.Tests.Messaging.Sms;

/// <summary>
/// A real kannel in processes of its own: bearerbox with its fake SMSC, smsbox with the sendsms interface, and fakesmsc, which stands for
/// the carrier and prints what arrives. Its programs are Debian's (packages kannel and kannel-extras), found below KPM_KANNEL or installed.
/// </summary>
internal sealed partial class KannelGateway : IAsyncDisposable
{
    public const string User = "kpm";

    private const string Password = "kannel & p=ss%word";

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly TempFolder _folder = new();
    private readonly List<Process> _processes = [];
    private readonly int _admin = FreePort();
    private readonly int _box = FreePort();
    private readonly int _carrier = FreePort();
    private readonly int _send = FreePort();

    private KannelGateway()
    {
    }

    public string Url => $"http://127.0.0.1:{_send}";

    public string PasswordFile => _folder.File("password");

    /// <summary>What the carrier got.</summary>
    public ConcurrentQueue<ReceivedSms> Received { get; } = [];

    /// <summary>Starts all three, once each is ready for the next.</summary>
    public static async Task<KannelGateway> StartAsync(CancellationToken cancellationToken)
    {
        var gateway = new KannelGateway();
        try
        {
            await gateway.WriteConfigurationAsync(cancellationToken);
            gateway.Start("sbin/bearerbox", [gateway._folder.File("kannel.conf")]);
            await WaitForPortAsync(gateway._box, cancellationToken);
            gateway.Start("sbin/smsbox", [gateway._folder.File("kannel.conf")]);
            await WaitForPortAsync(gateway._send, cancellationToken);
            var carrier = gateway.Start("lib/kannel/test/fakesmsc", ["-H", "127.0.0.1", "-r", gateway._carrier.ToString(CultureInfo.InvariantCulture), "-m", "0", "1 2 text none"]);
            carrier.ErrorDataReceived += (_, line) => gateway.Read(line.Data);
            carrier.OutputDataReceived += (_, line) => gateway.Read(line.Data);
            await gateway.ProbeAsync(cancellationToken);
            return gateway;
        }
        catch
        {
            await gateway.DisposeAsync();
            throw;
        }
    }

    public async Task<ReceivedSms> WaitAsync(string number, int count = 1)
    {
        for (var waited = Stopwatch.StartNew(); waited.Elapsed < Patience; await Task.Delay(20))
        {
            if (Received.Where(m => m.To == number).Skip(count - 1).FirstOrDefault() is { } message)
            {
                return message;
            }
        }

        throw new TimeoutException($"Message {count} did not come to the carrier; it got {Received.Count}.");
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var process in Enumerable.Reverse(_processes))
        {
            if (!process.HasExited)
            {
                process.Kill();
            }

            await process.WaitForExitAsync();
            process.Dispose();
        }

        _folder.Dispose();
    }

    /// <summary>Sends until a message has come through: smsbox answers "try again later" until bearerbox and the carrier are there.</summary>
    private async Task ProbeAsync(CancellationToken cancellationToken)
    {
        using var http = new HttpClient();
        var url = new Uri($"{Url}/cgi-bin/sendsms?username={User}&password={Uri.EscapeDataString(Password)}&from=probe&to=%2B10000000&coding=2&charset=UTF-8&text=probe");
        for (var waited = Stopwatch.StartNew(); Received.IsEmpty; await Task.Delay(100, cancellationToken))
        {
            Assert.True(waited.Elapsed < Patience, "kannel does not carry messages.");
            using var response = await http.GetAsync(url, cancellationToken);
        }

        // Further probes may still be on their way; nobody asks for that number.
    }

    private async Task WriteConfigurationAsync(CancellationToken cancellationToken)
    {
        await File.WriteAllTextAsync(PasswordFile, Password + "\n", cancellationToken);
        await File.WriteAllTextAsync(
            _folder.File("kannel.conf"),
            $"""
            group = core
            admin-port = {_admin}
            admin-password = unused
            admin-interface = 127.0.0.1
            smsbox-port = {_box}
            smsbox-interface = 127.0.0.1
            box-allow-ip = 127.0.0.1

            group = smsc
            smsc = fake
            smsc-id = carrier
            port = {_carrier}
            connect-allow-ip = 127.0.0.1

            group = smsbox
            bearerbox-host = 127.0.0.1
            sendsms-port = {_send}
            sendsms-interface = 127.0.0.1

            group = sendsms-user
            username = {User}
            password = "{Password}"
            max-messages = 3
            concatenation = true

            group = sms-service
            keyword = default
            max-messages = 0
            text = ""

            """,
            cancellationToken);
    }

    private Process Start(string program, string[] arguments)
    {
        var root = Environment.GetEnvironmentVariable("KPM_KANNEL") is { Length: > 0 } unpacked ? unpacked : "/";
        var path = Path.Combine(root, "usr", program);
        Assert.True(File.Exists(path), $"{path} is missing: install Debian's kannel and kannel-extras, or point KPM_KANNEL at where they are unpacked.");
        var start = new ProcessStartInfo(path) { RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = _folder.File("") };
        Array.ForEach(arguments, start.ArgumentList.Add);
        var process = Process.Start(start)!;
        _processes.Add(process);
        // Read, so that no pipe fills up.
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        return process;
    }

    /// <summary>A line like: Got message 1: &lt;sender receiver ucs-2 %04%1A…&gt;</summary>
    private void Read(string? line)
    {
        if (line is not null && Message().Match(line) is { Success: true } match)
        {
            var text = Encoding.BigEndianUnicode.GetString(WebUtility.UrlDecodeToBytes(Encoding.ASCII.GetBytes(match.Groups[2].Value), 0, match.Groups[2].Length));
            Received.Enqueue(new ReceivedSms(match.Groups[1].Value, text));
        }
    }

    private static async Task WaitForPortAsync(int port, CancellationToken cancellationToken)
    {
        for (var waited = Stopwatch.StartNew(); ; await Task.Delay(20, cancellationToken))
        {
            using var client = new TcpClient();
            try
            {
                await client.ConnectAsync(IPAddress.Loopback, port, cancellationToken);
                return;
            }
            catch (SocketException) when (waited.Elapsed < Patience)
            {
                // Not yet.
            }
        }
    }

    private static int FreePort()
    {
        using var probe = new TcpListener(IPAddress.Loopback, 0);
        probe.Start();
        return ((IPEndPoint)probe.LocalEndpoint).Port;
    }

    [GeneratedRegex("Got message [0-9]+: <[^ ]* ([^ ]+) ucs-2 ([^>]*)>")]
    private static partial Regex Message();
}
