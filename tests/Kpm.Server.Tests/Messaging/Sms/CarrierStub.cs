using System.Collections.Concurrent;
using System.Net;
using System.Text;
using Kpm.Server.Tests.Hosting;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Kpm.Server.Tests.Messaging.Sms;

/// <summary>A call that a carrier got.</summary>
internal sealed record CarrierCall(string Path, string Login, string ContentType, IReadOnlyDictionary<string, string> Form);

/// <summary>An endpoint in the shape of Twilio's resource Messages (2010-04-01), which answers as it is told.</summary>
internal sealed class CarrierStub : IAsyncDisposable
{
    private readonly WebApplication _app;

    private CarrierStub(WebApplication app) => _app = app;

    public string Url => _app.Urls.Single();

    public ConcurrentQueue<CarrierCall> Calls { get; } = [];

    /// <summary>Answers to come, in order; then 201.</summary>
    public ConcurrentQueue<(int Status, string Body)> Answers { get; } = [];

    public static async Task<CarrierStub> StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseKestrel(k => k.Listen(IPAddress.Loopback, 0));
        var app = builder.Build();
        var stub = new CarrierStub(app);
        app.Run(stub.AnswerAsync);
        await app.StartAsync();
        return stub;
    }

    public async Task<CarrierCall> WaitAsync(int count = 1)
    {
        await Eventually.TrueAsync(() => Calls.Count >= count);
        return Calls.ElementAt(count - 1);
    }

    public async ValueTask DisposeAsync()
    {
        await _app.StopAsync();
        await _app.DisposeAsync();
    }

    private async Task AnswerAsync(HttpContext context)
    {
        var form = await context.Request.ReadFormAsync();
        var header = context.Request.Headers.Authorization.ToString();
        var login = header.StartsWith("Basic ", StringComparison.Ordinal) ? Encoding.UTF8.GetString(Convert.FromBase64String(header["Basic ".Length..])) : header;
        Calls.Enqueue(new CarrierCall(context.Request.Path, login, context.Request.ContentType ?? "", form.ToDictionary(f => f.Key, f => f.Value.ToString(), StringComparer.Ordinal)));
        var (status, body) = Answers.TryDequeue(out var next) ? next : (201, """{"sid":"SM0123456789abcdef0123456789abcdef","status":"queued","error_code":null}""");
        context.Response.StatusCode = status;
        context.Response.ContentType = "application/json";
        await context.Response.WriteAsync(body);
    }
}
