namespace Kpm.Server;

/// <summary>
/// Every bound of the server in one place, each with its reason. All can be configured under
/// <c>Kpm:Limits</c>; the values here are the defaults.
/// </summary>
internal sealed record Limits
{
    /// <summary>Shorter passwords fall to guessing against the sign-in delay. NIST SP 800-63B asks for 8.</summary>
    public int PasswordMinLength { get; init; } = 8;

    /// <summary>Long enough for any passphrase; bounds the work of the rules.</summary>
    public int PasswordMaxLength { get; init; } = 128;

    /// <summary>An access token can't be taken back faster than this where a replica has not heard of its end.</summary>
    public TimeSpan AccessTokenLifetime { get; init; } = TimeSpan.FromMinutes(15);

    /// <summary>A device in a drawer for a month signs in again.</summary>
    public TimeSpan RefreshTokenIdleLifetime { get; init; } = TimeSpan.FromDays(30);

    /// <summary>No session outlives this without the password.</summary>
    public TimeSpan SessionAbsoluteLifetime { get; init; } = TimeSpan.FromDays(180);

    /// <summary>A device whose answer got lost may ask with the spent token again for this long.</summary>
    public TimeSpan RefreshGrace { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Clocks of devices differ; a proof older than this is a replay.</summary>
    public TimeSpan ProofClockSkew { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>Nonces remembered at most (about 100 bytes each): 1,600 stream starts a second over the two minutes that a proof can live.</summary>
    public int ProofNonces { get; init; } = 200_000;

    /// <summary>Sessions whose check costs no database read (about 500 bytes each).</summary>
    public int CachedSessions { get; init; } = 200_000;

    /// <summary>A repeated request_id is answered with the first result for this long.</summary>
    public TimeSpan RequestIdLifetime { get; init; } = TimeSpan.FromHours(24);

    /// <summary>Ended sessions are kept this long, so that a repeated request and a replayed token are still recognised.</summary>
    public TimeSpan EndedSessionRetention { get; init; } = TimeSpan.FromDays(2);

    /// <summary>Password hashes waiting; at a quarter of a second each, more would only time out.</summary>
    public int PasswordHashQueue { get; init; } = 64;

    /// <summary>What a full hash queue tells callers to wait.</summary>
    public TimeSpan PasswordHashRetry { get; init; } = TimeSpan.FromSeconds(3);

    /// <summary>From this wrong password on, the account's next attempt is delayed.</summary>
    public int SignInFailuresBeforeDelay { get; init; } = 5;

    /// <summary>The first delay; it doubles with each further failure.</summary>
    public TimeSpan SignInFirstDelay { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>The longest delay: 96 guesses a day.</summary>
    public TimeSpan SignInLongestDelay { get; init; } = TimeSpan.FromMinutes(15);

    /// <summary>Failures are forgotten after this long without another.</summary>
    public TimeSpan SignInFailureMemory { get; init; } = TimeSpan.FromHours(24);

    /// <summary>Failures of an account, address or device within the window after which a Security Check is due: a person mistypes once or twice.</summary>
    public int SecurityCheckFailures { get; init; } = 3;

    /// <summary>The same for a client's network, so that an office behind one address is not plagued.</summary>
    public int SecurityCheckClientFailures { get; init; } = 20;

    /// <summary>Older failures do not lead to a check.</summary>
    public TimeSpan SecurityCheckWindow { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>Long enough to read a picture or fetch a mail, too short to hand it to others for money.</summary>
    public TimeSpan SecurityCheckLifetime { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>Pictures for one client's network within the window: whoever needs more is a program trying its luck.</summary>
    public int SecurityCheckPicturesPerClient { get; init; } = 20;

    /// <summary>Flows at a provider of identities that one client's network may start without a session within the window: each is a row, and anybody may ask.</summary>
    public int FederatedFlowsPerClient { get; init; } = 60;

    /// <summary>Time between codes mailed in place of a picture, for one address and for one client.</summary>
    public TimeSpan MailedCheckInterval { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>Such codes in a day, for one address and for one client, so that a mailbox can't be flooded.</summary>
    public int MailedChecksPerDay { get; init; } = 6;

    /// <summary>Counters kept (about 250 bytes each); above that, those with the fewest failures go first, oldest first.</summary>
    public int GuardCounters { get; init; } = 1_000_000;

    /// <summary>Checks that may wait for an answer (about 150 bytes each); above that, those that end first go.</summary>
    public int OpenSecurityChecks { get; init; } = 200_000;

    /// <summary>Sign-ins to one address that may be waiting for their turn.</summary>
    public int SignInsWaitingPerAddress { get; init; } = 64;

    /// <summary>A pending account lapses, so that an address is never reserved by somebody who can't read its mail.</summary>
    public TimeSpan PendingAccountLifetime { get; init; } = TimeSpan.FromDays(7);

    /// <summary>Registrations at one address in a day, so that a mailbox can't be flooded with activation mails.</summary>
    public int RegistrationsPerAddressPerDay { get; init; } = 20;

    /// <summary>How long a mailed token and code can be used.</summary>
    public TimeSpan ActivationLifetime { get; init; } = TimeSpan.FromHours(24);

    /// <summary>Tries of one mailed code: at six digits, five tries hit once in 200,000.</summary>
    public int ActivationCodeTries { get; init; } = 5;

    /// <summary>Connections to the socket for the server's commands at once: one person at a few terminals.</summary>
    public int AdminConnections { get; init; } = 8;

    /// <summary>A command is one line that a program writes at once; who writes nothing must not hold a connection.</summary>
    public TimeSpan AdminRequestTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>A case that no second operator approves lapses: what was true when it was proposed may not be any more.</summary>
    public TimeSpan SupportCaseLifetime { get; init; } = TimeSpan.FromDays(7);

    /// <summary>From the approval of a reset of two-step verification to its effect: time for its owner to read the mail and cancel, over a weekend too.</summary>
    public TimeSpan TwoStepResetDelay { get; init; } = TimeSpan.FromHours(72);

    /// <summary>How long a change of region can be undone.</summary>
    public TimeSpan RegionChangeUndo { get; init; } = TimeSpan.FromDays(7);

    /// <summary>Pending accounts at one address that support is shown.</summary>
    public int SupportPendingAccounts { get; init; } = 10;

    /// <summary>Cases or events on a page for support unless asked otherwise.</summary>
    public int SupportPageSize { get; init; } = 50;

    /// <summary>When an operator was last seen is written this often, so that not every call writes.</summary>
    public TimeSpan OperatorSeenInterval { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>Time between activation mails of one account.</summary>
    public TimeSpan ActivationResendInterval { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>Further activation mails of one account in a day.</summary>
    public int ActivationResendsPerDay { get; init; } = 6;

    /// <summary>How often the jobs look for what has lapsed.</summary>
    public TimeSpan SweepInterval { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>Rows that one step of a job removes, so that it never holds up the writer.</summary>
    public int SweepBatch { get; init; } = 100;

    /// <summary>A notice that could not be delivered for this long is no news any more.</summary>
    public TimeSpan NoticeLifetime { get; init; } = TimeSpan.FromDays(3);

    /// <summary>A mailed password reset works this long: a mailbox that is read once must not open the account for days.</summary>
    public TimeSpan PasswordResetLifetime { get; init; } = TimeSpan.FromHours(1);

    /// <summary>Time between two password resets of one address.</summary>
    public TimeSpan PasswordResetInterval { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>Password resets of one address in a day.</summary>
    public int PasswordResetsPerDay { get; init; } = 6;

    /// <summary>After a password reset by mail, a session without a better proof has no way to the wrapped keys for this long: the owner of a stolen mailbox has a day to notice.</summary>
    public TimeSpan KeysHold { get; init; } = TimeSpan.FromHours(24);

    /// <summary>The two mails of a change of address work this long.</summary>
    public TimeSpan EmailChangeLifetime { get; init; } = TimeSpan.FromHours(24);

    /// <summary>Time between two changes of address that one account asks for.</summary>
    public TimeSpan EmailChangeInterval { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>Changes of address that one account asks for in a day: each mails somebody.</summary>
    public int EmailChangesPerDay { get; init; } = 6;

    /// <summary>A deletion can be undone for this long.</summary>
    public TimeSpan DeletionGrace { get; init; } = TimeSpan.FromDays(14);

    /// <summary>The token that a sign-in to a scheduled account gives works this long; the mailed one until the deletion.</summary>
    public TimeSpan DeletionTokenLifetime { get; init; } = TimeSpan.FromHours(1);

    /// <summary>Wait after the first failed delivery of a mail; doubles.</summary>
    public TimeSpan MailFirstRetry { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>The longest wait between two deliveries of a mail.</summary>
    public TimeSpan MailLongestRetry { get; init; } = TimeSpan.FromMinutes(15);

    /// <summary>Time for one delivery over SMTP, from connecting to the final answer.</summary>
    public TimeSpan MailDeliveryTimeout { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>Mails taken from the outbox at once.</summary>
    public int MailBatch { get; init; } = 16;

    /// <summary>A flow at a provider: time to type a password and pass a second step there.</summary>
    public TimeSpan FederatedFlowLifetime { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>From "register first" to the finished form.</summary>
    public TimeSpan RegistrationTicketLifetime { get; init; } = TimeSpan.FromMinutes(30);

    /// <summary>From the re-authentication at a provider to what it is for.</summary>
    public TimeSpan ReauthenticationTicketLifetime { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>One call to a provider, from connecting to the last byte: a person waits for it.</summary>
    public TimeSpan ProviderTimeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Largest answer of a provider: key sets are a few KiB.</summary>
    public int ProviderResponseBytes { get; init; } = 256 * 1024;

    /// <summary>Discovery documents and keys are fetched again after this long, so that a withdrawn key ends soon.</summary>
    public TimeSpan ProviderDocumentLifetime { get; init; } = TimeSpan.FromHours(1);

    /// <summary>While the provider can't be reached, its last document serves this long.</summary>
    public TimeSpan ProviderDocumentLongestUse { get; init; } = TimeSpan.FromHours(12);

    /// <summary>An unknown key fetches the document again, but not more often than this: anybody can make up a key id.</summary>
    public TimeSpan ProviderDocumentRenewal { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>A provider that could not be reached is left alone this long, and callers are told so.</summary>
    public TimeSpan ProviderRetry { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>How far a provider's clock may be from ours.</summary>
    public TimeSpan ProviderClockSkew { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>Largest id_token; the contract has the same number.</summary>
    public int IdTokenBytes { get; init; } = 16 * 1024;

    /// <summary>Apple takes client secrets of up to six months; a short one that leaks is soon worthless.</summary>
    public TimeSpan AppleSecretLifetime { get; init; } = TimeSpan.FromHours(1);

    /// <summary>Identities of one account: one at each provider, and some more.</summary>
    public int IdentitiesPerAccount { get; init; } = 20;

    /// <summary>Identities on a page of ListIdentities unless asked otherwise.</summary>
    public int IdentitiesPageSize { get; init; } = 50;

    /// <summary>Wait after the first failed delivery of an SMS; doubles. Short, since a code lives for minutes.</summary>
    public TimeSpan SmsFirstRetry { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>The longest wait between two deliveries of an SMS.</summary>
    public TimeSpan SmsLongestRetry { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Time for one call of the carrier.</summary>
    public TimeSpan SmsDeliveryTimeout { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>Digits of a code by SMS, 6 to 8: with six, five tries hit once in 200,000.</summary>
    public int SmsCodeDigits { get; init; } = 6;

    /// <summary>Long enough for a slow carrier, short for whoever finds the phone.</summary>
    public TimeSpan SmsCodeLifetime { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>Tries of one code.</summary>
    public int SmsCodeTries { get; init; } = 5;

    /// <summary>Time between messages to one number, whoever asks.</summary>
    public TimeSpan SmsInterval { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>Messages to one number in a day, whoever asks: each costs money, and a stranger must not be able to plague a phone.</summary>
    public int SmsPerNumberPerDay { get; init; } = 5;

    /// <summary>From the password to the second step: time to find the phone.</summary>
    public TimeSpan TwoStepTicketLifetime { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>Wrong second factors that one sign-in bears.</summary>
    public int TwoStepTries { get; init; } = 5;

    /// <summary>From the secret, or the SMS, to the first code that proves it.</summary>
    public TimeSpan FactorSetUpLifetime { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>Wrong codes that a set-up bears.</summary>
    public int FactorSetUpTries { get; init; } = 5;

    /// <summary>A trusted device is asked for the second step again after this long.</summary>
    public TimeSpan TrustedDeviceLifetime { get; init; } = TimeSpan.FromDays(30);

    /// <summary>Trusted devices on a page unless asked otherwise.</summary>
    public int TrustedDevicesPageSize { get; init; } = 50;

    /// <summary>A call that took a sealing key has written its row after this long; only then can the key be retired.</summary>
    public TimeSpan SealingKeySettling { get; init; } = TimeSpan.FromMinutes(15);

    /// <summary>How long an account that another app of the device is signed in to can be chosen: time to type its password.</summary>
    public TimeSpan SignInHintLifetime { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>Accounts that one answer of GetSignInHints offers: a person has a few on one device.</summary>
    public int SignInHints { get; init; } = 10;

    /// <summary>Largest form of a web page: two passwords of 1,024 characters beyond the basic plane, percent-encoded, and the token.</summary>
    public int PageFormBytes { get; init; } = 32 * 1024;

    /// <summary>Longest token of a link that a page puts into its form; the contract has the same number.</summary>
    public int PageFieldCharacters { get; init; } = 128;

    /// <summary>Largest request message: 64 operations of a full envelope do not fit one message on purpose; they are several pushes.</summary>
    public int MessageBytes { get; init; } = 1024 * 1024;

    /// <summary>Devices on a page of ListDevices unless asked otherwise.</summary>
    public int DevicesPageSize { get; init; } = 50;

    /// <summary>Applications on a page of ListApplications unless asked otherwise.</summary>
    public int ApplicationsPageSize { get; init; } = 50;

    /// <summary>Security events on a page unless asked otherwise, and in one turn of a stream or an export.</summary>
    public int SecurityEventsPageSize { get; init; } = 50;

    /// <summary>Rows that an export reads at once.</summary>
    public int ExportPageSize { get; init; } = 100;

    /// <summary>Calls and streams that run when the server stops get this long to end.</summary>
    public TimeSpan DrainTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Results kept of a device's newest operations: more than it can have on the way when a connection breaks.</summary>
    public int ResultsPerDevice { get; init; } = 128;

    /// <summary>Operations in one Push.</summary>
    public int OperationsPerPush { get; init; } = 64;

    /// <summary>Operations of one stream without a result yet; the stream is not read further until there are fewer.</summary>
    public int OperationsInFlight { get; init; } = 128;

    /// <summary>Largest envelope; the contract has the same number.</summary>
    public int EnvelopeBytes { get; init; } = 256 * 1024;

    /// <summary>Envelopes kept of one item, the current one included. What is older can still be verified, not read.</summary>
    public ulong RevisionsPerSubject { get; init; } = 20;

    /// <summary>Items of one vault that are not deleted: many times what a busy person gathers in a life.</summary>
    public ulong VaultItems { get; init; } = 100_000;

    /// <summary>Bytes of envelopes that one vault keeps, its kept revisions included: 1 GiB.</summary>
    public ulong VaultBytes { get; init; } = 1024UL * 1024 * 1024;

    /// <summary>A deleted item can be brought back with all of its content for this long.</summary>
    public TimeSpan TrashRetention { get; init; } = TimeSpan.FromDays(30);

    /// <summary>Revisions on a page of ListRevisions unless asked otherwise.</summary>
    public int RevisionsPageSize { get; init; } = 50;

    /// <summary>Items on a page of ListTrash unless asked otherwise.</summary>
    public int TrashPageSize { get; init; } = 50;

    /// <summary>An attachment that no kept revision names stays this long: from the upload to the item that names it, and from a pruned revision to somebody who still reads it.</summary>
    public TimeSpan AttachmentGrace { get; init; } = TimeSpan.FromHours(24);

    /// <summary>An upload that was begun and never finished is removed: a device has a week to find a network.</summary>
    public TimeSpan AttachmentUploadLifetime { get; init; } = TimeSpan.FromDays(7);

    /// <summary>Unfinished uploads of one account: all attachments of one item.</summary>
    public int AttachmentUploadsPerAccount { get; init; } = 64;

    /// <summary>Attachments of one account: each is a file, and the quota of bytes alone would allow a billion of one byte.</summary>
    public int AttachmentsPerAccount { get; init; } = 20_000;

    /// <summary>Bytes of an upload that may arrive between two syncs of its file: what a broken connection can cost.</summary>
    public int AttachmentSyncBytes { get; init; } = 1024 * 1024;

    /// <summary>Bytes of an attachment in one message of a download, and in memory for it.</summary>
    public int AttachmentPieceBytes { get; init; } = 256 * 1024;

    /// <summary>What a replaced upload is told to wait before it tries again.</summary>
    public TimeSpan AttachmentReplacedRetry { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Changes sent to a stream and not acknowledged; then it lags and nothing more is read for it.</summary>
    public int UnacknowledgedChanges { get; init; } = 256;

    /// <summary>The same in bytes.</summary>
    public int UnacknowledgedBytes { get; init; } = 1024 * 1024;

    /// <summary>A stream that leaves something unacknowledged, or a Ping unanswered, for this long is closed.</summary>
    public TimeSpan StallTimeout { get; init; } = TimeSpan.FromSeconds(120);

    /// <summary>Changes in one message of a stream.</summary>
    public int ChangesPerMessage { get; init; } = 64;

    /// <summary>Bytes of changes after which a message of a stream is sent; a single larger change goes alone.</summary>
    public int ChangesMessageBytes { get; init; } = 256 * 1024;

    /// <summary>The newest changes of an account that its live streams share in memory.</summary>
    public int SharedChanges { get; init; } = 64;

    /// <summary>The same in bytes.</summary>
    public int SharedChangesBytes { get; init; } = 256 * 1024;

    /// <summary>A Ping comes this often, give or take a tenth, so that a thousand streams opened at once do not ping at once.</summary>
    public TimeSpan Heartbeat { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>The first message of a stream must come within this time.</summary>
    public TimeSpan HelloTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How long a read waits for a min_seq: longer than any commit takes.</summary>
    public TimeSpan MinSeqTimeout { get; init; } = TimeSpan.FromSeconds(3);

    /// <summary>TokenExpiring is sent this long before the end, so that a slow network still renews in time.</summary>
    public TimeSpan TokenExpiryNotice { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>After Revoked, the receipt is awaited this long.</summary>
    public TimeSpan RevocationReceiptTimeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>A revoked stream whose client does not read is cut after this long, with what was buffered for it.</summary>
    public TimeSpan RevocationTimeout { get; init; } = TimeSpan.FromMilliseconds(900);

    /// <summary>What GoAway tells a client to wait when the server shuts down.</summary>
    public TimeSpan DrainingRetryAfter { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>After GoAway and the last answer, the client gets this long to end its side.</summary>
    public TimeSpan GoAwayLinger { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Entries after which a device publishes the next checkpoint; one that comes before half of them is not kept.</summary>
    public int CheckpointInterval { get; init; } = 1000;

    /// <summary>Subjects that one read of a comparison looks at.</summary>
    public int CheckpointPage { get; init; } = 256;

    /// <summary>Checkpoints that are compared with their vaults at once: each walks over a whole vault.</summary>
    public int CheckpointComparisons { get; init; } = 2;

    /// <summary>After a checkpoint whose count or root was wrong, the vault's next one is looked at only then.</summary>
    public TimeSpan CheckpointRetry { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>Entries of the log that one read of a snapshot looks at, superseded ones included.</summary>
    public int SnapshotEntriesPerRead { get; init; } = 512;

    /// <summary>Changes are kept at least this long, superseded or not: a device that was away for less takes up where it was.</summary>
    public TimeSpan ChangeRetention { get; init; } = TimeSpan.FromDays(30);

    /// <summary>How often the job looks for logs that can be compacted.</summary>
    public TimeSpan CompactionInterval { get; init; } = TimeSpan.FromHours(1);

    /// <summary>Entries that must be removable before a log is compacted: each time costs the devices that were away for long a snapshot.</summary>
    public int CompactionLeast { get; init; } = 100;

    /// <summary>Directory entries on a page unless asked otherwise.</summary>
    public int DeviceKeysPageSize { get; init; } = 100;

    /// <exception cref="StartException">A limit is not positive, or beyond what can be kept.</exception>
    public void Validate()
    {
        foreach (var property in typeof(Limits).GetProperties())
        {
            var positive = property.GetValue(this) switch
            {
                int number => number > 0,
                ulong number => number > 0,
                TimeSpan span => span > TimeSpan.Zero,
                _ => true,
            };
            if (!positive)
            {
                throw new StartException($"Kpm:Limits:{property.Name} must be greater than zero.");
            }
        }

        // A counter keeps the time of each.
        const int MostTimes = 10_000;
        foreach (var (name, count) in new[]
        {
            (nameof(SecurityCheckFailures), SecurityCheckFailures),
            (nameof(SecurityCheckClientFailures), SecurityCheckClientFailures),
            (nameof(SecurityCheckPicturesPerClient), SecurityCheckPicturesPerClient),
            (nameof(MailedChecksPerDay), MailedChecksPerDay),
            (nameof(FederatedFlowsPerClient), FederatedFlowsPerClient),
        })
        {
            if (count > MostTimes)
            {
                throw new StartException($"Kpm:Limits:{name} must be at most {MostTimes}.");
            }
        }

        if (SmsCodeDigits is < 6 or > 8)
        {
            throw new StartException("Kpm:Limits:SmsCodeDigits must be 6, 7 or 8.");
        }
    }
}
