using Kpm.V1;

namespace Kpm.Client.Accounts;

/// <summary>The ways back: a new account password by mail, and taking back what was started. Every call throws ServerException for an error of the server.</summary>
public sealed class RecoveryClient
{
    private readonly ServerCalls _calls;
    private readonly AccountService.AccountServiceClient _accounts;
    private readonly VerificationService.VerificationServiceClient _verification;

    internal RecoveryClient(ServerCalls calls, AccountService.AccountServiceClient accounts, VerificationService.VerificationServiceClient verification)
    {
        _calls = calls;
        _accounts = accounts;
        _verification = verification;
    }

    /// <summary>Mails a token to set a new account password. The answer is the same whether or not an account holds the address.</summary>
    /// <param name="email">The address.</param>
    /// <param name="check">The answer to a Security Check where one was demanded.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>When the token ends.</returns>
    public async Task<Guarded<PasswordResetStarted>> StartPasswordResetAsync(string email, SecurityCheckAnswer? check, CancellationToken cancellationToken)
    {
        var request = new StartPasswordResetRequest { Email = email, SecurityCheck = check };
        var response = await _calls.AnonymousAsync(to => _accounts.StartPasswordResetAsync(request, to), cancellationToken);
        return response.SecurityCheckRequired is { } required
            ? new Guarded<PasswordResetStarted>(required.Check)
            : new Guarded<PasswordResetStarted>(response.Started);
    }

    /// <summary>Sets a new account password and ends every session. It does not open the vault: only the main password does.</summary>
    /// <param name="token">The mailed token.</param>
    /// <param name="newPassword">The new account password.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>Until when new devices can't fetch the vault's keys unless they are approved.</returns>
    public async Task<DateTimeOffset> CompletePasswordResetAsync(string token, string newPassword, CancellationToken cancellationToken)
    {
        var request = new CompletePasswordResetRequest { Token = token, NewPassword = newPassword, NewPasswordConfirmation = newPassword };
        return (await _calls.AnonymousAsync(to => _accounts.CompletePasswordResetAsync(request, to), cancellationToken)).KeysHeldUntil.ToDateTimeOffset();
    }

    /// <summary>Keeps an account that was going to be deleted.</summary>
    /// <param name="token">The token of the mail or of SignInOutcome.DeletionScheduled.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>When it stays.</returns>
    public Task KeepAccountAsync(string token, CancellationToken cancellationToken)
    {
        var request = new CancelDeletionRequest { Token = token };
        return _calls.AnonymousAsync(to => _accounts.CancelDeletionAsync(request, to), cancellationToken);
    }

    /// <summary>Cancels what support has started, with the token of the mail.</summary>
    /// <param name="token">The token.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>When it is cancelled.</returns>
    public Task CancelSupportCaseAsync(string token, CancellationToken cancellationToken)
    {
        var request = new CancelSupportCaseRequest { Token = token };
        return _calls.AnonymousAsync(to => _verification.CancelSupportCaseAsync(request, to), cancellationToken);
    }

    /// <summary>Cancels a case of support from this session.</summary>
    /// <param name="caseId">The case, as a security event names it.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>When it is cancelled.</returns>
    public Task CancelSupportCaseAsync(Guid caseId, CancellationToken cancellationToken)
    {
        var request = new CancelSupportCaseRequest { CaseId = caseId.ToString("D") };
        return _calls.SessionAsync(to => _verification.CancelSupportCaseAsync(request, to), cancellationToken);
    }
}
