using Grpc.Core;
using Grpc.Core.Interceptors;
using Grpc.Net.Client;
using Kpm.Server.Accounts.Passwords;
using Kpm.Server.Storage;
using Kpm.Server.Storage.Sqlite;
using Kpm.Server.Tests.Storage;
using Kpm.Server.Verification.Checks;
using Kpm.V1;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;

namespace Kpm.Server.Tests.Hosting;

/// <summary>
/// The real server on a free port, with its data in a folder of its own; called through the generated
/// client over a real socket. Only the cost of password hashes and, where asked for, the clock differ.
/// </summary>
internal sealed class TestServer : IAsyncDisposable
{
    private readonly TempFolder _folder = new();
    private ServerOptions _options;
    private readonly TimeProvider _time;
    private readonly Action<IServiceCollection>? _adjust;
    private WebApplication? _app;
    private GrpcChannel? _channel;

    private TestServer(TimeProvider time, Func<ServerOptions, ServerOptions>? options, Action<IServiceCollection>? adjust)
    {
        _time = time;
        _adjust = adjust;
        var defaults = new ServerOptions
        {
            Data = _folder.File("data"),
            Listen = "127.0.0.1:0",
            PasswordHash = new PasswordHashOptions { Cost = 4, Threads = 2 },
        };
        _options = options?.Invoke(defaults) ?? defaults;
    }

    public ServerOptions Options => _options;

    public Limits Limits => _options.Limits;

    public TimeProvider Time => _time;

    public FakeTime Clock => (FakeTime)_time;

    public RecordedLogs Logs { get; } = new();

    public RecordedExit Exit { get; } = new();

    /// <summary>Reads what the server draws.</summary>
    public ReadPictures Pictures { get; } = new();

    public string Address => ServerApp.AddressOf(App);

    /// <summary>Where the pages are, as mails say it; null without pages.</summary>
    public string? PagesAddress => Services.GetRequiredService<Kpm.Server.Pages.PublicUrls>().Base();

    public GrpcChannel Channel => _channel ?? throw new InvalidOperationException("The server is stopped.");

    public CallInvoker Invoker => Channel.Intercept(new DeadlineInterceptor());

    public AccountService.AccountServiceClient Accounts => new(Invoker);

    public VerificationService.VerificationServiceClient Verification => new(Invoker);

    public VaultService.VaultServiceClient Vault => new(Invoker);

    public Mailbox Mails => new(_options.MailFolder);

    public SmsBox Sms => new(_options.SmsFolder);

    public IServiceProvider Services => App.Services;

    /// <summary>For asserting on what is stored, and on what is not.</summary>
    public SqliteDatabase Database => Services.GetRequiredService<SqliteDatabase>();

    private WebApplication App => _app ?? throw new InvalidOperationException("The server is stopped.");

    /// <summary>Starts a server with the system's clock, or with one that the test moves.</summary>
    public static async Task<TestServer> StartAsync(FakeTime? time = null, Func<ServerOptions, ServerOptions>? options = null, Action<IServiceCollection>? adjust = null)
    {
        var server = new TestServer((TimeProvider?)time ?? TimeProvider.System, options, adjust);
        try
        {
            await server.StartAsync();
            return server;
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    /// <summary>A channel of its own connection.</summary>
    public GrpcChannel NewChannel() => GrpcChannel.ForAddress(Address);

    /// <summary>Stops the server and starts it again on the same data, at another port.</summary>
    public async Task RestartAsync(Func<ServerOptions, ServerOptions>? options = null)
    {
        await StopAsync();
        _options = options?.Invoke(_options) ?? _options;
        await StartAsync();
    }

    /// <param name="keepChannel">Leaves the client's connection open, to see what it is told.</param>
    public async Task StopAsync(bool keepChannel = false)
    {
        if (!keepChannel)
        {
            _channel?.Dispose();
            _channel = null;
        }

        if (_app is { } app)
        {
            _app = null;
            await app.StopAsync();
            await app.DisposeAsync();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        _folder.Dispose();
    }

    private async Task StartAsync()
    {
        _options.Validate();
        _app = ServerApp.Build(_options, "Development", services =>
        {
            services.Replace(ServiceDescriptor.Singleton(_time));
            services.Replace(ServiceDescriptor.Singleton<IFatalExit>(Exit));
            services.Replace(ServiceDescriptor.Singleton<ICheckPictures>(Pictures));
            services.AddLogging(logging => logging.ClearProviders().AddProvider(Logs));
            _adjust?.Invoke(services);
        });
        await ServerApp.StartAsync(_app, _options);
        _channel = NewChannel();
    }
}
