using Grpc.Net.Client;
using Kpm.Client.Accounts;
using Kpm.Client.Kpm1;
using Kpm.Client.Security;
using Kpm.Client.Storage;
using Kpm.V1;

namespace Kpm.Client;

/// <summary>A device: one data folder, one server, at most one account.</summary>
public sealed class KpmClient : IDisposable
{
    private readonly LocalStore _store;
    private readonly KpmOptions _options;
    private readonly GrpcChannel _channel;
    private readonly VaultService.VaultServiceClient _vaults;
    private readonly SessionKeeper _sessions;
    private readonly ServerCalls _calls;
    private readonly KeyHold _hold;
    private DeviceIdentity _device;

    private KpmClient(LocalStore store, KpmOptions options, GrpcChannel channel)
    {
        _store = store;
        _options = options;
        _channel = channel;
        var invoker = channel.CreateCallInvoker();
        var accounts = new AccountService.AccountServiceClient(invoker);
        var verification = new VerificationService.VerificationServiceClient(invoker);
        _vaults = new VaultService.VaultServiceClient(invoker);
        _device = new DeviceIdentity(store.Device(options.Time));
        _sessions = new SessionKeeper(store, options, accounts, () => _device);
        _calls = new ServerCalls(options, store, _sessions);
        var connector = new DeviceConnector(store, options, () => _device, ReplaceDevice);
        Registration = new RegistrationClient(_calls, connector, accounts, verification);
        SignIn = new SignInClient(_calls, connector, store, options, accounts);
        TwoStep = new TwoStepClient(_calls, connector, store, verification);
        Identities = new IdentityClient(_calls, accounts);
        Account = new AccountClient(_calls, store, accounts);
        Devices = new DeviceClient(_calls, accounts);
        Recovery = new RecoveryClient(_calls, accounts, verification);
        Security = new SecurityClient(_calls, _sessions, accounts, _vaults);
        _hold = new KeyHold(store, Devices, options.Time);
    }

    /// <summary>From the first start to an active account.</summary>
    public RegistrationClient Registration { get; }

    /// <summary>Connecting this device to an account, and ending that.</summary>
    public SignInClient SignIn { get; }

    /// <summary>Two-step verification.</summary>
    public TwoStepClient TwoStep { get; }

    /// <summary>Identities of other providers.</summary>
    public IdentityClient Identities { get; }

    /// <summary>The account of the session.</summary>
    public AccountClient Account { get; }

    /// <summary>The devices of the account.</summary>
    public DeviceClient Devices { get; }

    /// <summary>The ways back.</summary>
    public RecoveryClient Recovery { get; }

    /// <summary>What happened to the account.</summary>
    public SecurityClient Security { get; }

    /// <summary>This device's id.</summary>
    public Guid DeviceId => _device.Id;

    /// <summary>True when this folder holds a vault that can be opened without a connection.</summary>
    public bool HasLocalVault => _store.Vault()?.Keyset is not null;

    /// <summary>Opens the data folder; does not connect yet.</summary>
    /// <param name="options">What the program says.</param>
    /// <returns>The client; the caller disposes it.</returns>
    /// <exception cref="LocalStoreException">The data folder can't be used, or was signed in at another server.</exception>
    public static KpmClient Open(KpmOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        var store = LocalStore.Open(options.DataFolder);
        try
        {
            if (store.Session() is { } session && new Uri(session.Server) != options.Server)
            {
                throw new LocalStoreException($"This data folder is signed in at {session.Server}. Name that server, or choose another folder.");
            }

            return new KpmClient(store, options, GrpcChannel.ForAddress(options.Server));
        }
        catch
        {
            store.Dispose();
            throw;
        }
    }

    /// <summary>The server that a data folder is signed in at.</summary>
    /// <param name="dataFolder">The folder; it need not exist.</param>
    /// <returns>Null when no one is signed in there.</returns>
    /// <exception cref="LocalStoreException">The folder can't be used.</exception>
    public static Uri? ServerOf(string dataFolder)
    {
        if (!Directory.Exists(dataFolder))
        {
            return null;
        }

        using var store = LocalStore.Open(dataFolder);
        return store.Session() is { } session ? new Uri(session.Server) : null;
    }

    /// <summary>Whether the account has a vault that a main password opens; asks the server unless this device knows.</summary>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>False where the main password is still to be chosen.</returns>
    /// <exception cref="KeysHeldException">The server keeps the vault's keys back after a password reset.</exception>
    public async Task<bool> HasVaultAsync(CancellationToken cancellationToken)
    {
        if (HasLocalVault)
        {
            return true;
        }

        await _hold.RequireNoneAsync(cancellationToken);
        return (await GetVaultAsync(cancellationToken)).Keyset is not null;
    }

