using System.Security.Cryptography;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Kpm.Server.Accounts.Hints;
using Kpm.Server.Accounts.Sessions;
using Kpm.Server.Federation;
using Kpm.Server.Secrets;
using Kpm.V1;

namespace Kpm.Server.Accounts;

/// <summary>The accounts that other apps of the caller's device are signed in to: who proves the device's shared key may ask.</summary>
internal sealed class GetSignInHints(IHintStore store, SignInHints hints, DeviceProofs proofs, IIdentityStore identities, IdentityProviders providers, TimeProvider time, Limits limits)
{
    public async Task<GetSignInHintsResponse> HandleAsync(GetSignInHintsRequest request, ServerCallContext context)
    {
        var key = request.SharedKey.ToByteArray();
        // The key stands for the device here, which has no id yet.
        var device = Ids.FromBytes(SHA256.HashData(key).AsSpan(0, 16));
        proofs.Verify(context.Method, SecretToken.Hash(Convert.ToHexStringLower(key)), request.Proof, device, key);
        var now = time.Now();
        var expiresAt = now + limits.SignInHintLifetime;
        var response = new GetSignInHintsResponse();
        foreach (var row in await store.ListAsync(key, now, limits.SignInHints, context.CancellationToken))
        {
            var hint = new SignInHint
            {
                Hint = hints.Write(row.AccountId, key, expiresAt),
                MaskedEmail = SignInHints.Mask(row.Email),
                ApplicationId = row.ApplicationId,
                SignedInAt = Timestamp.FromDateTimeOffset(row.SignedInAt),
                ExpiresAt = Timestamp.FromDateTimeOffset(expiresAt),
            };
            hint.Methods.Add(await MethodsAsync(row, context.CancellationToken));
            response.Hints.Add(hint);
        }

        return response;
    }

    private async Task<IEnumerable<SignInMethod>> MethodsAsync(HintRow row, CancellationToken cancellationToken)
    {
        var linked = await identities.ListAsync(row.AccountId, after: null, limits.IdentitiesPerAccount, cancellationToken);
        var methods = linked.Select(i => providers.Find(i.ProviderId)?.Method).OfType<SignInMethod>();
        return (row.HasPassword ? methods.Prepend(SignInMethod.Password) : methods).Distinct();
    }
}
