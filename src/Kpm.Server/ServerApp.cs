using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Kpm.Server.Accounts;
using Kpm.Server.Accounts.Sessions;
using Kpm.Server.Administration;
using Kpm.Server.Catalogue;
using Kpm.Server.Federation;
using Kpm.Server.Listening;
using Kpm.Server.Messaging;
using Kpm.Server.Messaging.Sms;
using Kpm.Server.Pages;
using Kpm.Server.Rpc;
using Kpm.Server.Secrets;
using Kpm.Server.Storage;
using Kpm.Server.Storage.Sqlite;
using Kpm.Server.Support;
using Kpm.Server.Vaults;
using Kpm.Server.Verification;
using Microsoft.AspNetCore.Connections;

namespace Kpm.Server;

/// <summary>Puts the server together. The tests build the same one.</summary>
internal static class ServerApp
{
    /// <summary>A server that is ready to be started; disposing it closes the database.</summary>
    /// <param name="options">Validated options.</param>
    /// <param name="environment">Development or Production.</param>
    /// <param name="adjust">For tests: replaces services, such as the clock.</param>
    /// <exception cref="StartException">Something that the server needs is not there.</exception>
    public static WebApplication Build(ServerOptions options, string environment, Action<IServiceCollection>? adjust = null)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions { EnvironmentName = environment, ApplicationName = "kpm-server" });
        builder.Logging.AddSimpleConsole(o => o.SingleLine = true);
        builder.Logging.SetMinimumLevel(options.LogLevel);
        if (options.LogLevel == LogLevel.Information)
        {
            builder.Logging.AddFilter("Microsoft", LogLevel.Warning);
            // A refused call is the caller's news, not the operator's.
            builder.Logging.AddFilter("Grpc", LogLevel.Warning);
        }

        // It writes no more than a start and an end for each request, but while it may write, every request gets an Activity: a
        // twelfth of a unary call's cost (measured). With a listener for activities, hosting makes them all the same.
        builder.Logging.AddFilter("Microsoft.AspNetCore.Hosting.Diagnostics", LogLevel.None);
        // A failed bind is told by Program, on one line.
        builder.Logging.AddFilter("Microsoft.Extensions.Hosting.Internal.Host", LogLevel.None);
        builder.Services.AddRoutingCore();
        ConfigureKestrel(builder, options);
        AddServices(builder.Services, options);
        AddGrpc(builder.Services, options.Limits);
        adjust?.Invoke(builder.Services);

        var app = builder.Build();
        try
        {
            Open(app.Services);
            app.UseForwardedClients(options.Proxies);
            app.UseRouting();
            app.UseListeners();
            app.UseWeb(options.Web);
            Map(app, options);
            return app;
        }
        catch
        {
            ((IDisposable)app).Dispose();
            throw;
        }
    }

    private static void Map(WebApplication app, ServerOptions options)
    {
        app.MapGrpcService<AccountGrpcService>().ServeWeb(options.Web);
        app.MapGrpcService<VerificationGrpcService>().ServeWeb(options.Web);
        app.MapGrpcService<VaultGrpcService>().ServeWeb(options.Web);
        Listener[] support = [.. options.SupportListen.Length > 0 ? [Listener.Support] : Array.Empty<Listener>(), .. options.SupportPublic ? [Listener.Main] : Array.Empty<Listener>()];
        if (support.Length > 0)
        {
            app.MapGrpcService<SupportGrpcService>().WithMetadata(new ServedOn(support));
        }

        var everywhere = new ServedOn(Listener.Main, Listener.Support);
        app.MapGrpcHealthChecksService().WithMetadata(everywhere);
        app.MapPages(options);
        if (options.Reflection ?? app.Environment.IsDevelopment())
        {
            app.MapGrpcReflectionService().WithMetadata(everywhere);
        }
    }

    /// <exception cref="StartException">The root key is another database's, or the address can't be listened at.</exception>
    public static async Task StartAsync(WebApplication app, ServerOptions options)
    {
        await SqliteRootKeyRecord.CheckAsync(app.Services.GetRequiredService<SqliteDatabase>(), app.Services.GetRequiredService<RootKey>(), app.Services.GetRequiredService<TimeProvider>().Now(), CancellationToken.None);
        try
        {
            await app.StartAsync();
        }
        catch (IOException e) when (e.InnerException is AddressInUseException)
        {
            var (at, option) = ListenerPlan.Blame(options, e);
            throw new StartException($"Another program listens at {at} already. Stop it, or choose another address with {option}.", e);
        }
        catch (Exception e) when (e is IOException or System.Net.Sockets.SocketException)
        {
            var (at, option) = ListenerPlan.Blame(options, e);
            throw new StartException($"The server can't listen at {at}: {e.Message.TrimEnd('.')}. Choose another address with {option}.", e);
        }
    }

    /// <summary>The address that a started server listens at.</summary>
    public static string AddressOf(WebApplication app) => app.Urls.First();

    /// <summary>What a person wants to know first.</summary>
    public static string Banner(WebApplication app, ServerOptions options) =>
        $"kpm-server listens at {AddressOf(app)}{SupportAddress(app)}, keeps its data in {options.DataFolder}, and sends mail to {app.Services.GetRequiredService<IMailSender>().Destination}. Ctrl+C stops it.";

    private static string SupportAddress(WebApplication app) =>
        app.Services.GetRequiredService<Listeners>().Find(Listener.Support) is { } support ? $", for operators of support at {support}" : "";

    private static void ConfigureKestrel(WebApplicationBuilder builder, ServerOptions options)
    {
        builder.WebHost.UseKestrelCore();
        if (options.UsesTls)
        {
            builder.WebHost.UseKestrelHttpsConfiguration();
        }

        var certificate = options.UsesTls ? LoadCertificate(options) : null;
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = null; // streams have no end; messages are bounded by gRPC's own limit
            kestrel.Limits.MinRequestBodyDataRate = null; // an idle Sync stream is no slow client
            kestrel.Limits.MinResponseDataRate = null;
            kestrel.Limits.KeepAliveTimeout = TimeSpan.FromMinutes(5);
            kestrel.Limits.Http2.MaxStreamsPerConnection = 256;
            kestrel.Limits.Http2.KeepAlivePingDelay = TimeSpan.FromSeconds(60);
            kestrel.Limits.Http2.KeepAlivePingTimeout = TimeSpan.FromSeconds(20);
            var listeners = kestrel.ApplicationServices.GetRequiredService<Listeners>();
            foreach (var plan in ListenerPlan.Of(options))
            {
                kestrel.Listen(plan.EndPoint, listen =>
                {
                    listen.Protocols = plan.Protocols;
                    if (plan.Tls)
                    {
                        listen.UseHttps(certificate!);
                    }

                    listen.UseTokenMemo();
                    listeners.Add(plan.Listener, listen);
                });
            }
        });
        builder.Services.Configure<HostOptions>(host =>
        {
            host.ShutdownTimeout = options.Limits.DrainTimeout + TimeSpan.FromSeconds(5);
            host.BackgroundServiceExceptionBehavior = BackgroundServiceExceptionBehavior.StopHost;
        });
    }

    private static X509Certificate2 LoadCertificate(ServerOptions options)
    {
        try
        {
            return X509Certificate2.CreateFromPemFile(options.Certificate, options.CertificateKey);
        }
        catch (Exception e) when (e is CryptographicException or IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new StartException($"The certificate {options.Certificate} with the key {options.CertificateKey} can't be used: {e.Message}", e);
        }
    }

    private static void AddServices(IServiceCollection services, ServerOptions options)
    {
        var databasePath = Path.Combine(options.DataFolder, "kpm.db");
        services.AddSingleton(options);
        services.AddSingleton(options.Limits).AddSingleton(options.PasswordHash).AddSingleton(options.Mail);
        services.AddSingleton(TimeProvider.System);
        services.AddSingleton<IFatalExit, ProcessFatalExit>();
        services.AddSingleton(s => SqliteDatabase.Open(databasePath, s.GetRequiredService<IFatalExit>(), s.GetRequiredService<TimeProvider>(), s.GetRequiredService<ILogger<SqliteDatabase>>()));
        services.AddSecrets(Path.Combine(options.DataFolder, "root.key"));

        services.AddSingleton(_ => MethodPolicies.OfContract());
        services.AddSingleton<Authenticator>().AddSingleton<ErrorMapper>().AddSingleton<RepeatedCalls>().AddSingleton<CallInterceptor>().AddSingleton<PageTokens>();
        services.AddSingleton<Listeners>();
        services.AddWeb(options.Web);
        services.AddSingleton(_ => RegionCatalogue.Load());
        services.AddFederation(options);
        services.AddAccounts();
        services.AddVerification();
        services.AddMessaging(options);
        services.AddPages();
        services.AddSms(options);
        services.AddVaults();
        services.AddSupport().AddAdministration();
    }

    private static void AddGrpc(IServiceCollection services, Limits limits)
    {
        services.AddGrpc(grpc =>
        {
            grpc.MaxReceiveMessageSize = limits.MessageBytes;
            grpc.Interceptors.Add<CallInterceptor>();
        });
        services.AddGrpcHealthChecks();
        services.AddGrpcReflection();
    }

    /// <summary>Everything that can be wrong with the folder, the key and the database shows before the port is opened.</summary>
    private static void Open(IServiceProvider services)
    {
        services.GetRequiredService<SqliteDatabase>();
        services.GetRequiredService<RootKey>();
        services.GetRequiredService<IMailSender>();
        services.GetRequiredService<CallInterceptor>();
        services.GetRequiredService<AccountGrpcService>();
        services.GetRequiredService<VerificationGrpcService>();
        services.GetRequiredService<VaultGrpcService>();
        services.GetRequiredService<SupportGrpcService>();
    }
}
