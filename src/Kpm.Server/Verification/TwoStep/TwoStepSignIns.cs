using System.Text.Json.Serialization;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Kpm.Server.Accounts;
using Kpm.Server.Accounts.Sessions;
using Kpm.Server.Rpc;
using Kpm.Server.Secrets;
using Kpm.V1;

namespace Kpm.Server.Verification.TwoStep;

/// <summary>Sign-ins between their first and their second step: everything that the first one proved waits, sealed, in a ticket.</summary>
internal sealed class TwoStepSignIns(ITwoStepStore store, IAccountStore accounts, Tickets tickets, FactorSeal seal, TimeProvider time, Limits limits)
{
    private const string TrustPrefix = "kpm-trust-";

    /// <summary>What the second step asks for; null where none is due.</summary>
    public async Task<TwoStepRequired?> BeginAsync(ProvenSignIn proven, CancellationToken cancellationToken)
    {
        var accountId = proven.Account.AccountId;
        var factors = await store.FindAsync(accountId, cancellationToken);
        if (!factors.Enabled || await IsTrustedAsync(proven, cancellationToken))
        {
            return null;
        }

        var content = new TwoStepContent { Method = (int)proven.Method, Device = proven.Device.ToByteArray(), DeviceKeyProven = proven.DeviceKeyProven, AddressHash = proven.AddressHash };
        var ticket = tickets.New(TicketPurpose.TwoStepSignIn, limits.TwoStepTicketLifetime, content, TwoStepJson.Default.TwoStepContent, accountId, tries: limits.TwoStepTries);
        await store.StartTicketAsync(ticket.Row, cancellationToken);
        var required = new TwoStepRequired
        {
            Ticket = ticket.Text,
            MaskedPhone = factors.Phone is { } phone ? seal.Open(phone).Masked : "",
            ExpiresAt = Timestamp.FromDateTimeOffset(ticket.Row.ExpiresAt),
        };
        required.Methods.Add(MethodsOf(factors));
        return required;
    }

    /// <summary>The sign-in that a ticket names, with its account.</summary>
    public async Task<(TicketRow Ticket, AccountRow Account)> FindAsync(string ticket, CancellationToken cancellationToken) =>
        await store.FindTicketAsync(SecretToken.Hash(ticket), TicketPurpose.TwoStepSignIn, time.Now(), cancellationToken) is { AccountId: { } accountId } row
        && await accounts.FindAsync(accountId, cancellationToken) is { } account
            ? (row, account)
            : throw Errors.Of(ErrorReason.TicketInvalid);

    /// <summary>The sign-in as the first step left it.</summary>
    public ProvenSignIn Resume(TicketRow ticket, AccountRow account)
    {
        var content = tickets.Open(ticket, TwoStepJson.Default.TwoStepContent);
        return new ProvenSignIn
        {
            Account = account,
            Device = DeviceInfo.Parser.ParseFrom(content.Device),
            Method = (SignInMethod)content.Method,
            DeviceKeyProven = content.DeviceKeyProven,
            AddressHash = content.AddressHash,
        };
    }

    /// <summary>A token that spares the device the second step, and what is stored of it.</summary>
    public (string Token, NewTrust Trust) NewTrust()
    {
        var token = SecretToken.New(TrustPrefix);
        return (token, new NewTrust(SecretToken.Hash(token), time.Now() + limits.TrustedDeviceLifetime));
    }

    private static IEnumerable<TwoStepMethod> MethodsOf(FactorRows factors)
    {
        if (factors.Authenticator is not null)
        {
            yield return TwoStepMethod.Authenticator;
        }

        if (factors.Phone is not null)
        {
            yield return TwoStepMethod.Sms;
        }

        if (factors.RecoveryCodes.Any(c => c.UsedAt is null))
        {
            yield return TwoStepMethod.RecoveryCode;
        }
    }

    private async ValueTask<bool> IsTrustedAsync(ProvenSignIn proven, CancellationToken cancellationToken) =>
        proven.TrustedDeviceToken.Length > 0 && await store.IsTrustedAsync(
            proven.Account.AccountId, Guid.ParseExact(proven.Device.DeviceId, "D"), SecretToken.Hash(proven.TrustedDeviceToken), time.Now(), cancellationToken);
}

/// <summary>What the first step proved.</summary>
internal sealed record TwoStepContent
{
    public required int Method { get; init; }

    /// <summary>The DeviceInfo as it came.</summary>
    public required byte[] Device { get; init; }
    public required bool DeviceKeyProven { get; init; }
    public required byte[]? AddressHash { get; init; }
}

/// <summary>A secret that an authenticator app is to prove.</summary>
internal sealed record AuthenticatorContent
{
    public required byte[] Secret { get; init; }
}

/// <summary>A number whose owner is to prove the code.</summary>
internal sealed record PhoneContent
{
    public required string Number { get; init; }

    /// <summary>What the code was made for.</summary>
    public required byte[] Scope { get; init; }
    public required byte[] CodeHash { get; init; }
    public required DateTimeOffset CodeExpiresAt { get; init; }
}

[JsonSerializable(typeof(TwoStepContent))]
[JsonSerializable(typeof(AuthenticatorContent))]
[JsonSerializable(typeof(PhoneContent))]
internal sealed partial class TwoStepJson : JsonSerializerContext;
