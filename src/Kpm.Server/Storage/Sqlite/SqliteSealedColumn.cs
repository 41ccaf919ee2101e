using Dapper;
using Kpm.Server.Accounts.Lifecycle;
using Kpm.Server.Messaging;
using Kpm.Server.Messaging.Sms;
using Kpm.Server.Secrets;
using Kpm.Server.Verification.TwoStep;

namespace Kpm.Server.Storage.Sqlite;

/// <summary>How to read and replace a column's boxes.</summary>
/// <param name="Use">What the boxes are sealed for.</param>
/// <param name="SelectSql">Rows behind a position, in the order of their key: the key, which the box is bound to, and the box.</param>
/// <param name="UpdateSql">Replaces a row's box.</param>
internal sealed record SealedColumn(string Use, string SelectSql, string UpdateSql);

/// <summary>A column of boxes. Whoever seals into another column adds it to All; a test looks.</summary>
internal sealed class SqliteSealedColumn(SqliteDatabase database, Sealer sealer, SealedColumn column) : ISealedColumn
{
    private const string MailsSql = "SELECT mail_id AS Row, sealed AS Box FROM mail WHERE mail_id > @after ORDER BY mail_id LIMIT @most";

    private const string RenewMailSql = "UPDATE mail SET sealed = @box WHERE mail_id = @row";

    private const string SmsSql = "SELECT sms_id AS Row, sealed AS Box FROM sms WHERE sms_id > @after ORDER BY sms_id LIMIT @most";

    private const string RenewSmsSql = "UPDATE sms SET sealed = @box WHERE sms_id = @row";

    private const string TicketsSql = "SELECT ticket_hash AS Row, content AS Box FROM ticket WHERE ticket_hash > @after ORDER BY ticket_hash LIMIT @most";

    private const string RenewTicketSql = "UPDATE ticket SET content = @box WHERE ticket_hash = @row";

    private const string AuthenticatorsSql = "SELECT account_id AS Row, secret AS Box FROM authenticator WHERE account_id > @after ORDER BY account_id LIMIT @most";

    private const string RenewAuthenticatorSql = "UPDATE authenticator SET secret = @box WHERE account_id = @row";

    private const string PhonesSql = "SELECT account_id AS Row, number AS Box FROM phone WHERE account_id > @after ORDER BY account_id LIMIT @most";

    private const string RenewPhoneSql = "UPDATE phone SET number = @box WHERE account_id = @row";

    private const string ResetAddressesSql = """
        SELECT address_hash AS Row, address AS Box FROM password_reset_request WHERE address_hash > @after AND address IS NOT NULL ORDER BY address_hash LIMIT @most
        """;

    private const string RenewResetAddressSql = "UPDATE password_reset_request SET address = @box WHERE address_hash = @row";

    public static readonly IReadOnlyList<SealedColumn> All =
    [
        new(MailSeal.Use, MailsSql, RenewMailSql),
        new(SmsSeal.Use, SmsSql, RenewSmsSql),
        new(Tickets.Use, TicketsSql, RenewTicketSql),
        new(FactorSeal.SecretUse, AuthenticatorsSql, RenewAuthenticatorSql),
        new(FactorSeal.NumberUse, PhonesSql, RenewPhoneSql),
        new(PasswordResets.Use, ResetAddressesSql, RenewResetAddressSql),
    ];

    public string Use => column.Use;

    public Task<SealedStep> RenewAsync(byte[] after, int most, CancellationToken cancellationToken) => database.WriteAsync(
        c =>
        {
            var rows = c.Query<Stored>(column.SelectSql, new { after, most }).AsList();
            var renewed = 0;
            foreach (var stored in rows)
            {
                if (sealer.Renew(Use, stored.Row, stored.Box) is { } box)
                {
                    renewed += c.Execute(column.UpdateSql, new { row = stored.Row, box });
                }
            }

            return new SealedStep(rows.Count < most ? null : rows[^1].Row, renewed);
        },
        cancellationToken);

    private sealed record Stored
    {
        public required byte[] Row { get; init; }
        public required byte[] Box { get; init; }
    }
}
