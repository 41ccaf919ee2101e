using Kpm.Server.Accounts;
using Kpm.Server.Messaging;
using Kpm.Server.Rpc;
using Kpm.V1;

namespace Kpm.Server.Verification.TwoStep;

/// <summary>The mails that tell an owner what became of the factors.</summary>
internal sealed class FactorNotices(NoticeMails mails, IDeviceStore devices, TimeProvider time)
{
    public Task<OutgoingMail> AddedAsync(Caller caller, AccountRow account, TwoStepMethod method, CancellationToken cancellationToken) =>
        MailAsync("factor-added", caller, account, method, cancellationToken);

    public Task<OutgoingMail> RemovedAsync(Caller caller, AccountRow account, TwoStepMethod method, CancellationToken cancellationToken) =>
        MailAsync("factor-removed", caller, account, method, cancellationToken);

    public Task<OutgoingMail> CodesGeneratedAsync(Caller caller, AccountRow account, CancellationToken cancellationToken) =>
        MailAsync("recovery-codes-generated", caller, account, method: null, cancellationToken);

    /// <summary>The method as mails and security events name it.</summary>
    public static string NameOf(TwoStepMethod method) => method == TwoStepMethod.Authenticator ? "authenticator" : "sms";

    private async Task<OutgoingMail> MailAsync(string template, Caller caller, AccountRow account, TwoStepMethod? method, CancellationToken cancellationToken)
    {
        var device = await devices.FindAsync(caller.DeviceId, cancellationToken) ?? throw Errors.Of(ErrorReason.SessionInvalid);
        var values = new Dictionary<string, string>(StringComparer.Ordinal) { ["device"] = device.Name, ["time"] = NoticeMails.Write(time.Now()) };
        if (method is { } named)
        {
            values["factor"] = NameOf(named);
        }

        return mails.Of(account, template, values);
    }
}
