using Kpm.Server.Administration;
using Kpm.Server.Tests.Faults;
using Kpm.Server.Tests.Hosting;
using Kpm.Server.Tests.Storage;
using Kpm.V1;
using TestDevice = Kpm.Server.Tests.Faults.TestDevice;

namespace Kpm.Server.Tests.Support;

/// <summary>Support as processes: operators made by the command beside a running server, and kill -9 between an approval and its effect.</summary>
public sealed class SupportKillTests : IDisposable
{
    private static readonly Dictionary<string, string> Settings = new(StringComparer.Ordinal)
    {
        ["Kpm__SupportPublic"] = "true",
        ["Kpm__Limits__TwoStepResetDelay"] = "00:00:02",
        ["Kpm__Limits__SweepInterval"] = "00:00:00.200",
    };

    private readonly TempFolder _folder = new();

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    private string Data => _folder.File("data");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task What_was_approved_before_a_kill_takes_effect_after_it_once()
    {
        var owner = new TestDevice(TestDevice.NewEmail("killed"));
        await using (var server = await ServerProcess.StartAsync(Data, Cancelled, Settings))
        {
            var connection = server.Connect();
            await owner.RegisterAsync(connection, Cancelled);
            var mail = await Faults.ActivationMails.ReadAsync(Data, owner.Email, Cancelled);
            var verification = new VerificationService.VerificationServiceClient(connection);
            await verification.ActivateAccountAsync(new ActivateAccountRequest { Token = mail.Token }, owner.Headers, cancellationToken: Cancelled);
            var started = await verification.StartAuthenticatorAsync(
                new StartAuthenticatorRequest { Reauthentication = new Reauthentication { Password = TestDevice.Password } }, owner.Headers, cancellationToken: Cancelled);
            await verification.ConfirmAuthenticatorAsync(
                new ConfirmAuthenticatorRequest { Ticket = started.Ticket, Code = new TestAuthenticator(started.Secret, TimeProvider.System).Code() }, owner.Headers, cancellationToken: Cancelled);
            var (maria, ivan) = (await OperatorAsync("Maria"), await OperatorAsync("Ivan"));
            var support = new SupportService.SupportServiceClient(connection);
            var proposed = await support.ProposeTwoStepResetAsync(
                new ProposeTwoStepResetRequest { RequestId = TestDevice.NewId(), AccountId = owner.AccountId, Reason = "phone lost" }, TestDevice.Bearer(maria), cancellationToken: Cancelled);
            await support.ApproveTwoStepResetAsync(new ApproveTwoStepResetRequest { CaseId = proposed.Case.CaseId }, TestDevice.Bearer(ivan), cancellationToken: Cancelled);
            await server.KillAsync();
        }

        await using (var server = await ServerProcess.StartAsync(Data, Cancelled, Settings))
        {
            var credential = await OperatorAsync("Yuki");
            var support = new SupportService.SupportServiceClient(server.Connect());
            var find = new FindAccountRequest { AccountId = owner.AccountId };
            while ((await support.FindAccountAsync(find, TestDevice.Bearer(credential), cancellationToken: Cancelled)).Accounts[0].TwoStepEnabled)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(100), Cancelled);
            }

            await Task.Delay(TimeSpan.FromSeconds(1), Cancelled);
            var events = (await support.ListAuditLogAsync(new ListAuditLogRequest { AccountId = owner.AccountId, PageSize = 200 }, TestDevice.Bearer(credential), cancellationToken: Cancelled)).Events;
            Assert.Single(events, e => e.Kind == SecurityEventKind.TwoStepReset);
            Assert.Single(events, e => e.Kind == SecurityEventKind.TwoStepResetApproved);
            await owner.SignInAsync(server.Connect(), Cancelled);
        }
    }

    private async Task<string> OperatorAsync(string name)
    {
        var (exitCode, output, errors) = await ServerProcess.RunToEndAsync(Data, [], Cancelled, command: ["operator", "add", name]);
        Assert.True(exitCode == AdminExit.Done, errors);
        return SupportSteps.CredentialOf(output);
    }
}
