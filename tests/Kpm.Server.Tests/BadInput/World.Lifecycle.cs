using System.Text.RegularExpressions;
using Kpm.Server.Tests.Faults;
using Kpm.V1;
using TestDevice = Kpm.Server.Tests.Faults.TestDevice;

namespace Kpm.Server.Tests.BadInput;

/// <summary>Valid requests of the ways of an account's life.</summary>
public sealed partial class World
{
    private const string NextPassword = "Another-Horse-8-Saddle";

    private Dictionary<string, Func<CancellationToken, Task<BaseCall>>> LifecycleMakers
    {
        get
        {
            var makers = new Dictionary<string, Func<CancellationToken, Task<BaseCall>>>(StringComparer.Ordinal)
            {
                ["kpm.v1.AccountService.UpdateAccount"] = _ => Task.FromResult(By(
                    Owner, new UpdateAccountRequest { RequestId = TestDevice.NewId(), Language = "de", MarketingConsent = true, ConsentVersion = Contract.ConsentVersion })),
                ["kpm.v1.AccountService.ApproveSession:recovery_code"] = async c => Approve(await SignedInAsync(c), new SecondFactor { RecoveryCode = "00000-00000" }),
                ["kpm.v1.AccountService.ApproveSession:authenticator_code"] = async c => Approve(await SignedInAsync(c), new SecondFactor { AuthenticatorCode = "123456" }),
                ["kpm.v1.AccountService.ApproveSession:sms_code"] = async c => Approve(await SignedInAsync(c), new SecondFactor { SmsCode = "123456" }),
                ["kpm.v1.AccountService.StartPasswordReset"] = _ => Anonymous(new StartPasswordResetRequest { Email = TestDevice.NewEmail("forgetful"), SecurityCheck = Answer() }),
                ["kpm.v1.AccountService.CompletePasswordReset"] = async c => new BaseCall(
                    new CompletePasswordResetRequest { Token = await ResetTokenAsync(c), NewPassword = NextPassword, NewPasswordConfirmation = NextPassword }, null),
                ["kpm.v1.AccountService.CompleteEmailChange"] = async c => new BaseCall(new CompleteEmailChangeRequest { Token = await EmailTokenAsync(c) }, null),
                ["kpm.v1.AccountService.CancelDeletion"] = async c => new BaseCall(new CancelDeletionRequest { Token = await KeepTokenAsync(c) }, null),
                ["kpm.v1.AccountService.RenameDevice"] = _ => Task.FromResult(By(Owner, new RenameDeviceRequest { RequestId = TestDevice.NewId(), DeviceId = Owner.Id, Name = "Kitchen" })),
                ["kpm.v1.AccountService.ListApplications"] = _ => Task.FromResult(By(Owner, new ListApplicationsRequest { PageSize = 10 })),
                ["kpm.v1.AccountService.ListSecurityEvents"] = _ => Task.FromResult(By(Owner, new ListSecurityEventsRequest { PageSize = 10 })),
            };
            AddReauthenticated(makers, "kpm.v1.AccountService.ChangePassword", async (proof, c) => By(
                await NewActiveAsync(c),
                new ChangePasswordRequest { RequestId = TestDevice.NewId(), Reauthentication = proof, NewPassword = NextPassword, NewPasswordConfirmation = NextPassword }));
            AddReauthenticated(makers, "kpm.v1.AccountService.StartEmailChange", async (proof, c) => By(
                await NewActiveAsync(c), new StartEmailChangeRequest { RequestId = TestDevice.NewId(), Reauthentication = proof, NewEmail = TestDevice.NewEmail("moved") }));
            AddReauthenticated(makers, "kpm.v1.AccountService.DeleteAccount", async (proof, c) => By(
                await NewActiveAsync(c), new DeleteAccountRequest { RequestId = TestDevice.NewId(), Reauthentication = proof }));
            AddReauthenticated(makers, "kpm.v1.AccountService.ExportAccountData", async (proof, c) => By(await NewActiveAsync(c), new ExportAccountDataRequest { Reauthentication = proof }));
            return makers;
        }
    }

    internal async Task<string> ResetTokenAsync(CancellationToken cancellationToken)
    {
        var device = await NewActiveAsync(cancellationToken);
        await Accounts.StartPasswordResetAsync(new StartPasswordResetRequest { Email = device.Email }, cancellationToken: cancellationToken);
        return await MailedTokenAsync(device.Email, "kpm-reset-", cancellationToken);
    }

    internal async Task<string> KeepTokenAsync(CancellationToken cancellationToken)
    {
        var device = await NewActiveAsync(cancellationToken);
        await Accounts.DeleteAccountAsync(
            new DeleteAccountRequest { RequestId = TestDevice.NewId(), Reauthentication = new Reauthentication { Password = TestDevice.Password } }, device.Headers, cancellationToken: cancellationToken);
        return await MailedTokenAsync(device.Email, "kpm-keep-", cancellationToken);
    }

    internal async Task<string> EmailTokenAsync(CancellationToken cancellationToken)
    {
        var device = await NewActiveAsync(cancellationToken);
        var next = TestDevice.NewEmail("moved");
        await Accounts.StartEmailChangeAsync(
            new StartEmailChangeRequest { RequestId = TestDevice.NewId(), Reauthentication = new Reauthentication { Password = TestDevice.Password }, NewEmail = next },
            device.Headers,
            cancellationToken: cancellationToken);
        return await MailedTokenAsync(next, "kpm-email-", cancellationToken);
    }

    /// <summary>The token that begins so in the newest mails to an address.</summary>
    private async Task<string> MailedTokenAsync(string address, string prefix, CancellationToken cancellationToken)
    {
        while (true)
        {
            var mail = await ActivationMails.ReadAsync(Server.DataFolder, address, cancellationToken);
            if (Regex.Match(mail.Text, Regex.Escape(prefix) + "[A-Za-z0-9_-]{43}") is { Success: true } token)
            {
                return token.Value;
            }

            // The mail before it; the one that is waited for is on its way.
            await Task.Delay(TimeSpan.FromMilliseconds(5), cancellationToken);
        }
    }

    private static BaseCall Approve(TestDevice device, SecondFactor factor) =>
        By(device, new ApproveSessionRequest { RequestId = TestDevice.NewId(), SessionId = device.Session.SessionId, SecondFactor = factor });
}
