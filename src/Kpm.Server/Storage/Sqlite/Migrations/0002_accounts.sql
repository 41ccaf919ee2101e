-- Accounts, devices, sessions, activation. Ids are 16 bytes, big-endian; times are milliseconds since 1970.

CREATE TABLE account (
    account_id BLOB NOT NULL PRIMARY KEY,
    email TEXT NOT NULL,          -- as the person wrote it
    email_key TEXT NOT NULL,      -- as it is compared
    password_hash TEXT,           -- NULL: the account has no password, only identities of other providers
    state INTEGER NOT NULL CHECK (state IN (1, 2)),  -- 1 pending, 2 active
    region TEXT NOT NULL,
    language TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    lapses_at INTEGER,            -- of a pending account
    password_reset_at INTEGER,    -- the newest reset by mail: keys are held back for a while after it
    suspended_at INTEGER,         -- by support
    deletes_at INTEGER,           -- its owner's deletion takes effect then
    CHECK ((state = 1) = (lapses_at IS NOT NULL))
) STRICT, WITHOUT ROWID;

-- Several pending accounts may hold one address, one active account at most.
CREATE UNIQUE INDEX account_by_active_email ON account (email_key) WHERE state = 2;
CREATE INDEX account_by_email ON account (email_key, created_at);
CREATE INDEX account_by_lapse ON account (lapses_at) WHERE state = 1;
CREATE INDEX account_by_deletion ON account (deletes_at) WHERE deletes_at IS NOT NULL;

-- Every decision about marketing mail; the newest one counts.
CREATE TABLE consent (
    account_id BLOB NOT NULL REFERENCES account ON DELETE CASCADE,
    decided_at INTEGER NOT NULL,
    given INTEGER NOT NULL,
    text_version TEXT NOT NULL,
    source TEXT NOT NULL,         -- the rpc and the application through which it was decided
    PRIMARY KEY (account_id, decided_at)
) STRICT, WITHOUT ROWID;

-- A device belongs to one account and one key. A revoked one stays, so that its id can't come back.
CREATE TABLE device (
    device_id BLOB NOT NULL PRIMARY KEY,
    account_id BLOB NOT NULL REFERENCES account ON DELETE CASCADE,
    name TEXT NOT NULL,
    platform INTEGER NOT NULL,
    application_id TEXT NOT NULL,
    application_version TEXT NOT NULL,
    signing_key BLOB NOT NULL,
    shared_key BLOB,              -- the public key that the apps of one product family share on the device
    linked_at INTEGER NOT NULL,
    last_seen_at INTEGER NOT NULL,
    revoked_at INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX device_by_account ON device (account_id, linked_at, device_id);
CREATE INDEX device_by_shared_key ON device (shared_key) WHERE shared_key IS NOT NULL;

-- A session is one family of tokens; only hashes of the tokens are kept. The access token before the current one works
-- until it expires, so that a call that was under way at a refresh does not fail.
CREATE TABLE session (
    session_id BLOB NOT NULL PRIMARY KEY,
    account_id BLOB NOT NULL REFERENCES account ON DELETE CASCADE,
    device_id BLOB NOT NULL REFERENCES device ON DELETE CASCADE,
    created_at INTEGER NOT NULL,
    ends_at INTEGER NOT NULL,     -- whatever is refreshed
    access_hash BLOB NOT NULL,
    access_expires_at INTEGER NOT NULL,
    former_access_hash BLOB,
    former_access_expires_at INTEGER,
    refresh_generation INTEGER NOT NULL,
    refresh_hash BLOB NOT NULL,
    refresh_expires_at INTEGER NOT NULL,
    former_refresh_hash BLOB,
    refreshed_at INTEGER NOT NULL,
    keys_held_until INTEGER,      -- after a password reset: neither fetches nor replaces the wrapped keys before
    ended_at INTEGER
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX session_by_access ON session (access_hash);
CREATE UNIQUE INDEX session_by_former_access ON session (former_access_hash) WHERE former_access_hash IS NOT NULL;
CREATE INDEX session_by_account ON session (account_id);
CREATE UNIQUE INDEX session_live_of_device ON session (device_id) WHERE ended_at IS NULL;
CREATE INDEX session_of_device ON session (device_id);
CREATE INDEX session_by_end ON session (ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX session_by_expiry ON session (refresh_expires_at) WHERE ended_at IS NULL;

-- First results of calls with a request_id.
CREATE TABLE request (
    session_id BLOB NOT NULL REFERENCES session ON DELETE CASCADE,
    rpc TEXT NOT NULL,
    request_id BLOB NOT NULL,
    content_hash BLOB NOT NULL,
    response BLOB NOT NULL,
    made_at INTEGER NOT NULL,
    PRIMARY KEY (session_id, rpc, request_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX request_by_time ON request (made_at);

-- What was mailed to activate a pending account; the newest mail only. Hashes, the code's with a key.
CREATE TABLE activation (
    account_id BLOB NOT NULL PRIMARY KEY REFERENCES account ON DELETE CASCADE,
    token_hash BLOB NOT NULL UNIQUE,
    discard_hash BLOB NOT NULL UNIQUE,
    code_hash BLOB NOT NULL,
    code_tries INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    mailed_at INTEGER NOT NULL,
    day_started_at INTEGER NOT NULL,
    mails_in_day INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Mail that waits to be sent: sealed, since it carries tokens and an address; deleted once sent.
CREATE TABLE mail (
    mail_id BLOB NOT NULL PRIMARY KEY,
    sealed BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    next_attempt_at INTEGER NOT NULL,
    attempts INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX mail_by_attempt ON mail (next_attempt_at);

-- What happened to each account, as a hash chain: hash = SHA-256 over the hash before and the row (security.proto has the layout).
CREATE TABLE security_event (
    account_id BLOB NOT NULL REFERENCES account ON DELETE CASCADE,
    seq INTEGER NOT NULL,         -- dense, from 1
    at INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    actor INTEGER NOT NULL,
    device_id BLOB,
    detail TEXT NOT NULL,
    hash BLOB NOT NULL,
    PRIMARY KEY (account_id, seq)
) STRICT, WITHOUT ROWID;

-- Everything opaque that expires and works once: tickets of a flow, mailed tokens. Only hashes of them; what they stand for is sealed.
CREATE TABLE ticket (
    ticket_hash BLOB NOT NULL PRIMARY KEY,
    purpose INTEGER NOT NULL,     -- TicketPurpose
    account_id BLOB REFERENCES account ON DELETE CASCADE,
    session_id BLOB REFERENCES session ON DELETE CASCADE,
    content BLOB NOT NULL,        -- sealed
    tries_left INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX ticket_of_account ON ticket (account_id, purpose) WHERE account_id IS NOT NULL;
CREATE INDEX ticket_of_session ON ticket (session_id) WHERE session_id IS NOT NULL;
CREATE INDEX ticket_by_expiry ON ticket (expires_at);

-- Vaults of removed accounts, which a job empties step by step.
CREATE TABLE removed_vault (
    account_id BLOB NOT NULL PRIMARY KEY,
    removed_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Which root key the database was made with: passwords, sessions and waiting mails can't be read with another one.
CREATE TABLE root_key (
    id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    fingerprint BLOB NOT NULL
) STRICT;
