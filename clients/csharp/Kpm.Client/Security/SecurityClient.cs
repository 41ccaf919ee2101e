using System.Runtime.CompilerServices;
using Grpc.Core;
using Kpm.Client.Accounts;
using Kpm.Client.Sync;
using Kpm.V1;

namespace Kpm.Client.Security;

/// <summary>What happened to the account. Every call throws ServerException for an error of the server, and SignedOutException where no one is signed in.</summary>
public sealed class SecurityClient
{
    private readonly ServerCalls _calls;
    private readonly SessionKeeper _sessions;
    private readonly AccountService.AccountServiceClient _accounts;
    private readonly VaultService.VaultServiceClient _vaults;

    internal SecurityClient(ServerCalls calls, SessionKeeper sessions, AccountService.AccountServiceClient accounts, VaultService.VaultServiceClient vaults)
    {
        _calls = calls;
        _sessions = sessions;
        _accounts = accounts;
        _vaults = vaults;
    }

    /// <summary>The newest events.</summary>
    /// <param name="most">At most this many.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>Newest first.</returns>
    public async Task<IReadOnlyList<SecurityEvent>> ListEventsAsync(int most, CancellationToken cancellationToken) => await NewerThanAsync(0, most, cancellationToken);

    /// <summary>Every event from now on, as it happens, through lost connections.</summary>
    /// <param name="cancellationToken">Ends it.</param>
    /// <returns>Oldest first, without gaps; never ends but by an exception.</returns>
    public async IAsyncEnumerable<SecurityEvent> FollowAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var backoff = new Backoff(() => System.Security.Cryptography.RandomNumberGenerator.GetInt32(int.MaxValue) / (double)int.MaxValue);
        var last = (await NewerThanAsync(0, 1, cancellationToken)).FirstOrDefault()?.Seq ?? 0;
        while (true)
        {
            await using var feed = WatchAsync(last, backoff.Reset, cancellationToken).GetAsyncEnumerator(cancellationToken);
            TimeSpan? retryAfter = null;
            while (true)
            {
                try
                {
                    if (!await feed.MoveNextAsync())
                    {
                        break;
                    }
                }
                catch (ServerException lost) when (lost.IsTransient)
                {
                    retryAfter = lost.RetryAfter;
                    break;
                }

                last = feed.Current.Seq;
                yield return feed.Current;
            }

            await Task.Delay(backoff.Next(retryAfter), _calls.Time, cancellationToken);
        }
    }

    /// <summary>Everything that the server knows about the account, but for secrets and the vault's ciphertext.</summary>
    /// <param name="reauthentication">Who is calling.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>The parts as they come; the last one must be the end, or the export is not whole.</returns>
    public async IAsyncEnumerable<ExportAccountDataResponse> ExportAsync(Reauthentication reauthentication, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var token = await _sessions.AccessTokenAsync(cancellationToken);
        using var call = _accounts.ExportAccountData(
            new ExportAccountDataRequest { Reauthentication = reauthentication },
            new CallOptions(SessionKeeper.Authorization(token), cancellationToken: cancellationToken));
        while (await NextAsync(call.ResponseStream, cancellationToken) is { } part)
        {
            yield return part;
        }
    }

    /// <summary>One stream: first what was missed since the last one, then what comes. Ends with the stream.</summary>
    private async IAsyncEnumerable<SecurityEvent> WatchAsync(ulong last, Action connected, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var vault = await _calls.SessionAsync(to => _vaults.GetVaultAsync(new GetVaultRequest(), to), cancellationToken);
        var request = new WatchRequest { Generation = vault.HeadSeq == 0 ? 0 : vault.Generation, Cursor = vault.HeadSeq };
        if (vault.HeadSeq > 0)
        {
            request.ChainHash = vault.ChainHash;
        }

        var token = await _sessions.AccessTokenAsync(cancellationToken);
        using var call = _vaults.Watch(request, new CallOptions(SessionKeeper.Authorization(token), cancellationToken: cancellationToken));
        while (await NextAsync(call.ResponseStream, cancellationToken) is { } message)
        {
            // An event may come twice or after a gap, since the list and the stream are two reads: the number decides.
            var newest = message.EventCase switch
            {
                WatchResponse.EventOneofCase.Welcome => ulong.MaxValue,
                WatchResponse.EventOneofCase.SecurityEvent => message.SecurityEvent.Seq,
                _ => 0UL,
            };
            if (newest == ulong.MaxValue)
            {
                connected();
            }

            if (newest <= last)
            {
                continue;
            }

            IEnumerable<SecurityEvent> missed = newest == last + 1 ? [message.SecurityEvent] : (await NewerThanAsync(last, int.MaxValue, cancellationToken)).AsEnumerable().Reverse();
            foreach (var happened in missed)
            {
                last = happened.Seq;
                yield return happened;
            }
        }
    }

    private async Task<List<SecurityEvent>> NewerThanAsync(ulong seq, int most, CancellationToken cancellationToken)
    {
        var events = new List<SecurityEvent>();
        var request = new ListSecurityEventsRequest { PageSize = Math.Min(most, 200) };
        while (events.Count < most)
        {
            var page = await _calls.SessionAsync(to => _accounts.ListSecurityEventsAsync(request, to), cancellationToken);
            events.AddRange(page.Events.TakeWhile(happened => happened.Seq > seq).Take(most - events.Count));
            if (page.NextPageToken.Length == 0 || page.Events.Any(happened => happened.Seq <= seq))
            {
                break;
            }

            request = new ListSecurityEventsRequest { PageSize = request.PageSize, PageToken = page.NextPageToken };
        }

        return events;
    }

    private static async Task<T?> NextAsync<T>(IAsyncStreamReader<T> stream, CancellationToken cancellationToken)
        where T : class
    {
        try
        {
            return await stream.MoveNext(cancellationToken) ? stream.Current : null;
        }
        catch (RpcException error)
        {
            cancellationToken.ThrowIfCancellationRequested();
            throw ServerException.From(error);
        }
    }
}
