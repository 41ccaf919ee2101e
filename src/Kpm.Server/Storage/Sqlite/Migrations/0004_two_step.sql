-- Two-step verification, SMS, and the record of sealing keys. Ids are 16 bytes, big-endian; times are milliseconds since 1970.

-- An account's authenticator app.
CREATE TABLE authenticator (
    account_id BLOB NOT NULL PRIMARY KEY REFERENCES account ON DELETE CASCADE,
    secret BLOB NOT NULL,         -- sealed
    added_at INTEGER NOT NULL,
    last_step INTEGER NOT NULL    -- a step is accepted once, and none before it
) STRICT, WITHOUT ROWID;

-- The number that an account's codes go to.
CREATE TABLE phone (
    account_id BLOB NOT NULL PRIMARY KEY REFERENCES account ON DELETE CASCADE,
    number BLOB NOT NULL,         -- sealed
    added_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The newest code sent to an account's phone: a keyed hash over the code and what it serves.
CREATE TABLE sms_code (
    account_id BLOB NOT NULL PRIMARY KEY REFERENCES account ON DELETE CASCADE,
    code_hash BLOB NOT NULL,
    tries_left INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX sms_code_by_expiry ON sms_code (expires_at);

-- How often a number was sent to, whichever account asked; by keyed hash of the number.
CREATE TABLE sms_number (
    number_hash BLOB NOT NULL PRIMARY KEY,
    day_started_at INTEGER NOT NULL,
    sent_in_day INTEGER NOT NULL,
    last_sent_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX sms_number_by_day ON sms_number (day_started_at);

-- Keyed hashes; a used one stays, to be shown.
CREATE TABLE recovery_code (
    account_id BLOB NOT NULL REFERENCES account ON DELETE CASCADE,
    number INTEGER NOT NULL,      -- from 1, as on the person's list
    code_hash BLOB NOT NULL,
    used_at INTEGER,
    PRIMARY KEY (account_id, number)
) STRICT, WITHOUT ROWID;

-- Devices that skip the second step.
CREATE TABLE trusted_device (
    account_id BLOB NOT NULL REFERENCES account ON DELETE CASCADE,
    device_id BLOB NOT NULL REFERENCES device ON DELETE CASCADE,
    token_hash BLOB NOT NULL,
    trusted_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (account_id, device_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX trusted_device_of_device ON trusted_device (device_id);
CREATE INDEX trusted_device_by_time ON trusted_device (account_id, trusted_at, device_id);
CREATE INDEX trusted_device_by_expiry ON trusted_device (expires_at);

-- SMS that wait to be sent: sealed, since they carry codes and numbers; deleted once sent.
CREATE TABLE sms (
    sms_id BLOB NOT NULL PRIMARY KEY,
    sealed BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    next_attempt_at INTEGER NOT NULL,
    attempts INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX sms_by_attempt ON sms (next_attempt_at);

-- The sealing keys that rows may be sealed with: the key file must hold each.
CREATE TABLE sealing_key (
    key_id INTEGER NOT NULL PRIMARY KEY,
    fingerprint BLOB NOT NULL,
    added_at INTEGER NOT NULL
) STRICT;
