using Grpc.Health.V1;
using Kpm.Server.Rpc;
using Kpm.V1;

namespace Kpm.Server.Tests.Rpc;

public sealed class MethodPoliciesTests
{
    [Fact]
    public void A_method_that_does_not_say_who_may_call_it_stops_the_start()
    {
        var refusal = Assert.Throws<StartException>(() => new MethodPolicies(HealthReflection.Descriptor.Services));

        Assert.Equal("The rpc grpc.health.v1.Health.Check does not say who may call it. Give it the option (kpm.v1.authentication).", refusal.Message);
    }

    [Fact]
    public void Every_method_of_the_contract_has_its_policy()
    {
        var policies = MethodPolicies.OfContract();

        Assert.Equal(Authentication.Anonymous, policies.Of("/kpm.v1.AccountService/CreateAccount"));
        Assert.Equal(Authentication.OptionalSession, policies.Of("/kpm.v1.VerificationService/ActivateAccount"));
        Assert.Equal(Authentication.Session, policies.Of("/kpm.v1.VaultService/Sync"));
        Assert.Equal(Authentication.ActivatedSession, policies.Of("/kpm.v1.AccountService/RevokeDevice"));
    }
}
