using Google.Protobuf;
using Kpm.Client.Storage;
using Kpm.V1;

namespace Kpm.Client.Accounts;

/// <summary>Connects this device to an account, and ends the connection. Every call throws ServerException for an error of the server.</summary>
public sealed class SignInClient
{
    private const string SignIn = "/kpm.v1.AccountService/SignIn";
    private const string CompleteFederated = "/kpm.v1.AccountService/CompleteFederatedSignIn";
    private const string GetHints = "/kpm.v1.AccountService/GetSignInHints";
    private readonly ServerCalls _calls;
    private readonly DeviceConnector _device;
    private readonly LocalStore _store;
    private readonly KpmOptions _options;
    private readonly AccountService.AccountServiceClient _accounts;

    internal SignInClient(ServerCalls calls, DeviceConnector device, LocalStore store, KpmOptions options, AccountService.AccountServiceClient accounts)
    {
        _calls = calls;
        _device = device;
        _store = store;
        _options = options;
        _accounts = accounts;
    }

    /// <summary>The address that is signed in; null for none.</summary>
    public string? SignedInAs => _store.Session()?.Email;

    /// <summary>Every way to sign in or register begins here, before the person is asked anything: a session that the server has ended meanwhile is forgotten.</summary>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>When no one is signed in.</returns>
    /// <exception cref="LocalStoreException">Somebody is signed in, or the server that knows can't be reached.</exception>
    public async Task RequireSignedOutAsync(CancellationToken cancellationToken)
    {
        try
        {
            if (_store.Session() is not null)
            {
                await _calls.SessionAsync(to => _accounts.GetAccountAsync(new GetAccountRequest(), to), cancellationToken);
            }
        }
        catch (SignedOutException)
        {
            return;
        }
        catch (ServerException refused) when (refused.IsTransient || refused.Reason == ErrorReason.AccountSuspended)
        {
            // Whether the session lives is not known: it counts as one that does.
        }

        _device.RequireSignedOut();
    }

    /// <summary>The accounts that other apps of this device are signed in to; none where the program names no shared key.</summary>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>Newest first; each can be signed in to with its hint in place of the address.</returns>
    public async Task<IReadOnlyList<SignInHint>> GetHintsAsync(CancellationToken cancellationToken)
    {
        // Where there is no key yet, no other app of this device can have told the server of it.
        if (_options.SharedKeyFile is not { } path || !File.Exists(path))
        {
            return [];
        }

        using var key = SharedKey.OpenOrCreate(path);
        var request = new GetSignInHintsRequest
        {
            SharedKey = ByteString.CopyFrom(key.PublicKey),
            Proof = key.Prove(GetHints, Convert.ToHexStringLower(key.PublicKey), _options.Time),
        };
        return [.. (await _calls.AnonymousAsync(to => _accounts.GetSignInHintsAsync(request, to), cancellationToken)).Hints];
    }

    /// <summary>Signs in with address and account password.</summary>
    /// <param name="email">The address.</param>
    /// <param name="password">The account password.</param>
    /// <param name="check">The answer to a Security Check where one was demanded.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>Connected, or the next step.</returns>
    public Task<SignInOutcome> WithPasswordAsync(string email, string password, SecurityCheckAnswer? check, CancellationToken cancellationToken) =>
        SignInAsync(new SignInRequest { Email = email, Password = password, SecurityCheck = check }, email, cancellationToken);

    /// <summary>Signs in to the account of a hint.</summary>
    /// <param name="hint">The hint.</param>
    /// <param name="password">The account password.</param>
    /// <param name="check">The answer to a Security Check where one was demanded.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>Connected, or the next step.</returns>
    public Task<SignInOutcome> WithHintAsync(SignInHint hint, string password, SecurityCheckAnswer? check, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(hint);
        return SignInAsync(new SignInRequest { Hint = hint.Hint, Password = password, SecurityCheck = check }, hint.Hint, cancellationToken);
    }

    /// <summary>Signs in with what a provider answered in a flow; see FederatedFlow.</summary>
    /// <param name="credential">The provider's answer.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>Connected, or the next step.</returns>
    public async Task<SignInOutcome> WithProviderAsync(FederatedCredential credential, CancellationToken cancellationToken)
    {
        _device.RequireSignedOut();
        return await _device.WithDeviceAsync(async () =>
        {
            var request = new CompleteFederatedSignInRequest
            {
                Credential = credential,
                Device = _device.Info(CompleteFederated),
                TrustedDeviceToken = _store.TrustedDeviceToken() ?? "",
            };
            var response = await _calls.AnonymousAsync(to => _accounts.CompleteFederatedSignInAsync(request, to), cancellationToken);
            return response.OutcomeCase switch
            {
                CompleteFederatedSignInResponse.OutcomeOneofCase.SignedIn => _device.Connect(response.SignedIn),
                CompleteFederatedSignInResponse.OutcomeOneofCase.TwoStepRequired => new SignInOutcome.TwoStepRequired(response.TwoStepRequired),
                CompleteFederatedSignInResponse.OutcomeOneofCase.DeletionScheduled => ToOutcome(response.DeletionScheduled),
                CompleteFederatedSignInResponse.OutcomeOneofCase.RegisterFirst => new SignInOutcome.RegisterFirst(response.RegisterFirst),
                _ => throw ServerException.Unexpected(nameof(CompleteFederatedSignInResponse)),
            };
        });
    }

    /// <summary>Ends the session. The encrypted copy of the vault stays, with what was not sent yet.</summary>
    /// <param name="everywhere">Ends every session of the account, on all devices.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>When the server has ended the session, or had ended it before.</returns>
    public async Task SignOutAsync(bool everywhere, CancellationToken cancellationToken)
    {
        try
        {
            var request = new SignOutRequest { RequestId = _calls.NewId(), Everywhere = everywhere };
            await _calls.SessionAsync(to => _accounts.SignOutAsync(request, to), cancellationToken);
        }
        catch (SignedOutException ended) when (ended.InnerException is not null && !everywhere)
        {
            // It had ended already, which is what was asked for.
        }

        _store.EndSession();
    }

    internal static SignInOutcome ToOutcome(DeletionScheduled scheduled) =>
        new SignInOutcome.DeletionScheduled(scheduled.DeletesAt.ToDateTimeOffset(), scheduled.Token);

    private async Task<SignInOutcome> SignInAsync(SignInRequest request, string proved, CancellationToken cancellationToken)
    {
        _device.RequireSignedOut();
        return await _device.WithDeviceAsync(async () =>
        {
            request.Device = _device.Info(SignIn);
            request.Proof = _device.ProofOf(SignIn, proved);
            request.TrustedDeviceToken = _store.TrustedDeviceToken() ?? "";
            var response = await _calls.AnonymousAsync(to => _accounts.SignInAsync(request, to), cancellationToken);
            return response.OutcomeCase switch
            {
                SignInResponse.OutcomeOneofCase.SignedIn => _device.Connect(response.SignedIn),
                SignInResponse.OutcomeOneofCase.SecurityCheckRequired => new SignInOutcome.CheckRequired(response.SecurityCheckRequired.Check),
                SignInResponse.OutcomeOneofCase.TwoStepRequired => new SignInOutcome.TwoStepRequired(response.TwoStepRequired),
                SignInResponse.OutcomeOneofCase.DeletionScheduled => ToOutcome(response.DeletionScheduled),
                _ => throw ServerException.Unexpected(nameof(SignInResponse)),
            };
        });
    }
}
