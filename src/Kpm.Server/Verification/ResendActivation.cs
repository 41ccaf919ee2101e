using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Kpm.Server.Accounts;
using Kpm.Server.Messaging;
using Kpm.Server.Rpc;
using Kpm.V1;

namespace Kpm.Server.Verification;

/// <summary>Mails a new token and code; the older ones end.</summary>
internal sealed class ResendActivation(IAccountStore accounts, IActivationStore activations, ActivationMails mails, MailSignal mailSignal, TimeProvider time, Limits limits)
{
    public async Task<ResendActivationResponse> HandleAsync(ResendActivationRequest request, ServerCallContext context)
    {
        var caller = context.Caller();
        var account = await accounts.FindAsync(caller.AccountId, context.CancellationToken) ?? throw Errors.Of(ErrorReason.SessionInvalid);
        var result = await activations.RemailAsync(
            caller.AccountId,
            row => mails.Again(row, account),
            RequestKey.Of(caller.SessionId, context.Method, request.RequestId, request),
            activation => Response(activation).ToByteArray(),
            context.CancellationToken) ?? throw Errors.Of(ErrorReason.AlreadyActivated);
        if (result.Plan is Remail.TooSoon tooSoon)
        {
            throw Errors.RetryAfter(ErrorReason.RateLimited, tooSoon.At - time.Now());
        }

        mailSignal.Set();
        return ResendActivationResponse.Parser.ParseFrom(result.Response);
    }

    private ResendActivationResponse Response(NewActivation activation) => new()
    {
        Activation = new Activation
        {
            ExpiresAt = Timestamp.FromDateTimeOffset(activation.ExpiresAt),
            ResendAt = Timestamp.FromDateTimeOffset(activation.MailedAt + limits.ActivationResendInterval),
        },
    };
}