    /// <summary>What the vault holds, and its quota.</summary>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>As the server counts.</returns>
    public Task<GetUsageResponse> GetUsageAsync(CancellationToken cancellationToken) =>
        _calls.SessionAsync(to => _vaults.GetUsageAsync(new GetUsageRequest(), to), cancellationToken);

    /// <summary>Makes the account's vault with a new main password, and enrols this device as its first.</summary>
    /// <param name="mainPassword">The new main password.</param>
    /// <param name="accountPassword">The account password where it is known, for the main one must differ.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>The open vault; the caller disposes it.</returns>
    /// <exception cref="WeakMainPasswordException">The main password is refused.</exception>
    public async Task<OpenVault> CreateVaultAsync(string mainPassword, string? accountPassword, CancellationToken cancellationToken)
    {
        var email = _sessions.Current().Email;
        var (problem, advice) = PasswordStrength.Judge(mainPassword, accountPassword, email);
        if (problem != MainPasswordProblem.None)
        {
            throw new WeakMainPasswordException(problem, advice);
        }

        await _hold.RequireNoneAsync(cancellationToken);
        var vault = await GetVaultAsync(cancellationToken);
        if (vault.Keyset is not null || vault.HeadSeq != 0)
        {
            throw new LocalStoreException("The account has a vault already; open it with its main password.");
        }

        var keys = VaultKeys.Create();
        var account = _store.Vault()!.Account;
        var keyset = KeysetEnvelope.Create(account, keys, mainPassword, _options.Iterations);
        _store.SaveKeyset(keyset, null, vault.Generation, _options.Iterations);
        var opened = NewVault(keys);
        _store.Write(connection =>
        {
            var agreementKey = _device.EnsureAgreementKey(connection, account, keys);
            Outbox.Add(connection, opened.Maker.DeviceKey(connection, Enrolment.Root, agreementKey), OutboxState.Setup);
            Outbox.Add(connection, opened.Maker.Keyset(connection, account, 0, keyset), OutboxState.Setup);
            return 0;
        });
        return await FinishAsync(opened, cancellationToken);
    }

    /// <summary>
    /// Opens the vault. On a device that is not in its directory yet, verifies the whole log and enrols
    /// it; after that no connection is needed.
    /// </summary>
    /// <param name="mainPassword">The main password.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>The open vault; the caller disposes it.</returns>
    /// <exception cref="Kpm1Exception">PASSWORD_WRONG, or what is wrong with the keyset or the log.</exception>
    /// <exception cref="VaultMissingException">The account has no vault yet.</exception>
    /// <exception cref="KeysHeldException">The server keeps the vault's keys back after a password reset.</exception>
    public async Task<OpenVault> UnlockAsync(string mainPassword, CancellationToken cancellationToken)
    {
        if (_store.Vault() is not { } vault)
        {
            throw new SignedOutException();
        }

        if (vault.Keyset is null)
        {
            return await FinishAsync(NewVault(await OpenRemoteAsync(vault, mainPassword, cancellationToken)), cancellationToken);
        }

        VaultKeys keys;
        if (vault.KeysBehind && _store.Session() is not null && await TryOpenRemoteAsync(vault, mainPassword, cancellationToken) is { } later)
        {
            return await FinishAsync(NewVault(later), cancellationToken);
        }

        try
        {
            keys = KeysetEnvelope.Parse(vault.Keyset).Open(mainPassword, (uint)vault.LeastIterations);
        }
        catch (Kpm1Exception wrong) when (wrong.Error == Kpm1Error.PasswordWrong && _store.Session() is not null)
        {
            keys = await OpenChangedAsync(vault, mainPassword, wrong, cancellationToken);
        }

        return await FinishAsync(NewVault(keys), cancellationToken);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _sessions.Dispose();
        _channel.Dispose();
        _device.Dispose();
        _store.Dispose();
    }

    /// <summary>Brings an opened vault to where this device stands in its directory.</summary>
    private async Task<OpenVault> FinishAsync(OpenVault opened, CancellationToken cancellationToken)
    {
        try
        {
            await PushSetupAsync(cancellationToken);
            if (!opened.IsEnrolled)
            {
                await opened.SyncAsync(_ => { }, cancellationToken);
            }

            return opened;
        }
        catch
        {
            opened.Dispose();
            throw;
        }
    }

