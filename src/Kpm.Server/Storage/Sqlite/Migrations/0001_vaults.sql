-- Vaults. Every key leads with account_id, so that the same tables shard by account.
-- Ids are 16 bytes, big-endian; times are milliseconds since 1970.

-- Where an account's log stands. No row yet: generation 1, key epoch 1, an empty log.
CREATE TABLE vault (
    account_id BLOB NOT NULL PRIMARY KEY,
    generation INTEGER NOT NULL,
    key_epoch INTEGER NOT NULL,
    head_seq INTEGER NOT NULL,
    compacted_seq INTEGER NOT NULL,
    chain_hash BLOB NOT NULL,
    items INTEGER NOT NULL,       -- items that are not deleted
    bytes INTEGER NOT NULL,       -- of envelopes that are kept
    settled_seq INTEGER NOT NULL DEFAULT 0  -- results of changes up to here are in op_result; a change above it must not be removed
) STRICT, WITHOUT ROWID;

-- The log, and with it every revision of every subject (item, directory entry, keyset): a row is both a change and a
-- revision. It is a rowid table on purpose: rows of about 1.4 KiB go to its end one after the other, whichever account
-- they belong to, and only small index entries go to the account's own places.
CREATE TABLE change (
    id INTEGER PRIMARY KEY,
    account_id BLOB NOT NULL,
    seq INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    more_in_batch INTEGER NOT NULL,
    committed_at INTEGER NOT NULL,
    rev INTEGER NOT NULL,
    subject_id BLOB NOT NULL,
    chain_hash BLOB NOT NULL,
    header BLOB NOT NULL,
    signature BLOB NOT NULL,
    envelope BLOB                 -- NULL: no longer kept, a later revision exists. Last: what stands behind it would be read through it
) STRICT;

CREATE UNIQUE INDEX change_by_seq ON change (account_id, seq);
CREATE UNIQUE INDEX change_by_subject ON change (account_id, subject_id, rev);
CREATE INDEX change_device_key ON change (account_id, seq) WHERE kind = 3;

-- Results of each device's newest operations: what a repeated op_seq is answered with. Those of applied operations above
-- vault.settled_seq are not here yet: the change itself is read.
CREATE TABLE op_result (
    account_id BLOB NOT NULL,
    device_id BLOB NOT NULL,
    op_seq INTEGER NOT NULL,
    header_hash BLOB NOT NULL,
    outcome INTEGER NOT NULL,     -- 1 applied, 2 conflict, 3 rejected
    seq INTEGER NOT NULL,         -- of an applied operation, else 0
    rev INTEGER NOT NULL,         -- made by an applied operation, or found by a conflict, else 0
    reason INTEGER NOT NULL,      -- RejectionReason of a rejected operation, else 0
    PRIMARY KEY (account_id, device_id, op_seq)
) STRICT, WITHOUT ROWID;

-- How far each device has acknowledged the log; noted now and then while a stream is open, and when it ends.
CREATE TABLE device_progress (
    account_id BLOB NOT NULL,
    device_id BLOB NOT NULL,
    acknowledged_seq INTEGER NOT NULL,
    revocation_acknowledged_at INTEGER,  -- when its receipt of the revocation arrived
    PRIMARY KEY (account_id, device_id)
) STRICT, WITHOUT ROWID;
