using Grpc.Core;
using Grpc.Net.Client;
using Kpm.Client.Accounts;
using Kpm.V1;

namespace Kpm.Client.Support;

/// <summary>
/// What an operator of support can do, on the server's own listener for it. Every call throws ServerException for an error
/// of the server, is written into the account's security events, and tells the owner where it changes something.
/// </summary>
public sealed class SupportClient : IDisposable
{
    private static readonly TimeSpan MostTime = TimeSpan.FromSeconds(30);
    private readonly GrpcChannel _channel;
    private readonly SupportService.SupportServiceClient _support;
    private readonly Metadata _credential;
    private readonly TimeProvider _time;

    /// <summary>Does not connect yet.</summary>
    /// <param name="server">The support listener.</param>
    /// <param name="credential">The operator's own credential.</param>
    /// <param name="time">The clock.</param>
    public SupportClient(Uri server, string credential, TimeProvider time)
    {
        _channel = GrpcChannel.ForAddress(server);
        _support = new SupportService.SupportServiceClient(_channel.CreateCallInvoker());
        _credential = new Metadata { { "authorization", "Bearer " + credential } };
        _time = time;
    }

    /// <inheritdoc/>
    public void Dispose() => _channel.Dispose();

    /// <summary>Accounts by address: the active one first, then pending ones.</summary>
    /// <param name="email">The address.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>None, one active account, and at most ten pending ones.</returns>
    public async Task<IReadOnlyList<SupportAccount>> FindAsync(string email, CancellationToken cancellationToken) =>
        (await CallAsync(to => _support.FindAccountAsync(new FindAccountRequest { Email = email }, to), cancellationToken)).Accounts;

    /// <summary>The account of an id; its address is masked.</summary>
    /// <param name="accountId">The account.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>None or one.</returns>
    public async Task<IReadOnlyList<SupportAccount>> FindAsync(Guid accountId, CancellationToken cancellationToken) =>
        (await CallAsync(to => _support.FindAccountAsync(new FindAccountRequest { AccountId = Id(accountId) }, to), cancellationToken)).Accounts;

    /// <summary>First of two operators: two-step verification is to be reset.</summary>
    /// <param name="accountId">The account.</param>
    /// <param name="reason">Why; the owner reads it.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>The case.</returns>
    public async Task<SupportCase> ProposeTwoStepResetAsync(Guid accountId, string reason, CancellationToken cancellationToken)
    {
        var request = new ProposeTwoStepResetRequest { RequestId = NewId(), AccountId = Id(accountId), Reason = reason };
        return (await CallAsync(to => _support.ProposeTwoStepResetAsync(request, to), cancellationToken)).Case;
    }

    /// <summary>Second of two operators: starts the 72 hours in which the owner can cancel it.</summary>
    /// <param name="caseId">The case.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>The case.</returns>
    public async Task<SupportCase> ApproveTwoStepResetAsync(Guid caseId, CancellationToken cancellationToken) =>
        (await CallAsync(to => _support.ApproveTwoStepResetAsync(new ApproveTwoStepResetRequest { CaseId = Id(caseId) }, to), cancellationToken)).Case;

    /// <summary>First of two operators: the account is to move to another region.</summary>
    /// <param name="accountId">The account.</param>
    /// <param name="region">A region of the catalogue.</param>
    /// <param name="reason">Why; the owner reads it.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>The case.</returns>
    public async Task<SupportCase> ProposeRegionChangeAsync(Guid accountId, string region, string reason, CancellationToken cancellationToken)
    {
        var request = new ProposeRegionChangeRequest { RequestId = NewId(), AccountId = Id(accountId), Region = region, Reason = reason };
        return (await CallAsync(to => _support.ProposeRegionChangeAsync(request, to), cancellationToken)).Case;
    }

    /// <summary>Second of two operators: the region changes now.</summary>
    /// <param name="caseId">The case.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>The case.</returns>
    public async Task<SupportCase> ApproveRegionChangeAsync(Guid caseId, CancellationToken cancellationToken) =>
        (await CallAsync(to => _support.ApproveRegionChangeAsync(new ApproveRegionChangeRequest { CaseId = Id(caseId) }, to), cancellationToken)).Case;

    /// <summary>Puts the former region back, within seven days.</summary>
    /// <param name="caseId">The case.</param>
    /// <param name="reason">Why; the owner reads it.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>The case.</returns>
    public async Task<SupportCase> UndoRegionChangeAsync(Guid caseId, string reason, CancellationToken cancellationToken) =>
        (await CallAsync(to => _support.UndoRegionChangeAsync(new UndoRegionChangeRequest { CaseId = Id(caseId), Reason = reason }, to), cancellationToken)).Case;

    /// <summary>Suspends an account and ends its sessions, or ends the suspension.</summary>
    /// <param name="accountId">The account.</param>
    /// <param name="suspended">True suspends.</param>
    /// <param name="reason">Why; the owner reads it.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>The account as it stands.</returns>
    public async Task<SupportAccount> SuspendAsync(Guid accountId, bool suspended, string reason, CancellationToken cancellationToken)
    {
        var request = new SuspendAccountRequest { AccountId = Id(accountId), Suspended = suspended, Reason = reason };
        return (await CallAsync(to => _support.SuspendAccountAsync(request, to), cancellationToken)).Account;
    }

    /// <summary>The account's security events.</summary>
    /// <param name="accountId">The account.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>All of them, newest first.</returns>
    public Task<IReadOnlyList<SecurityEvent>> ListAuditLogAsync(Guid accountId, CancellationToken cancellationToken) => ServerCalls.PagesAsync(
        token => CallAsync(to => _support.ListAuditLogAsync(new ListAuditLogRequest { AccountId = Id(accountId), PageSize = 200, PageToken = token }, to), cancellationToken),
        page => page.Events,
        page => page.NextPageToken);

    /// <summary>The open cases of all accounts.</summary>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>All of them, oldest first.</returns>
    public Task<IReadOnlyList<SupportCase>> ListCasesAsync(CancellationToken cancellationToken) => ServerCalls.PagesAsync(
        token => CallAsync(to => _support.ListSupportCasesAsync(new ListSupportCasesRequest { PageSize = 200, PageToken = token }, to), cancellationToken),
        page => page.Cases,
        page => page.NextPageToken);

    private static string Id(Guid id) => id.ToString("D");

    private string NewId() => Id(Guid.CreateVersion7(_time.GetUtcNow()));

    private async Task<T> CallAsync<T>(Func<CallOptions, AsyncUnaryCall<T>> call, CancellationToken cancellationToken)
    {
        try
        {
            return await call(new CallOptions(_credential, _time.GetUtcNow().Add(MostTime).UtcDateTime, cancellationToken));
        }
        catch (RpcException error)
        {
            cancellationToken.ThrowIfCancellationRequested();
            throw ServerException.From(error);
        }
    }
}
