using Google.Protobuf.WellKnownTypes;
using Kpm.Server.Vaults;
using Kpm.V1;

namespace Kpm.Server.Accounts;

/// <summary>Stored rows as the contract shows them.</summary>
internal static class Contracts
{
    public static Account ToContract(this AccountRow row) => new()
    {
        AccountId = row.AccountId.ToWire(),
        Email = row.Email,
        State = row.State,
        Region = row.Region,
        Language = row.Language,
        MarketingConsent = row.MarketingConsent,
        CreatedAt = Timestamp.FromDateTimeOffset(row.CreatedAt),
        LapsesAt = ToContract(row.LapsesAt),
        TwoStepEnabled = row.TwoStepEnabled,
        HasPassword = row.PasswordHash is not null,
    };

    public static ConsentRecord ToContract(this ConsentRow row) => new()
    {
        DecidedAt = Timestamp.FromDateTimeOffset(row.DecidedAt),
        Given = row.Given,
        TextVersion = row.TextVersion,
        Source = row.Source,
    };

    /// <summary>The device with what its streams tell; a device with a stream is being seen now.</summary>
    public static Device ToContract(this DeviceRow row, Guid currentDeviceId, DeviceActivity? activity, ulong headSeq, DateTimeOffset now) => new()
    {
        DeviceId = row.DeviceId.ToWire(),
        Name = row.Name,
        Platform = row.Platform,
        ApplicationId = row.ApplicationId,
        ApplicationVersion = row.ApplicationVersion,
        Current = row.DeviceId == currentDeviceId,
        LinkedAt = Timestamp.FromDateTimeOffset(row.LinkedAt),
        LastSeenAt = Timestamp.FromDateTimeOffset(activity is { Online: true } ? now : row.LastSeenAt),
        RevokedAt = ToContract(row.RevokedAt),
        Online = activity is { Online: true },
        AcknowledgedSeq = activity?.AcknowledgedSeq ?? 0,
        UnacknowledgedChanges = row.RevokedAt is null ? Lag(headSeq, activity?.AcknowledgedSeq ?? 0) : 0,
        RevocationAcknowledgedAt = ToContract(activity?.RevocationAcknowledgedAt),
        SessionId = row.SessionId?.ToWire() ?? "",
        KeysHeldUntil = row.KeysHeldUntil > now ? ToContract(row.KeysHeldUntil) : null,
    };

    /// <summary>A device that acknowledges while this is told may be ahead of what was read.</summary>
    private static ulong Lag(ulong headSeq, ulong acknowledgedSeq) => headSeq > acknowledgedSeq ? headSeq - acknowledgedSeq : 0;

    private static Timestamp? ToContract(DateTimeOffset? time) => time is { } at ? Timestamp.FromDateTimeOffset(at) : null;

    public static DeviceRow ToRow(this DeviceInfo device, Guid accountId, DateTimeOffset now) => new()
    {
        DeviceId = Guid.ParseExact(device.DeviceId, "D"),
        AccountId = accountId,
        Name = device.Name,
        Platform = device.Platform,
        ApplicationId = device.ApplicationId,
        ApplicationVersion = device.ApplicationVersion,
        SigningKey = device.SigningKey.ToByteArray(),
        SharedKey = device.SharedKey.IsEmpty ? null : device.SharedKey.ToByteArray(),
        LinkedAt = now,
        LastSeenAt = now,
        RevokedAt = null,
    };
}
