using Grpc.Core;

namespace Grpc.Net.Client;

/// <summary>What channel credentials come down to.</summary>
internal sealed class ChannelSecurity : ChannelCredentialsConfiguratorBase
{
    private bool? _isSecure;

    /// <summary>Whether connections are made over TLS.</summary>
    public bool IsSecure => _isSecure == true;

    /// <summary>The call credentials of the channel.</summary>
    public List<CallCredentials> CallCredentials { get; } = [];

    /// <summary>Reads credentials, and checks them against the address.</summary>
    /// <exception cref="InvalidOperationException">Credentials and address contradict each other, or the credentials need a handler of the caller's.</exception>
    public static ChannelSecurity Of(ChannelCredentials? credentials, Uri address)
    {
        var security = new ChannelSecurity();
        credentials?.InternalPopulateConfiguration(security, null);
        var isHttps = address.Scheme == Uri.UriSchemeHttps;
        if (!isHttps && address.Scheme != Uri.UriSchemeHttp)
        {
            return security._isSecure is not null
                ? security
                : throw new InvalidOperationException($"Whether '{address}' is reached over TLS cannot be told from the address: GrpcChannelOptions.Credentials has to say so.");
        }

        security._isSecure ??= isHttps;
        return security._isSecure switch
        {
            true when !isHttps => throw new InvalidOperationException("Secure channel credentials need an address that starts with https."),
            false when isHttps => throw new InvalidOperationException("Insecure channel credentials need an address that starts with http."),
            _ => security,
        };
    }

    public override void SetInsecureCredentials(object? state) => _isSecure = false;

    public override void SetSslCredentials(object? state, string? rootCertificates, KeyCertificatePair? keyCertificatePair, VerifyPeerCallback? verifyPeerCallback)
    {
        if (rootCertificates is not null || keyCertificatePair is not null || verifyPeerCallback is not null)
        {
            throw new InvalidOperationException("SslCredentials with arguments are not supported; configure the TLS of GrpcChannelOptions.HttpHandler instead.");
        }

        _isSecure = true;
    }

    public override void SetCompositeCredentials(object? state, ChannelCredentials channelCredentials, CallCredentials callCredentials)
    {
        channelCredentials.InternalPopulateConfiguration(this, state);
        CallCredentials.Add(callCredentials);
    }
}
