using System.Reflection;
using Kpm.Server.Administration;

namespace Kpm.Server;

/// <summary>Reads the options: <c>appsettings.json</c> in the working folder, then <c>Kpm__…</c> of the environment, then the command line.</summary>
internal static class CommandLine
{
    public static string Usage { get; } = Options + "\n\n" + Commands();

    private const string Options = """
        kpm-server: the account and vault server of Kpm.Grpc

          --data FOLDER             database, root key and mails (./data)
          --listen ADDRESS          127.0.0.1:5080 unless told otherwise; port 0 takes a free one
          --pages ADDRESS|off       the web pages behind mailed links; on the port after --listen's unless told otherwise
          --pages-url URL           how browsers reach the pages, such as https://accounts.example.org
          --web-origins ORIGINS     serves gRPC-Web, on the pages' port, to apps in browsers from there; with commas between
          --support-listen ADDRESS  serves operators of support there; nowhere unless told
          --support-public          serves operators of support at --listen too
          --certificate FILE        PEM certificate; with it, the server speaks TLS
          --certificate-key FILE    PEM private key of the certificate
          --allow-cleartext         no TLS on a public address, behind a proxy that does it
          --reflection true|false   gRPC reflection; on in Development only
          --log-level LEVEL         Trace, Debug, Information (unless told otherwise), Warning, Error
          --mail-folder FOLDER      where mails are written while no SMTP server is named
          --smtp-host HOST          sends mails by SMTP; see docs/operations.md for port, user and TLS
          --Kpm:Section:Name VALUE  any other option, as in appsettings.json
        """;

    private const int HelpColumn = 36;

    private static readonly Dictionary<string, string> Switches = new(StringComparer.Ordinal)
    {
        ["--data"] = "Kpm:Data",
        ["--listen"] = "Kpm:Listen",
        ["--pages"] = "Kpm:Pages:Listen",
        ["--pages-url"] = "Kpm:Pages:Url",
        ["--web-origins"] = "Kpm:Web:Origins",
        ["--support-listen"] = "Kpm:SupportListen",
        ["--support-public"] = "Kpm:SupportPublic",
        ["--certificate"] = "Kpm:Certificate",
        ["--certificate-key"] = "Kpm:CertificateKey",
        ["--allow-cleartext"] = "Kpm:AllowCleartext",
        ["--reflection"] = "Kpm:Reflection",
        ["--log-level"] = "Kpm:LogLevel",
        ["--mail-folder"] = "Kpm:Mail:Folder",
        ["--smtp-host"] = "Kpm:Mail:SmtpHost",
    };

    /// <summary>The validated options.</summary>
    /// <exception cref="StartException">An option is unknown or has a value that can't be.</exception>
    public static ServerOptions Read(string[] args)
    {
        try
        {
            var configuration = new ConfigurationBuilder()
                .AddJsonFile(Path.GetFullPath("appsettings.json"), optional: true, reloadOnChange: false)
                .AddEnvironmentVariables()
                .AddInMemoryCollection(Parse(args))
                .Build();
            var section = configuration.GetSection("Kpm");
            RejectUnknown(section, typeof(ServerOptions));
            var options = section.Get<ServerOptions>(binder => binder.ErrorOnUnknownConfiguration = true) ?? new ServerOptions();
            options.Validate();
            return options;
        }
        catch (Exception e) when (e is InvalidOperationException or InvalidDataException or FormatException)
        {
            // The outer message of a bad value names the option, the inner message of a bad file says what is wrong in it.
            var message = e is InvalidDataException && e.InnerException is { } inner ? $"{e.Message} {inner.Message}" : e.Message;
            throw new StartException($"The configuration can't be read: {message.TrimEnd('.')}.", e);
        }
    }

    private static string Commands() => string.Join('\n', AdminProgram.Commands
        .Select(c => $"  kpm-server {c.Name} {c.Arguments}".PadRight(HelpColumn) + c.Help)
        .Prepend("Commands, for a server that runs or is stopped, each with --data FOLDER behind it:\n"));

    private static Dictionary<string, string?> Parse(string[] args)
    {
        var values = new Dictionary<string, string?>(StringComparer.OrdinalIgnoreCase);
        for (var i = 0; i < args.Length; i++)
        {
            var (name, value) = args[i].IndexOf('=', StringComparison.Ordinal) is > 0 and var at ? (args[i][..at], args[i][(at + 1)..]) : (args[i], null);
            var key = Switches.GetValueOrDefault(name) ?? (name.StartsWith("--Kpm:", StringComparison.OrdinalIgnoreCase) ? name[2..] : null)
                ?? throw new StartException($"Unknown option {name}. kpm-server --help lists the options.");
            if (value is null && i + 1 < args.Length && !args[i + 1].StartsWith("--", StringComparison.Ordinal))
            {
                value = args[++i];
            }

            values[key] = value ?? (name is "--allow-cleartext" or "--reflection" or "--support-public" ? "true" : throw new StartException($"The option {name} needs a value."));
        }

        return values;
    }

    /// <summary>A misspelt option would be ignored silently otherwise.</summary>
    private static void RejectUnknown(IConfigurationSection section, Type options)
    {
        foreach (var child in section.GetChildren())
        {
            var property = options.GetProperty(child.Key, BindingFlags.Public | BindingFlags.Instance | BindingFlags.IgnoreCase);
            if (property is null || !property.CanWrite)
            {
                throw new StartException($"Unknown option {child.Path}. kpm-server --help lists the options.");
            }

            if (property.PropertyType.Namespace!.StartsWith("Kpm.", StringComparison.Ordinal))
            {
                RejectUnknown(child, property.PropertyType);
            }
            else if (property.PropertyType is { IsGenericType: true } named && named.GetGenericTypeDefinition() == typeof(Dictionary<,>))
            {
                foreach (var entry in child.GetChildren())
                {
                    RejectUnknown(entry, named.GetGenericArguments()[1]);
                }
            }
        }
    }
}
