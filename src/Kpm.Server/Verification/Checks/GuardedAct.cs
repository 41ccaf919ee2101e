using System.Globalization;
using Kpm.Server.Accounts;

namespace Kpm.Server.Verification.Checks;

/// <summary>What is counted. The numbers are part of the counters' keys.</summary>
internal enum GuardedAct
{
    /// <summary>Password at an address: wrong ones count.</summary>
    SignIn = 1,

    /// <summary>Proving once more who calls: wrong passwords count, by account. No check, since the calls carry no answer.</summary>
    Reauthentication = 2,

    /// <summary>Codes of the second step: wrong ones count, by account. No check.</summary>
    SecondFactor = 3,

    /// <summary>Registration: refused ones count, by device.</summary>
    Registration = 4,

    /// <summary>Every mail to reset a password counts, by address.</summary>
    PasswordReset = 5,

    /// <summary>Every SMS counts, by account.</summary>
    Sms = 6,

    /// <summary>Pictures, by client.</summary>
    Picture = 7,

    /// <summary>Codes mailed in place of a picture, by address and by client.</summary>
    MailedCheck = 8,

    /// <summary>Flows at a provider of identities, by client.</summary>
    FederatedFlow = 10,

    /// <summary>Operators' credentials: wrong ones count, by client. No check.</summary>
    Operator = 9,
}

/// <summary>At what or by whom an act is counted, besides the client's network.</summary>
internal sealed class GuardSubject
{
    private GuardSubject(string key, EmailAddress? address, bool ownBudget)
    {
        Key = key;
        Address = address;
        OwnBudget = ownBudget;
    }

    /// <summary>Tells subjects of one act apart.</summary>
    public string Key { get; }

    /// <summary>The address that a mailed code must have been sent to; null where only a picture can pass.</summary>
    public EmailAddress? Address { get; }

    /// <summary>Judged by this subject alone, whatever others do at the address or from the same network.</summary>
    public bool OwnBudget { get; }

    /// <summary>An address, whether or not an account holds it.</summary>
    public static GuardSubject Of(EmailAddress address) => new("address " + address.Key, address, ownBudget: false);

    /// <summary>A device that was linked before and has just proved its key.</summary>
    public static GuardSubject OfProvenDevice(EmailAddress address, Guid deviceId) =>
        new(string.Create(CultureInfo.InvariantCulture, $"proven {deviceId:D} {address.Key}"), address, ownBudget: true);

    /// <summary>A device id that the caller only names.</summary>
    public static GuardSubject OfDevice(Guid deviceId, EmailAddress? address) =>
        new(string.Create(CultureInfo.InvariantCulture, $"device {deviceId:D}"), address, ownBudget: false);

    /// <summary>The client's network itself, for what has no other subject.</summary>
    public static GuardSubject OfNetwork(string network) => new("network " + network, null, ownBudget: false);

    public static GuardSubject OfAccount(Guid accountId, EmailAddress? address) =>
        new(string.Create(CultureInfo.InvariantCulture, $"account {accountId:D}"), address, ownBudget: false);
}
