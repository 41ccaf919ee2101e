using Dapper;
using Kpm.Server.Rpc;
using Kpm.Server.Storage.Sqlite;
using Kpm.Server.Tests.Storage;
using Kpm.Server.Vaults;
using Kpm.Server.Vaults.Streams;
using Kpm.V1;
using Microsoft.Extensions.Logging.Abstractions;

namespace Kpm.Server.Tests.Vaults;

/// <summary>The vault engine on a real database, without the network in front of it.</summary>
internal sealed class StoredVault : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly string _path;

    /// <param name="limits">As they ship when null.</param>
    /// <param name="folder">Where the database is; a folder of its own when null.</param>
    public StoredVault(Limits? limits = null, string? folder = null)
    {
        _path = Path.Combine(folder ?? _folder.Path, "kpm.db");
        Limits = limits ?? new Limits();
        Open();
    }

    public Limits Limits { get; }

    public RecordedExit Exit { get; } = new();

    public SqliteDatabase Database { get; private set; } = null!;

    public VaultFeeds Feeds { get; private set; } = null!;

    public SqliteVaultStore Store { get; private set; } = null!;

    /// <summary>A device with a live session; of a new account unless one is named.</summary>
    public async Task<TestSession> LinkAsync(Guid? accountId = null)
    {
        const string account = """
            INSERT OR IGNORE INTO account (account_id, email, email_key, password_hash, state, region, language, created_at)
            VALUES (@AccountId, @Email, @Email, '', 2, 'AT', 'de', 0)
            """;
        const string device = """
            INSERT INTO device (device_id, account_id, name, platform, application_id, application_version, signing_key, linked_at, last_seen_at)
            VALUES (@DeviceId, @AccountId, 'test', 7, 'test', '1', zeroblob(65), 0, 0)
            """;
        const string session = """
            INSERT INTO session (session_id, account_id, device_id, created_at, ends_at, access_hash, access_expires_at, refresh_generation, refresh_hash, refresh_expires_at, refreshed_at)
            VALUES (@SessionId, @AccountId, @DeviceId, 0, 0, @SessionId, 0, 0, @SessionId, 0, 0)
            """;

        var caller = new Caller
        {
            AccountId = accountId ?? Guid.CreateVersion7(),
            SessionId = Guid.CreateVersion7(),
            DeviceId = Guid.CreateVersion7(),
            Activated = true,
            AccessExpiresAt = DateTimeOffset.MaxValue,
            SigningKey = new byte[65],
            AccessTokenHash = new byte[32],
        };
        var parameters = new
        {
            AccountId = caller.AccountId.ToBytes(),
            DeviceId = caller.DeviceId.ToBytes(),
            SessionId = caller.SessionId.ToBytes(),
            Email = $"{caller.AccountId}@example.com",
        };
        await Database.WriteAsync(
            c =>
            {
                c.Execute(account, parameters);
                c.Execute(device, parameters);
                c.Execute(session, parameters);
            },
            CancellationToken.None);
        return new TestSession(this, caller);
    }

    /// <summary>A linked device that is in the device directory.</summary>
    public async Task<TestSession> EnrolAsync(Guid? accountId = null)
    {
        var session = await LinkAsync(accountId);
        var result = await session.PushAsync(session.Author.DeviceKey());
        Assert.NotNull(result.Applied);
        return session;
    }

    public Task EndSessionAsync(TestSession session) => Database.WriteAsync(
        c => c.Execute("UPDATE session SET ended_at = 1 WHERE session_id = @Id", new { Id = session.Caller.SessionId.ToBytes() }),
        CancellationToken.None);

    public List<Change> Log(Guid accountId) => [.. Store.Changes(accountId, 0, int.MaxValue, int.MaxValue)];

    /// <summary>Closes and opens, as a restart does.</summary>
    public void Reopen()
    {
        Database.Dispose();
        Open();
    }

    public void Dispose()
    {
        Database.Dispose();
        _folder.Dispose();
    }

    private void Open()
    {
        Database = SqliteDatabase.Open(_path, Exit, TimeProvider.System, NullLogger<SqliteDatabase>.Instance);
        Feeds = new VaultFeeds(Limits);
        Store = new SqliteVaultStore(Database, Feeds, Limits, TimeProvider.System);
    }
}

/// <summary>A device with its session.</summary>
internal sealed record TestSession(StoredVault Vault, Caller Caller)
{
    public TestAuthor Author { get; } = new(Caller.AccountId, Caller.DeviceId);

    public async Task<OperationResult> PushAsync(Operation operation) => (await PushAsync([operation]))[0];

    public Task<IReadOnlyList<OperationResult>> PushAsync(Operation[] operations, bool atomic = false)
    {
        var request = new PushRequest();
        request.Operations.AddRange(operations);
        return PushRules.PushAsync(Vault.Store, Caller, PushRules.Prepare(request.Operations, Caller), atomic);
    }
}
