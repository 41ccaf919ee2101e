using System.Security.Cryptography;
using Dapper;
using Kpm.Server.Accounts.Events;
using Kpm.Server.Verification.TwoStep;
using Kpm.V1;
using Microsoft.Data.Sqlite;

namespace Kpm.Server.Storage.Sqlite;

/// <summary>Second factors, for the units of the stores.</summary>
internal static class SqliteFactors
{
    private const string AuthenticatorSql = """
        SELECT account_id AS AccountId, secret AS Secret, added_at AS AddedAt, last_step AS LastStep FROM authenticator WHERE account_id = @accountId
        """;

    private const string SetAuthenticatorSql = """
        INSERT INTO authenticator (account_id, secret, added_at, last_step) VALUES (@accountId, @secret, @addedAt, @lastStep)
        ON CONFLICT (account_id) DO UPDATE SET secret = excluded.secret, added_at = excluded.added_at, last_step = excluded.last_step
        """;

    private const string AcceptStepSql = "UPDATE authenticator SET last_step = @step WHERE account_id = @accountId AND last_step < @step";

    private const string DeleteAuthenticatorSql = "DELETE FROM authenticator WHERE account_id = @accountId";

    private const string PhoneSql = "SELECT account_id AS AccountId, number AS Number, added_at AS AddedAt FROM phone WHERE account_id = @accountId";

    private const string SetPhoneSql = """
        INSERT INTO phone (account_id, number, added_at) VALUES (@accountId, @number, @addedAt)
        ON CONFLICT (account_id) DO UPDATE SET number = excluded.number, added_at = excluded.added_at
        """;

    private const string DeletePhoneSql = "DELETE FROM phone WHERE account_id = @accountId";

    private const string SmsCodeSql = "SELECT code_hash AS CodeHash, tries_left AS TriesLeft, expires_at AS ExpiresAt FROM sms_code WHERE account_id = @accountId";

    private const string SetSmsCodeSql = """
        INSERT INTO sms_code (account_id, code_hash, tries_left, expires_at) VALUES (@accountId, @codeHash, @triesLeft, @expiresAt)
        ON CONFLICT (account_id) DO UPDATE SET code_hash = excluded.code_hash, tries_left = excluded.tries_left, expires_at = excluded.expires_at
        """;

    private const string SpendSmsTrySql = "UPDATE sms_code SET tries_left = tries_left - 1 WHERE account_id = @accountId";

    private const string DeleteSmsCodeSql = "DELETE FROM sms_code WHERE account_id = @accountId";

    private const string RecoveryCodesSql = "SELECT number AS Number, used_at AS UsedAt FROM recovery_code WHERE account_id = @accountId ORDER BY number";

    private const string InsertRecoveryCodeSql = "INSERT INTO recovery_code (account_id, number, code_hash) VALUES (@accountId, @number, @codeHash)";

    private const string UseRecoveryCodeSql = "UPDATE recovery_code SET used_at = @now WHERE account_id = @accountId AND code_hash = @codeHash AND used_at IS NULL";

    private const string DeleteRecoveryCodesSql = "DELETE FROM recovery_code WHERE account_id = @accountId";

    private const string ForgetAllSql = "DELETE FROM trusted_device WHERE account_id = @accountId";

    private const string ForgetDeviceSql = "DELETE FROM trusted_device WHERE account_id = @accountId AND device_id = @deviceId";

    private const string TrustSql = """
        INSERT INTO trusted_device (account_id, device_id, token_hash, trusted_at, expires_at) VALUES (@accountId, @deviceId, @tokenHash, @now, @expiresAt)
        ON CONFLICT (account_id, device_id) DO UPDATE SET token_hash = excluded.token_hash, trusted_at = excluded.trusted_at, expires_at = excluded.expires_at
        """;

    public static FactorRows Find(SqliteConnection connection, Guid accountId) => new(
        Authenticator(connection, accountId),
        connection.QuerySingleOrDefault<StoredPhone>(PhoneSql, new { accountId = accountId.ToBytes() }) is not { } phone ? null
            : new PhoneRow { AccountId = accountId, Number = phone.Number, AddedAt = phone.AddedAt.ToTime() },
        RecoveryCodes(connection, accountId));

