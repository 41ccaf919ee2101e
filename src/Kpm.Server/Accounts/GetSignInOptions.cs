using Grpc.Core;
using Kpm.Server.Catalogue;
using Kpm.Server.Federation;
using Kpm.Server.Rpc;
using Kpm.V1;

namespace Kpm.Server.Accounts;

/// <summary>What a first start shows.</summary>
internal sealed class GetSignInOptions(RegionCatalogue catalogue, IdentityProviders providers, Passwords.PasswordRules rules)
{
    public Task<GetSignInOptionsResponse> HandleAsync(GetSignInOptionsRequest request, ServerCallContext context)
    {
        _ = context;
        var region = request.Region.Length > 0 ? request.Region : catalogue.RegionOf(request.Locale);
        if (catalogue.Find(region) is null)
        {
            throw Errors.Field("region", "NOT_IN_CATALOGUE", "must be a region of the catalogue");
        }

        var response = new GetSignInOptionsResponse
        {
            SelectedRegion = region,
            PasswordRules = rules.ForClients(),
            MarketingConsent = catalogue.ConsentTextOf(request.Locale),
        };
        response.Regions.Add(catalogue.RegionsByName);
        response.Methods.Add(providers.MethodsOf(region));
        response.Providers.Add(providers.OpenIn(region).Select(p => p.ToContract()));
        return Task.FromResult(response);
    }
}
