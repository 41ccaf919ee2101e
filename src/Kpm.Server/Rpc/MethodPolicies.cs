using System.Collections.Frozen;
using Kpm.V1;

namespace Kpm.Server.Rpc;

/// <summary>Who may call each rpc, as the contract says. Methods of other packages (health, reflection) are not in it and open to anyone.</summary>
internal sealed class MethodPolicies
{
    private readonly FrozenDictionary<string, Authentication> _byMethod;

    /// <exception cref="StartException">A method does not say who may call it.</exception>
    public MethodPolicies(IEnumerable<Google.Protobuf.Reflection.ServiceDescriptor> services)
    {
        var policies = new Dictionary<string, Authentication>(StringComparer.Ordinal);
        foreach (var method in services.SelectMany(s => s.Methods))
        {
            var authentication = method.GetOptions()?.GetExtension(ConstraintsExtensions.Authentication) ?? Authentication.Unspecified;
            if (authentication is Authentication.Unspecified)
            {
                throw new StartException($"The rpc {method.FullName} does not say who may call it. Give it the option (kpm.v1.authentication).");
            }

            policies.Add($"/{method.Service.FullName}/{method.Name}", authentication);
            // Rules are compiled at the start, not in the first call.
            Constraints.Of(method.InputType);
        }

        _byMethod = policies.ToFrozenDictionary(StringComparer.Ordinal);
    }

    /// <summary>The services of the contract that this server serves.</summary>
    public static MethodPolicies OfContract() => new(
    [
        .. AccountServiceReflection.Descriptor.Services,
        .. VerificationServiceReflection.Descriptor.Services,
        .. VaultServiceReflection.Descriptor.Services,
        .. SupportServiceReflection.Descriptor.Services,
    ]);

    public Authentication Of(string method) => _byMethod.GetValueOrDefault(method, Authentication.Anonymous);
}