    /// <summary>Uses the factor up: of many uses at once one is accepted.</summary>
    public static FactorOutcome Use(SqliteConnection connection, Guid accountId, FactorProof proof, FactorUser user, DateTimeOffset now)
    {
        var outcome = proof switch
        {
            FactorProof.Authenticator app => UseStep(connection, accountId, app),
            FactorProof.Sms sms => UseSmsCode(connection, accountId, sms, now),
            FactorProof.Recovery recovery => UseRecoveryCode(connection, accountId, recovery, user, now),
            _ => throw new InvalidOperationException($"No rule for {proof.GetType().Name}."),
        };
        switch (outcome)
        {
            case FactorOutcome.Wrong:
                SqliteGuardStore.Record(connection, user.Attempt.Failure);
                SqliteSecurityLog.Append(connection, accountId, new SecurityNote(SecurityEventKind.TwoStepFailed, user.Actor, user.DeviceId, $"method={proof.Name}"), now);
                break;
            case FactorOutcome.Accepted when user.Attempt.HasFailures:
                SqliteGuardStore.Clear(connection, user.Attempt.Subject);
                break;
        }

        return outcome;
    }

    public static void Set(SqliteConnection connection, AuthenticatorRow row) => connection.Execute(SetAuthenticatorSql, new
    {
        accountId = row.AccountId.ToBytes(),
        secret = row.Secret,
        addedAt = row.AddedAt.ToStored(),
        lastStep = row.LastStep,
    });

    /// <summary>A code that was sent to the former number ends with it.</summary>
    public static void Set(SqliteConnection connection, PhoneRow row)
    {
        connection.Execute(SetPhoneSql, new { accountId = row.AccountId.ToBytes(), number = row.Number, addedAt = row.AddedAt.ToStored() });
        connection.Execute(DeleteSmsCodeSql, new { accountId = row.AccountId.ToBytes() });
    }

    public static void SetSmsCode(SqliteConnection connection, Guid accountId, byte[] codeHash, int tries, DateTimeOffset expiresAt) =>
        connection.Execute(SetSmsCodeSql, new { accountId = accountId.ToBytes(), codeHash, triesLeft = tries, expiresAt = expiresAt.ToStored() });

    public static void SetRecoveryCodes(SqliteConnection connection, Guid accountId, IReadOnlyList<byte[]> hashes)
    {
        connection.Execute(DeleteRecoveryCodesSql, new { accountId = accountId.ToBytes() });
        connection.Execute(InsertRecoveryCodeSql, hashes.Select((codeHash, index) => new { accountId = accountId.ToBytes(), number = index + 1, codeHash }));
    }

    /// <summary>Removes a factor; false where the account does not have it. Without the last one, the recovery codes end.</summary>
    public static bool Remove(SqliteConnection connection, Guid accountId, TwoStepMethod method)
    {
        var removed = connection.Execute(method == TwoStepMethod.Authenticator ? DeleteAuthenticatorSql : DeletePhoneSql, new { accountId = accountId.ToBytes() }) > 0;
        if (removed && method == TwoStepMethod.Sms)
        {
            connection.Execute(DeleteSmsCodeSql, new { accountId = accountId.ToBytes() });
        }

        if (!Find(connection, accountId).Enabled)
        {
            connection.Execute(DeleteRecoveryCodesSql, new { accountId = accountId.ToBytes() });
        }

        return removed;
    }

    /// <summary>Turns two-step verification off, whatever the account has.</summary>
    public static void RemoveAll(SqliteConnection connection, Guid accountId)
    {
        Remove(connection, accountId, TwoStepMethod.Authenticator);
        Remove(connection, accountId, TwoStepMethod.Sms);
        ForgetAll(connection, accountId);
    }

    public static void Trust(SqliteConnection connection, Guid accountId, Guid deviceId, NewTrust trust, DateTimeOffset now) => connection.Execute(TrustSql, new
    {
        accountId = accountId.ToBytes(),
        deviceId = deviceId.ToBytes(),
        tokenHash = trust.TokenHash,
        now = now.ToStored(),
        expiresAt = trust.ExpiresAt.ToStored(),
    });

    /// <summary>Every device is asked for the second step again: for any change of a factor or of the password.</summary>
    public static void ForgetAll(SqliteConnection connection, Guid accountId) => connection.Execute(ForgetAllSql, new { accountId = accountId.ToBytes() });

