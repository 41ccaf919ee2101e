-- What keeps guessing slow: counters of failures and uses, and Security Checks. Times are milliseconds since 1970.

-- One row for each act and subject: an address (held by an account or not), an account, a device, a client's network.
CREATE TABLE guard_counter (
    subject BLOB NOT NULL PRIMARY KEY,   -- HMAC-SHA-256 over act and subject
    failures INTEGER NOT NULL,           -- since they were last forgotten
    recent BLOB NOT NULL,                -- the times of the newest of them, eight bytes each, newest last
    last_at INTEGER NOT NULL,
    blocked_until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX guard_counter_by_time ON guard_counter (last_at);
CREATE INDEX guard_counter_by_weight ON guard_counter (failures, last_at);

-- Checks that wait for their one answer.
CREATE TABLE security_check (
    check_id BLOB NOT NULL PRIMARY KEY,
    answer_hash BLOB NOT NULL,           -- HMAC-SHA-256 over the id and the characters
    address_hash BLOB,                   -- of the only address that a mailed code serves
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX security_check_by_expiry ON security_check (expires_at);
