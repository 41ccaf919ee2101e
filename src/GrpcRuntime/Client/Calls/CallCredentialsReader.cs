using Grpc.Core;

namespace Grpc.Net.Client.Calls;

/// <summary>Takes call credentials apart into the functions that add their headers.</summary>
internal sealed class CallCredentialsReader : CallCredentialsConfiguratorBase
{
    private readonly List<AsyncAuthInterceptor> _interceptors = [];

    /// <summary>The headers that the credentials of the channel and those of the call add.</summary>
    public static async Task<Metadata> GetHeadersAsync(IReadOnlyList<CallCredentials> channel, CallCredentials? call, AuthInterceptorContext context)
    {
        var reader = new CallCredentialsReader();
        foreach (var credentials in channel)
        {
            credentials.InternalPopulateConfiguration(reader, null);
        }

        call?.InternalPopulateConfiguration(reader, null);
        var headers = new Metadata();
        foreach (var interceptor in reader._interceptors)
        {
            await interceptor(context, headers).WaitAsync(context.CancellationToken);
        }

        return headers;
    }

    public override void SetCompositeCredentials(object? state, IReadOnlyList<CallCredentials> credentials)
    {
        foreach (var part in credentials)
        {
            part.InternalPopulateConfiguration(this, state);
        }
    }

    public override void SetAsyncAuthInterceptorCredentials(object? state, AsyncAuthInterceptor interceptor) => _interceptors.Add(interceptor);
}
