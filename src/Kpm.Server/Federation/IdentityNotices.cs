using Kpm.Server.Accounts;
using Kpm.Server.Messaging;

namespace Kpm.Server.Federation;

/// <summary>The mails about identities.</summary>
internal sealed class IdentityNotices(NoticeMails mails, IDeviceStore devices)
{
    /// <summary>The account is active at once, since its provider vouches for the address.</summary>
    public OutgoingMail Welcome(AccountRow account, string provider) =>
        mails.Of(account, "welcome", new Dictionary<string, string>(StringComparer.Ordinal) { ["provider"] = provider });

    public async Task<OutgoingMail> LinkedAsync(AccountRow account, Guid deviceId, string provider, DateTimeOffset now, CancellationToken cancellationToken) =>
        mails.Of(account, "identity-linked", Values(await DeviceNameAsync(deviceId, cancellationToken), provider, now));

    public OutgoingMail Unlinked(AccountRow account, string device, string provider, DateTimeOffset now) =>
        mails.Of(account, "identity-unlinked", Values(device, provider, now));

    /// <summary>The name that the person gave the calling device.</summary>
    public async Task<string> DeviceNameAsync(Guid deviceId, CancellationToken cancellationToken) =>
        (await devices.FindAsync(deviceId, cancellationToken))?.Name ?? "";

    private static Dictionary<string, string> Values(string device, string provider, DateTimeOffset now) => new(StringComparer.Ordinal)
    {
        ["provider"] = provider,
        ["device"] = device,
        ["time"] = NoticeMails.Write(now),
    };
}