    /// <summary>False where the device was not trusted.</summary>
    public static bool Forget(SqliteConnection connection, Guid accountId, Guid deviceId) =>
        connection.Execute(ForgetDeviceSql, new { accountId = accountId.ToBytes(), deviceId = deviceId.ToBytes() }) > 0;

    private static FactorOutcome UseStep(SqliteConnection connection, Guid accountId, FactorProof.Authenticator app)
    {
        if (Authenticator(connection, accountId) is not { } row)
        {
            return FactorOutcome.NotSetUp;
        }

        return app.Accept(row) is { } step && connection.Execute(AcceptStepSql, new { accountId = accountId.ToBytes(), step }) > 0 ? FactorOutcome.Accepted : FactorOutcome.Wrong;
    }

    private static FactorOutcome UseSmsCode(SqliteConnection connection, Guid accountId, FactorProof.Sms sms, DateTimeOffset now)
    {
        var id = new { accountId = accountId.ToBytes() };
        if (connection.QuerySingleOrDefault<StoredPhone>(PhoneSql, id) is null)
        {
            return FactorOutcome.NotSetUp;
        }

        if (connection.QuerySingleOrDefault<StoredCode>(SmsCodeSql, id) is not { TriesLeft: > 0 } code || now >= code.ExpiresAt.ToTime())
        {
            return FactorOutcome.Wrong;
        }

        if (!CryptographicOperations.FixedTimeEquals(code.CodeHash, sms.CodeHash))
        {
            connection.Execute(SpendSmsTrySql, id);
            return FactorOutcome.Wrong;
        }

        connection.Execute(DeleteSmsCodeSql, id);
        return FactorOutcome.Accepted;
    }

    private static FactorOutcome UseRecoveryCode(SqliteConnection connection, Guid accountId, FactorProof.Recovery recovery, FactorUser user, DateTimeOffset now)
    {
        var codes = RecoveryCodes(connection, accountId);
        if (codes.Count == 0)
        {
            return FactorOutcome.NotSetUp;
        }

        if (recovery.CodeHash is null || connection.Execute(UseRecoveryCodeSql, new { accountId = accountId.ToBytes(), codeHash = recovery.CodeHash, now = now.ToStored() }) == 0)
        {
            return FactorOutcome.Wrong;
        }

        var left = codes.Count(c => c.UsedAt is null) - 1;
        SqliteSecurityLog.Append(connection, accountId, new SecurityNote(SecurityEventKind.RecoveryCodeUsed, user.Actor, user.DeviceId, $"remaining={left}"), now);
        SqliteMailOutbox.Insert(connection, recovery.Mail(left));
        return FactorOutcome.Accepted;
    }

    private static AuthenticatorRow? Authenticator(SqliteConnection connection, Guid accountId) =>
        connection.QuerySingleOrDefault<StoredAuthenticator>(AuthenticatorSql, new { accountId = accountId.ToBytes() }) is not { } stored ? null : new AuthenticatorRow
        {
            AccountId = accountId,
            Secret = stored.Secret,
            AddedAt = stored.AddedAt.ToTime(),
            LastStep = stored.LastStep,
        };

    private static List<RecoveryCodeRow> RecoveryCodes(SqliteConnection connection, Guid accountId) =>
        connection.Query<StoredRecoveryCode>(RecoveryCodesSql, new { accountId = accountId.ToBytes() })
            .Select(c => new RecoveryCodeRow { Number = (int)c.Number, UsedAt = c.UsedAt.ToTime() })
            .ToList();

    private sealed record StoredAuthenticator
    {
        public required byte[] Secret { get; init; }
        public required long AddedAt { get; init; }
        public required long LastStep { get; init; }
    }

    private sealed record StoredPhone
    {
        public required byte[] Number { get; init; }
        public required long AddedAt { get; init; }
    }

    private sealed record StoredCode
    {
        public required byte[] CodeHash { get; init; }
        public required long TriesLeft { get; init; }
        public required long ExpiresAt { get; init; }
    }

    private sealed record StoredRecoveryCode
    {
        public required long Number { get; init; }
        public required long? UsedAt { get; init; }
    }
}
