using System.Net;
using Microsoft.IdentityModel.Protocols;

namespace Kpm.Server.Federation;

/// <summary>The provider did not answer, or with what can't be its answer.</summary>
internal sealed class ProviderUnreachableException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>What a token endpoint answered.</summary>
internal sealed record ProviderAnswer(HttpStatusCode Status, byte[] Body);

/// <summary>
/// The server's calls to providers: bounded in time and size, without redirects, cookies and proxies of the environment's
/// choosing in between. Only addresses of configured issuers and of their documents come here.
/// </summary>
internal sealed class ProviderHttp : IDocumentRetriever, IDisposable
{
    private readonly bool _allowLoopback;
    private readonly HttpClient _client;

    public ProviderHttp(IdentityOptions options, Limits limits)
    {
        _allowLoopback = options.AllowLoopbackIssuers;
        var handler = new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseCookies = false,
            ConnectTimeout = limits.ProviderTimeout,
            // A provider that moves to other addresses is found again.
            PooledConnectionLifetime = TimeSpan.FromMinutes(10),
        };
        _client = new HttpClient(handler)
        {
            Timeout = limits.ProviderTimeout,
            MaxResponseContentBufferSize = limits.ProviderResponseBytes,
        };
        _client.DefaultRequestHeaders.Add("Accept", "application/json");
        _client.DefaultRequestHeaders.Add("User-Agent", "kpm-server");
    }

    /// <summary>A discovery document or key set.</summary>
    public async Task<string> GetDocumentAsync(string address, CancellationToken cancel)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, Trusted(address));
        var answer = await SendAsync(request, cancel);
        return answer.Status == HttpStatusCode.OK
            ? System.Text.Encoding.UTF8.GetString(answer.Body)
            : throw new ProviderUnreachableException($"HTTP {(int)answer.Status} instead of a document");
    }

    /// <summary>Posts a form; errors of the provider's side are unreachability, everything else is its answer.</summary>
    public async Task<ProviderAnswer> PostAsync(string address, IEnumerable<KeyValuePair<string, string>> form, System.Net.Http.Headers.AuthenticationHeaderValue? authorization, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, Trusted(address)) { Content = new FormUrlEncodedContent(form) };
        request.Headers.Authorization = authorization;
        var answer = await SendAsync(request, cancellationToken);
        return (int)answer.Status is >= 500 or 429 or (>= 300 and < 400)
            ? throw new ProviderUnreachableException($"HTTP {(int)answer.Status} instead of a token")
            : answer;
    }

    public void Dispose() => _client.Dispose();

    private async Task<ProviderAnswer> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        try
        {
            using var response = await _client.SendAsync(request, cancellationToken);
            return new ProviderAnswer(response.StatusCode, await response.Content.ReadAsByteArrayAsync(cancellationToken));
        }
        catch (HttpRequestException e)
        {
            throw new ProviderUnreachableException(e.HttpRequestError.ToString(), e);
        }
        catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
        {
            throw new ProviderUnreachableException("no answer in time", e);
        }
    }

    /// <summary>A discovery document could name anything.</summary>
    private Uri Trusted(string address) => ProviderAddress.IsTrustworthy(address, _allowLoopback)
        ? new Uri(address)
        : throw new ProviderUnreachableException("an address that is not https");
}