    /// <summary>Sends the first device's entry and keyset together: either the vault exists with both, or not at all.</summary>
    private async Task PushSetupAsync(CancellationToken cancellationToken)
    {
        var rows = _store.Read(connection => Outbox.All(connection).FindAll(row => row.Standing == OutboxState.Setup));
        if (!rows.Exists(row => row.Kind == (long)OperationKind.DeviceKey))
        {
            return;
        }

        var request = new PushRequest { Atomic = true };
        request.Operations.AddRange(rows.Select(Outbox.ToMessage));
        var response = await _calls.SessionAsync(to => _vaults.PushAsync(request, to), cancellationToken);
        var applied = response.Results.Count == rows.Count && response.Results.All(result => result.ResultCase == OperationResult.ResultOneofCase.Applied);
        _store.Write(connection =>
        {
            foreach (var row in rows)
            {
                if (applied)
                {
                    Outbox.SetState(connection, row.OpSeq, OutboxState.Applied);
                }
                else
                {
                    Outbox.Remove(connection, row.OpSeq);
                }
            }

            return 0;
        });
        if (!applied)
        {
            _store.ForgetKeyset();
            throw new LocalStoreException("Another device has made the vault in the meantime; open it with the main password chosen there.");
        }
    }

    private async Task<VaultKeys> OpenRemoteAsync(VaultRow vault, string mainPassword, CancellationToken cancellationToken)
    {
        await _hold.RequireNoneAsync(cancellationToken);
        var remote = await GetVaultAsync(cancellationToken);
        if (remote.Keyset is null)
        {
            throw new VaultMissingException();
        }

        var keyset = KeysetEnvelope.Parse(remote.Keyset.Keyset_.Span);
        var header = OperationHeader.Parse(remote.Keyset.Header.Span);
        keyset.RequireHeader(header);
        if (header.Account != vault.Account || header.Vault != vault.Account)
        {
            throw new Kpm1Exception(Kpm1Error.WrongVault);
        }

        var keys = keyset.Open(mainPassword, (uint)vault.LeastIterations);
        _store.SaveKeyset(remote.Keyset.Keyset_.ToByteArray(), remote.Keyset.Header.ToByteArray(), remote.Generation, keyset.Iterations);
        return keys;
    }

    /// <summary>The vault has keys that this device could not take over by itself; null where the server can't be reached.</summary>
    private async Task<VaultKeys?> TryOpenRemoteAsync(VaultRow vault, string mainPassword, CancellationToken cancellationToken)
    {
        try
        {
            return await OpenRemoteAsync(vault, mainPassword, cancellationToken);
        }
        catch (ServerException unreachable) when (unreachable.IsTransient)
        {
            return null;
        }
    }

    /// <summary>The main password may have been changed on another device since this one was online.</summary>
    private async Task<VaultKeys> OpenChangedAsync(VaultRow vault, string mainPassword, Kpm1Exception wrong, CancellationToken cancellationToken)
    {
        GetVaultResponse remote;
        try
        {
            remote = await GetVaultAsync(cancellationToken);
        }
        catch (ServerException unreachable) when (unreachable.IsTransient)
        {
            throw new Kpm1Exception(Kpm1Error.PasswordWrong, wrong);
        }

        if (remote.Keyset is null || remote.Keyset.Rev <= KeysetEnvelope.Parse(vault.Keyset).Rev)
        {
            throw new Kpm1Exception(Kpm1Error.PasswordWrong, wrong);
        }

        return await OpenRemoteAsync(vault, mainPassword, cancellationToken);
    }

    private Task<GetVaultResponse> GetVaultAsync(CancellationToken cancellationToken) =>
        _calls.SessionAsync(to => _vaults.GetVaultAsync(new GetVaultRequest(), to), cancellationToken);

    private OpenVault NewVault(VaultKeys keys) => new(_store, _options, keys, _device, _calls, _sessions, _vaults, _hold);

    private void ReplaceDevice()
    {
        _device.Dispose();
        _device = new DeviceIdentity(_store.ReplaceDevice(_options.Time));
    }
}

/// <summary>A new main password is refused.</summary>
public sealed class WeakMainPasswordException : Exception
{
    /// <summary>Says why.</summary>
    /// <param name="problem">Why.</param>
    /// <param name="advice">What would be better, in English.</param>
    public WeakMainPasswordException(MainPasswordProblem problem, string advice)
        : base(advice) => Problem = problem;

    /// <summary>Why.</summary>
    public MainPasswordProblem Problem { get; }
}

/// <summary>The account has no vault yet: its main password is still to be chosen.</summary>
public sealed class VaultMissingException : Exception
{
    /// <summary>Says so.</summary>
    public VaultMissingException()
        : base("The account has no vault yet.")
    {
    }
}
