using Kpm.Client.Storage;
using Kpm.V1;

namespace Kpm.Client.Accounts;

/// <summary>The account of the session. Every call throws ServerException for an error of the server, and SignedOutException where no one is signed in.</summary>
public sealed class AccountClient
{
    private readonly ServerCalls _calls;
    private readonly LocalStore _store;
    private readonly AccountService.AccountServiceClient _accounts;

    internal AccountClient(ServerCalls calls, LocalStore store, AccountService.AccountServiceClient accounts)
    {
        _calls = calls;
        _store = store;
        _accounts = accounts;
    }

    /// <summary>The account.</summary>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>The account and, while it is pending, its activation.</returns>
    public Task<GetAccountResponse> GetAsync(CancellationToken cancellationToken) =>
        _calls.SessionAsync(to => _accounts.GetAccountAsync(new GetAccountRequest(), to), cancellationToken);

    /// <summary>Changes the language of mails.</summary>
    /// <param name="language">A language of the account's region.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>The account.</returns>
    public Task<Account> SetLanguageAsync(string language, CancellationToken cancellationToken) =>
        UpdateAsync(new UpdateAccountRequest { RequestId = _calls.NewId(), Language = language }, cancellationToken);

    /// <summary>Allows or withdraws marketing mail.</summary>
    /// <param name="allowed">True allows it.</param>
    /// <param name="consentVersion">The version of the text that was shown.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>The account.</returns>
    public Task<Account> SetMarketingConsentAsync(bool allowed, string consentVersion, CancellationToken cancellationToken) =>
        UpdateAsync(new UpdateAccountRequest { RequestId = _calls.NewId(), MarketingConsent = allowed, ConsentVersion = consentVersion }, cancellationToken);

    /// <summary>Changes the account password, or sets a first one. Ends every other session and all trusted devices.</summary>
    /// <param name="reauthentication">Who is calling.</param>
    /// <param name="newPassword">The new account password.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>When it is changed.</returns>
    public Task ChangePasswordAsync(Reauthentication reauthentication, string newPassword, CancellationToken cancellationToken)
    {
        var request = new ChangePasswordRequest
        {
            RequestId = _calls.NewId(),
            Reauthentication = reauthentication,
            NewPassword = newPassword,
            NewPasswordConfirmation = newPassword,
        };
        return _calls.SessionAsync(to => _accounts.ChangePasswordAsync(request, to), cancellationToken);
    }

    /// <summary>Mails both addresses; the change is carried out when both have confirmed.</summary>
    /// <param name="reauthentication">Who is calling.</param>
    /// <param name="newEmail">The new address.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>When the mailed tokens end.</returns>
    public async Task<DateTimeOffset> StartEmailChangeAsync(Reauthentication reauthentication, string newEmail, CancellationToken cancellationToken)
    {
        var request = new StartEmailChangeRequest { RequestId = _calls.NewId(), Reauthentication = reauthentication, NewEmail = newEmail };
        return (await _calls.SessionAsync(to => _accounts.StartEmailChangeAsync(request, to), cancellationToken)).ExpiresAt.ToDateTimeOffset();
    }

    /// <summary>Confirms one side of a change of address; needs no session.</summary>
    /// <param name="token">The token that was mailed to the former or to the new address.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>Where the change stands.</returns>
    public Task<CompleteEmailChangeResponse> ConfirmEmailAsync(string token, CancellationToken cancellationToken)
    {
        var request = new CompleteEmailChangeRequest { Token = token };
        return _calls.AnonymousAsync(to => _accounts.CompleteEmailChangeAsync(request, to), cancellationToken);
    }

    /// <summary>Ends every session, and deletes the account after 14 days.</summary>
    /// <param name="reauthentication">Who is calling.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>When it is deleted; null for a pending account, which is gone at once.</returns>
    public async Task<DateTimeOffset?> DeleteAsync(Reauthentication reauthentication, CancellationToken cancellationToken)
    {
        var request = new DeleteAccountRequest { RequestId = _calls.NewId(), Reauthentication = reauthentication };
        var response = await _calls.SessionAsync(to => _accounts.DeleteAccountAsync(request, to), cancellationToken);
        _store.EndSession();
        return response.DeletesAt?.ToDateTimeOffset();
    }

    /// <summary>The applications on offer in the account's region.</summary>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>All of them.</returns>
    public Task<IReadOnlyList<Application>> ListApplicationsAsync(CancellationToken cancellationToken) => ServerCalls.PagesAsync(
        token => _calls.SessionAsync(to => _accounts.ListApplicationsAsync(new ListApplicationsRequest { PageToken = token }, to), cancellationToken),
        page => page.Applications,
        page => page.NextPageToken);

    private async Task<Account> UpdateAsync(UpdateAccountRequest request, CancellationToken cancellationToken) =>
        (await _calls.SessionAsync(to => _accounts.UpdateAccountAsync(request, to), cancellationToken)).Account;
}
