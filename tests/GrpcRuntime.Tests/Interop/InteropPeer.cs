using System.Diagnostics;
using Google.Protobuf;
using Google.Protobuf.Reflection;
using Grpc.Testing;
using GrpcRuntime.Tests.Server;

namespace GrpcRuntime.Tests.Interop;

/// <summary>The programs that run the interoperability tests on other implementations: grpc-js and grpcio.</summary>
internal static class InteropPeer
{
    public static string Protos { get; } = Path.GetFullPath(Path.Combine(Peers.ProjectFolder, "..", "interop", "protos"));

    /// <summary>Why a peer cannot run here; null when it can.</summary>
    public static async Task<string?> MissingAsync(string peer) => peer == "grpcio"
        && !(File.Exists("/usr/bin/python3")
            && (await Peers.RunAsync("/usr/bin/python3", ["-c", "import grpc, google.protobuf"], Peers.ProjectFolder, CancellationToken.None)).ExitCode == 0)
        ? "Debian's python3-grpcio and python3-protobuf are not installed." : null;

    /// <summary>The command that runs a peer's part, server or client.</summary>
    public static async Task<(string Program, string[] Arguments, string Folder)> CommandAsync(string peer, string part, params string[] arguments)
    {
        if (peer == "grpc-js")
        {
            return ("node", [$"interop-{part}.mjs", Protos, .. arguments], await Peers.InstallNodePackagesAsync(CancellationToken.None));
        }

        return ("/usr/bin/python3", [$"interop_{part}.py", DescriptorFile.Value, .. arguments], Path.Combine(Peers.ProjectFolder, "python"));
    }

    /// <summary>For Python, which takes the contract as descriptors, so that nothing needs generating.</summary>
    private static Lazy<string> DescriptorFile { get; } = new(() =>
    {
        var files = new FileDescriptorSet();
        foreach (var file in (FileDescriptor[])[EmptyReflection.Descriptor, MessagesReflection.Descriptor, TestReflection.Descriptor])
        {
            files.File.Add(FileDescriptorProto.Parser.ParseFrom(file.SerializedData));
        }

        var path = Path.Combine(AppContext.BaseDirectory, "interop.descriptors");
        File.WriteAllBytes(path, files.ToByteArray());
        return path;
    });
}

/// <summary>The server of a peer, in a process of its own that ends with its input.</summary>
internal sealed class InteropPeerServer : IAsyncDisposable
{
    private readonly Process _process;

    private InteropPeerServer(Process process, string address)
    {
        _process = process;
        Address = address;
    }

    public string Address { get; }

    public static async Task<InteropPeerServer> StartAsync(string peer)
    {
        var (program, arguments, folder) = await InteropPeer.CommandAsync(peer, "server");
        var process = Process.Start(new ProcessStartInfo(program, arguments)
        {
            WorkingDirectory = folder,
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        }) ?? throw new InvalidOperationException($"{program} did not start.");
        var line = await process.StandardOutput.ReadLineAsync(CancellationToken.None).AsTask().WaitAsync(TimeSpan.FromSeconds(60));
        Assert.StartsWith("port ", line, StringComparison.Ordinal);
        return new InteropPeerServer(process, $"http://127.0.0.1:{line!["port ".Length..]}");
    }

    public async ValueTask DisposeAsync()
    {
        _process.StandardInput.Close();
        await _process.WaitForExitAsync(CancellationToken.None).WaitAsync(TimeSpan.FromSeconds(30));
        _process.Dispose();
    }
}
