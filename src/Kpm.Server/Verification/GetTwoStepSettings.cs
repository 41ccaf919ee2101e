using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Kpm.Server.Rpc;
using Kpm.Server.Verification.TwoStep;
using Kpm.V1;

namespace Kpm.Server.Verification;

/// <summary>Which factors the account has.</summary>
internal sealed class GetTwoStepSettings(ITwoStepStore store, FactorSeal seal)
{
    public async Task<GetTwoStepSettingsResponse> HandleAsync(GetTwoStepSettingsRequest request, ServerCallContext context)
    {
        var factors = await store.FindAsync(context.Caller().AccountId, context.CancellationToken);
        var response = new GetTwoStepSettingsResponse
        {
            Enabled = factors.Enabled,
            AuthenticatorSince = Time(factors.Authenticator?.AddedAt),
            PhoneSince = Time(factors.Phone?.AddedAt),
            MaskedPhone = factors.Phone is { } phone ? seal.Open(phone).Masked : "",
        };
        response.RecoveryCodes.Add(factors.RecoveryCodes.Select(c => new RecoveryCode { Number = c.Number, UsedAt = Time(c.UsedAt) }));
        return response;
    }

    private static Timestamp? Time(DateTimeOffset? time) => time is { } at ? Timestamp.FromDateTimeOffset(at) : null;
}
