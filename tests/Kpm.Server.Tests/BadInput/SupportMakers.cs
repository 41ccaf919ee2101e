using Google.Protobuf;
using Kpm.Server.Administration;
using Kpm.Server.Tests.Faults;
using Kpm.Server.Tests.Support;
using Kpm.V1;

namespace Kpm.Server.Tests.BadInput;

/// <summary>Valid requests of operators, and of owners against what operators do.</summary>
internal sealed class SupportMakers(World world)
{
    private string _maria = "";
    private string _ivan = "";

    public Dictionary<string, Func<CancellationToken, Task<BaseCall>>> All => new(StringComparer.Ordinal)
    {
        ["kpm.v1.SupportService.FindAccount:email"] = _ => ByMaria(new FindAccountRequest { Email = world.Owner.Email }),
        ["kpm.v1.SupportService.FindAccount:account_id"] = _ => ByMaria(new FindAccountRequest { AccountId = world.Owner.AccountId }),
        ["kpm.v1.SupportService.ProposeTwoStepReset"] = async c => await ByMaria(ResetRequest(await WithTwoStepAsync(c))),
        ["kpm.v1.SupportService.ApproveTwoStepReset"] = async c =>
        {
            var proposed = await Client.ProposeTwoStepResetAsync(ResetRequest(await WithTwoStepAsync(c)), TestDevice.Bearer(_maria), cancellationToken: c);
            return new BaseCall(new ApproveTwoStepResetRequest { CaseId = proposed.Case.CaseId }, _ivan);
        },
        ["kpm.v1.SupportService.ProposeRegionChange"] = async c => await ByMaria(RegionRequest(await NewAccountAsync(c))),
        ["kpm.v1.SupportService.ApproveRegionChange"] = async c => new BaseCall(new ApproveRegionChangeRequest { CaseId = (await ProposedAsync(await NewAccountAsync(c), c)).CaseId }, _ivan),
        ["kpm.v1.SupportService.UndoRegionChange"] = async c =>
            await ByMaria(new UndoRegionChangeRequest { CaseId = (await MovedAsync(await NewAccountAsync(c), c)).CaseId, Reason = "a mistake" }),
        ["kpm.v1.SupportService.SuspendAccount"] = async c =>
            await ByMaria(new SuspendAccountRequest { AccountId = (await NewAccountAsync(c)).AccountId, Suspended = true, Reason = "fraud" }),
        ["kpm.v1.SupportService.ListAuditLog"] = _ => ByMaria(new ListAuditLogRequest { AccountId = world.Owner.AccountId, PageSize = 10 }),
        ["kpm.v1.SupportService.ListSupportCases"] = _ => ByMaria(new ListSupportCasesRequest { PageSize = 10 }),
        ["kpm.v1.VerificationService.CancelSupportCase:case_id"] = async c =>
        {
            var owner = await NewAccountAsync(c);
            return new BaseCall(new CancelSupportCaseRequest { CaseId = (await ProposedAsync(owner, c)).CaseId }, owner.Token, owner);
        },
        ["kpm.v1.VerificationService.CancelSupportCase:token"] = async c =>
        {
            var owner = await NewAccountAsync(c);
            await MovedAsync(owner, c);
            return new BaseCall(new CancelSupportCaseRequest { Token = await CancelTokenAsync(owner, c) }, null);
        },
    };

    private SupportService.SupportServiceClient Client => new(world.Connection);

    /// <summary>Two operators, made as whoever runs the server makes them.</summary>
    public async Task InitializeAsync(CancellationToken cancellationToken)
    {
        _maria = await AddAsync("Maria", cancellationToken);
        _ivan = await AddAsync("Ivan", cancellationToken);
    }

    private async Task<string> AddAsync(string name, CancellationToken cancellationToken)
    {
        var answer = await AdminClient.TryAskAsync(world.Server.DataFolder, ["operator", "add", name], cancellationToken);
        Assert.Equal(AdminExit.Done, answer?.ExitCode);
        return SupportSteps.CredentialOf(answer!.Text);
    }

    private Task<BaseCall> ByMaria(IMessage request) => Task.FromResult(new BaseCall(request, _maria));

    private static ProposeTwoStepResetRequest ResetRequest(TestDevice owner) => new() { RequestId = TestDevice.NewId(), AccountId = owner.AccountId, Reason = "phone lost" };

    private static ProposeRegionChangeRequest RegionRequest(TestDevice owner) => new() { RequestId = TestDevice.NewId(), AccountId = owner.AccountId, Region = "JP", Reason = "moved house" };

    private async Task<TestDevice> NewAccountAsync(CancellationToken cancellationToken)
    {
        var owner = new TestDevice(TestDevice.NewEmail("supported"));
        await world.ActivatedAsync(owner, cancellationToken);
        return owner;
    }

    private async Task<TestDevice> WithTwoStepAsync(CancellationToken cancellationToken)
    {
        var owner = await NewAccountAsync(cancellationToken);
        var verification = new VerificationService.VerificationServiceClient(world.Connection);
        var started = await verification.StartAuthenticatorAsync(
            new StartAuthenticatorRequest { Reauthentication = new Reauthentication { Password = TestDevice.Password } }, owner.Headers, cancellationToken: cancellationToken);
        await verification.ConfirmAuthenticatorAsync(
            new ConfirmAuthenticatorRequest { Ticket = started.Ticket, Code = new Hosting.TestAuthenticator(started.Secret, TimeProvider.System).Code() }, owner.Headers, cancellationToken: cancellationToken);
        return owner;
    }

    private async Task<SupportCase> ProposedAsync(TestDevice owner, CancellationToken cancellationToken) =>
        (await Client.ProposeRegionChangeAsync(RegionRequest(owner), TestDevice.Bearer(_maria), cancellationToken: cancellationToken)).Case;

    private async Task<SupportCase> MovedAsync(TestDevice owner, CancellationToken cancellationToken)
    {
        var proposed = await ProposedAsync(owner, cancellationToken);
        return (await Client.ApproveRegionChangeAsync(new ApproveRegionChangeRequest { CaseId = proposed.CaseId }, TestDevice.Bearer(_ivan), cancellationToken: cancellationToken)).Case;
    }

    private async Task<string> CancelTokenAsync(TestDevice owner, CancellationToken cancellationToken)
    {
        while (true)
        {
            if ((await ActivationMails.ReadAsync(world.Server.DataFolder, owner.Email, cancellationToken)).CancelToken() is { Length: > 0 } token)
            {
                return token;
            }

            await Task.Delay(TimeSpan.FromMilliseconds(20), cancellationToken);
        }
    }
}
