using System.Collections.Concurrent;
using Microsoft.IdentityModel.Protocols.OpenIdConnect;

namespace Kpm.Server.Federation;

/// <summary>
/// The discovery documents and key sets of the providers. They are kept for a while, and fetched again at once when a token
/// names a key that is not among them, but not more often than a stranger's made-up key ids may make us. A provider that
/// can't be reached is not asked again for a moment, so that its outage costs callers no waiting.
/// </summary>
/// <remarks>
/// The library's own ConfigurationManager refreshes in the background and by the system's clock: the token that shows a new
/// key would be refused until another one comes.
/// </remarks>
internal sealed class ProviderMetadata(ProviderHttp http, TimeProvider time, Limits limits, ILogger<ProviderMetadata> logger)
{
    private readonly ConcurrentDictionary<string, Source> _sources = new(StringComparer.Ordinal);

    /// <exception cref="ProviderUnreachableException">There is no document that could still be used.</exception>
    public Task<OpenIdConnectConfiguration> GetAsync(OpenIdProvider provider, ProviderIssuer issuer, CancellationToken cancellationToken) =>
        FetchAsync(provider, issuer, known => time.GetUtcNow() - known.FetchedAt >= limits.ProviderDocumentLifetime, cancellationToken);

    /// <summary>After an unknown key: a newer document, unless it was fetched only just now.</summary>
    /// <exception cref="ProviderUnreachableException">There is no document that could still be used.</exception>
    public Task<OpenIdConnectConfiguration> RenewAsync(OpenIdProvider provider, ProviderIssuer issuer, CancellationToken cancellationToken) =>
        FetchAsync(provider, issuer, known => time.GetUtcNow() - known.FetchedAt >= limits.ProviderDocumentRenewal, cancellationToken);

    private async Task<OpenIdConnectConfiguration> FetchAsync(OpenIdProvider provider, ProviderIssuer issuer, Func<Known, bool> isDue, CancellationToken cancellationToken)
    {
        var source = _sources.GetOrAdd(issuer.Document, _ => new Source());
        if (source.Known is { } known && !isDue(known))
        {
            return known.Document;
        }

        // One fetch at a time; whoever waited looks again.
        await source.Gate.WaitAsync(cancellationToken);
        try
        {
            var now = time.GetUtcNow();
            known = source.Known;
            if (known is not null && !isDue(known))
            {
                return known.Document;
            }

            if (now < source.NotBefore)
            {
                return StillUsable(known, now) ?? throw new ProviderUnreachableException("unreachable a moment ago");
            }

            try
            {
                var fresh = await ReadAsync(provider, issuer, cancellationToken);
                source.Known = new Known(fresh, now);
                return fresh;
            }
            catch (ProviderUnreachableException e)
            {
                Log.ProviderUnreachable(logger, provider.Id, e.Message);
                source.NotBefore = now + limits.ProviderRetry;
                if (StillUsable(known, now) is { } document)
                {
                    return document;
                }

                throw;
            }
        }
        finally
        {
            source.Gate.Release();
        }
    }

    private async Task<OpenIdConnectConfiguration> ReadAsync(OpenIdProvider provider, ProviderIssuer issuer, CancellationToken cancellationToken)
    {
        OpenIdConnectConfiguration document;
        try
        {
            document = await OpenIdConnectConfigurationRetriever.GetAsync(issuer.Document, http, cancellationToken);
        }
        catch (Exception e) when (e is not (ProviderUnreachableException or OperationCanceledException))
        {
            // The library wraps ours, and throws what it likes at a document that is none.
            throw e.InnerException as ProviderUnreachableException ?? new ProviderUnreachableException("a document that can't be read", e);
        }

        // OpenID Connect Discovery 1.0, section 4.3: otherwise one issuer could speak for another.
        return provider.Issuers.Any(i => i.Document == issuer.Document && i.Issuer == document.Issuer)
            ? document
            : throw new ProviderUnreachableException("a document of another issuer");
    }

    /// <summary>An old document is better than none for a while: keys are seldom withdrawn in haste, providers often fail for an hour.</summary>
    private OpenIdConnectConfiguration? StillUsable(Known? known, DateTimeOffset now) =>
        known is not null && now - known.FetchedAt < limits.ProviderDocumentLongestUse ? known.Document : null;

    private sealed record Known(OpenIdConnectConfiguration Document, DateTimeOffset FetchedAt);

    private sealed class Source
    {
        private volatile Known? _known;

        public SemaphoreSlim Gate { get; } = new(1, 1);

        public Known? Known
        {
            get => _known;
            set => _known = value;
        }

        public DateTimeOffset NotBefore { get; set; }
    }
}
