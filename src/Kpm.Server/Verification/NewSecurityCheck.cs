using Grpc.Core;
using Kpm.Server.Accounts;
using Kpm.Server.Rpc;
using Kpm.Server.Verification.Checks;
using Kpm.V1;

namespace Kpm.Server.Verification;

/// <summary>A new picture, or a code mailed instead; the answer is the same whether or not an account holds the address.</summary>
internal sealed class NewSecurityCheck(SecurityChecks checks)
{
    public async Task<NewSecurityCheckResponse> HandleAsync(NewSecurityCheckRequest request, ServerCallContext context)
    {
        var network = context.ClientAddress();
        var check = request.Delivery == SecurityCheckDelivery.Mail
            ? await checks.MailAsync(AddressOf(request), request.Language, network, context.CancellationToken)
            : await checks.NewPictureAsync(network, context.CancellationToken);
        return new NewSecurityCheckResponse { Check = check };
    }

    private static EmailAddress AddressOf(NewSecurityCheckRequest request) =>
        request.Email.Length > 0 ? EmailAddress.Parse(request.Email) : throw Errors.Field("email", "REQUIRED", "must be set for a mailed code");
}
