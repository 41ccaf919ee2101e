using System.Runtime.InteropServices;
using System.Text;

namespace Kpm.Cli.Pictures;

/// <summary>
/// Asks the terminal what it is (primary device attributes); attribute 4 is sixel graphics. The terminal must not echo its
/// own answer, which .NET's console has no way to say: hence the C library, with its terminal settings as opaque bytes.
/// </summary>
internal static partial class SixelSupport
{
    private const int StandardInput = 0;
    private const int Now = 0;
    private const short Readable = 1;
    private const int SettingsSize = 256;
    private const int PatienceMs = 300;
    private const int MostAnswer = 64;

    /// <summary>True where the terminal announces sixel; false where it does not, or does not answer in time.</summary>
    public static bool Ask(TextWriter terminal)
    {
        if (OperatingSystem.IsWindows() || Console.IsInputRedirected || Environment.GetEnvironmentVariable("TERM") is null or "" or "dumb" or "linux")
        {
            return false;
        }

        var before = new byte[SettingsSize];
        if (GetAttributes(StandardInput, before) != 0)
        {
            return false;
        }

        var raw = (byte[])before.Clone();
        MakeRaw(raw);
        if (SetAttributes(StandardInput, Now, raw) != 0)
        {
            return false;
        }

        try
        {
            terminal.Write("\e[c");
            terminal.Flush();
            return Announces(ReadAnswer());
        }
        finally
        {
            _ = SetAttributes(StandardInput, Now, before);
        }
    }

    /// <summary>Reads "ESC [ ? 62 ; 4 ; 22 c".</summary>
    internal static bool Announces(string answer)
    {
        var start = answer.IndexOf("\e[?", StringComparison.Ordinal);
        var end = start < 0 ? -1 : answer.IndexOf('c', start);
        return end > 0 && answer[(start + 3)..end].Split(';').Skip(1).Contains("4", StringComparer.Ordinal);
    }

    private static string ReadAnswer()
    {
        var answer = new StringBuilder();
        var one = new byte[1];
        while (answer.Length < MostAnswer && (answer.Length == 0 || answer[^1] != 'c'))
        {
            var waiting = new PollEntry { Descriptor = StandardInput, Events = Readable };
            if (Poll(ref waiting, 1, PatienceMs) <= 0 || Read(StandardInput, one, 1) != 1)
            {
                break;
            }

            answer.Append((char)one[0]);
        }

        return answer.ToString();
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct PollEntry
    {
        public int Descriptor;
        public short Events;
        public short Happened;
    }

    [DllImport("libc", EntryPoint = "tcgetattr")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int GetAttributes(int descriptor, byte[] settings);

    [DllImport("libc", EntryPoint = "tcsetattr")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int SetAttributes(int descriptor, int when, byte[] settings);

    [DllImport("libc", EntryPoint = "cfmakeraw")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern void MakeRaw(byte[] settings);

    [DllImport("libc", EntryPoint = "poll")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Poll(ref PollEntry entries, nuint count, int milliseconds);

    [DllImport("libc", EntryPoint = "read")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern nint Read(int descriptor, byte[] bytes, nuint count);
}
