using Kpm.Server.Accounts;
using Kpm.Server.Storage.Sqlite;

namespace Kpm.Server.Federation;

/// <summary>The slice's parts for the server's container.</summary>
internal static class FederationServices
{
    public static IServiceCollection AddFederation(this IServiceCollection services, ServerOptions options) => services
        .AddSingleton(options.Identity)
        .AddSingleton<IIdentityStore, SqliteIdentityStore>()
        .AddSingleton<IdentityProviders>()
        .AddSingleton<ProviderHttp>()
        .AddSingleton<ProviderMetadata>()
        .AddSingleton<ClientCredentials>()
        .AddSingleton<CodeExchange>()
        .AddSingleton<IdTokens>()
        .AddSingleton<FederatedFlows>()
        .AddSingleton<FederatedRegistration>()
        .AddSingleton<ReauthenticationTickets>()
        .AddSingleton<IdentityNotices>()
        .AddSingleton<StartFederatedSignIn>()
        .AddSingleton<CompleteFederatedSignIn>()
        .AddSingleton<ListIdentities>()
        .AddSingleton<LinkIdentity>()
        .AddSingleton<UnlinkIdentity>();
}
