using System.Net;

namespace Kpm.Server.Messaging.Sms;

/// <summary>
/// Calls a carrier over HTTP. Not made by a client factory, which would log addresses of requests: kannel's
/// carry the number, the code and the password.
/// </summary>
internal sealed class SmsHttp : IDisposable
{
    private const int MostOfAnAnswer = 64 * 1024;

    private readonly HttpClient _client;
    private readonly TimeProvider _time;
    private readonly Limits _limits;

    public SmsHttp(TimeProvider time, Limits limits)
    {
        (_time, _limits) = (time, limits);
        // A redirect would take the credentials to where nobody configured.
        var handler = new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false, PooledConnectionLifetime = TimeSpan.FromMinutes(5), ActivityHeadersPropagator = null };
        _client = new HttpClient(handler) { MaxResponseContentBufferSize = MostOfAnAnswer, Timeout = Timeout.InfiniteTimeSpan };
    }

    /// <exception cref="SmsFailedException">No answer came.</exception>
    public async Task<(HttpStatusCode Status, byte[] Body)> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        using var timeout = new CancellationTokenSource(_limits.SmsDeliveryTimeout, _time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellationToken);
        try
        {
            using var response = await _client.SendAsync(request, either.Token);
            return (response.StatusCode, await response.Content.ReadAsByteArrayAsync(either.Token));
        }
        catch (HttpRequestException e)
        {
            throw new SmsFailedException($"no answer: {e.HttpRequestError}");
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new SmsFailedException("no answer in time");
        }
    }

    public void Dispose() => _client.Dispose();
}
