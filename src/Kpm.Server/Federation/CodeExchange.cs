using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Kpm.Server.Rpc;
using Kpm.V1;
using Microsoft.IdentityModel.Protocols.OpenIdConnect;

namespace Kpm.Server.Federation;

/// <summary>The tokens that a code was worth. The access token serves to check the id_token and is then forgotten.</summary>
internal sealed record ExchangedTokens(string IdToken, string? AccessToken);

/// <summary>Trades an authorization code for tokens (RFC 6749, 4.1.3) with this server's own credential and the app's code verifier.</summary>
internal sealed class CodeExchange(ProviderHttp http, ProviderMetadata metadata, ClientCredentials credentials, ILogger<CodeExchange> logger)
{
    /// <summary>The tokens, or IDENTITY_REJECTED.</summary>
    /// <exception cref="ProviderUnreachableException">The provider can't be reached, or does not know this server.</exception>
    public async Task<ExchangedTokens> RedeemAsync(OpenIdProvider provider, string code, string redirectUri, string verifier, CancellationToken cancellationToken)
    {
        var document = await metadata.GetAsync(provider, provider.Issuers[0], cancellationToken);
        var endpoint = provider.TokenEndpoint.Length > 0 ? provider.TokenEndpoint : document.TokenEndpoint ?? "";
        var form = new List<KeyValuePair<string, string>>
        {
            new("grant_type", "authorization_code"),
            new("code", code),
            new("redirect_uri", redirectUri),
            new("code_verifier", verifier),
        };
        var answer = await http.PostAsync(endpoint, form, Authenticate(provider, document, form), cancellationToken);
        if (answer.Status == HttpStatusCode.OK && Read(answer.Body) is { IdToken: { Length: > 0 } idToken } tokens)
        {
            return new ExchangedTokens(idToken, tokens.AccessToken);
        }

        throw Refusal(provider, answer);
    }

    /// <summary>Adds the credential to the form, or returns it as a header: RFC 6749, 2.3.1, prefers the header, Google, Apple and Facebook document the form.</summary>
    private AuthenticationHeaderValue? Authenticate(OpenIdProvider provider, OpenIdConnectConfiguration document, List<KeyValuePair<string, string>> form)
    {
        var secret = credentials.SecretOf(provider);
        var methods = document.TokenEndpointAuthMethodsSupported;
        var byHeader = secret is not null && provider.Kind == ProviderKind.OpenId
            && (methods.Count == 0 || methods.Contains("client_secret_basic") || !methods.Contains("client_secret_post"));
        if (byHeader)
        {
            var pair = $"{Uri.EscapeDataString(provider.Options.ClientId)}:{Uri.EscapeDataString(secret!)}";
            return new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.ASCII.GetBytes(pair)));
        }

        form.Add(new("client_id", provider.Options.ClientId));
        if (secret is not null)
        {
            form.Add(new("client_secret", secret));
        }

        return null;
    }

    private Exception Refusal(OpenIdProvider provider, ProviderAnswer answer)
    {
        var error = Read(answer.Body)?.Error is { Length: > 0 and < 64 } told && told.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '-') ? told : $"HTTP {(int)answer.Status}";
        if (error is "invalid_client" or "unauthorized_client" || answer.Status == HttpStatusCode.Unauthorized)
        {
            Log.ClientRefused(logger, provider.Id, error);
            return new ProviderUnreachableException("it refuses this server's credential");
        }

        Log.CodeRefused(logger, provider.Id, error);
        return Errors.Of(ErrorReason.IdentityRejected);
    }

    /// <summary>Null for what is no JSON object; Facebook's error is an object in place of a string, and then none that we know.</summary>
    private static Answer? Read(byte[] body)
    {
        try
        {
            using var json = JsonDocument.Parse(body, new JsonDocumentOptions { MaxDepth = 8 });
            return json.RootElement.ValueKind != JsonValueKind.Object ? null : new Answer(Text(json, "id_token"), Text(json, "access_token"), Text(json, "error"));
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static string? Text(JsonDocument json, string name) =>
        json.RootElement.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private sealed record Answer(string? IdToken, string? AccessToken, string? Error);
}
