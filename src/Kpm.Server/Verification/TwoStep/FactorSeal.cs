using System.Text;
using Kpm.Server.Messaging.Sms;
using Kpm.Server.Secrets;

namespace Kpm.Server.Verification.TwoStep;

/// <summary>Seals authenticator secrets and numbers at rest, bound to the account.</summary>
internal sealed class FactorSeal(Sealer sealer)
{
    public const string SecretUse = "authenticator";
    public const string NumberUse = "phone";

    public byte[] Seal(Guid accountId, byte[] secret) => sealer.Seal(SecretUse, accountId.ToBytes(), secret);

    public byte[] Seal(Guid accountId, PhoneNumber number) => sealer.Seal(NumberUse, accountId.ToBytes(), Encoding.ASCII.GetBytes(number.Text));

    public byte[] Open(AuthenticatorRow row) => sealer.Open(SecretUse, row.AccountId.ToBytes(), row.Secret);

    public PhoneNumber Open(PhoneRow row) => PhoneNumber.Parse(Encoding.ASCII.GetString(sealer.Open(NumberUse, row.AccountId.ToBytes(), row.Number)));
}
