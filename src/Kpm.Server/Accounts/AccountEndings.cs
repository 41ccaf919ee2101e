using Kpm.Server.Accounts.Events;
using Kpm.Server.Accounts.Sessions;
using Kpm.V1;

namespace Kpm.Server.Accounts;

/// <summary>Tells memory and streams what has durably become of accounts.</summary>
internal sealed class AccountEndings(SessionDirectory directory, ISessionEndings endings, SecurityFeed feed)
{
    public void Removed(IEnumerable<Removed> accounts)
    {
        foreach (var account in accounts)
        {
            foreach (var session in account.Sessions)
            {
                directory.Forget(session);
            }

            endings.AccountEnded(account.AccountId, RevokedReason.AccountRemoved);
        }
    }

    /// <summary>The sessions go on, but their next call reads that the account is active.</summary>
    public void Activated(Guid accountId, IEnumerable<Guid> sessions)
    {
        feed.Appended(accountId);
        foreach (var session in sessions)
        {
            directory.Forget(session);
        }
    }
}
