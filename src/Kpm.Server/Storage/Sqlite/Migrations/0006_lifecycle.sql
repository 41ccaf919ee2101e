-- The ways of an account's life: password reset, change of address, deletion.

-- Asked-for password resets by keyed hash of the address, whether or not an account holds it. A job looks for the account and
-- mails, so that the call does the same work for every address.
CREATE TABLE password_reset_request (
    address_hash BLOB NOT NULL PRIMARY KEY,
    address BLOB,                 -- sealed; NULL once the job is done with it
    asked_at INTEGER NOT NULL,
    day_started_at INTEGER NOT NULL,
    asked_in_day INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX password_reset_request_open ON password_reset_request (asked_at) WHERE address IS NOT NULL;
CREATE INDEX password_reset_request_by_time ON password_reset_request (asked_at);

-- The newest change of address of an account that was asked for.
CREATE TABLE email_change (
    account_id BLOB NOT NULL PRIMARY KEY REFERENCES account ON DELETE CASCADE,
    email TEXT,                   -- as the person wrote it; NULL once it is done
    former_confirmed INTEGER NOT NULL,
    new_confirmed INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    asked_at INTEGER NOT NULL,
    day_started_at INTEGER NOT NULL,
    asked_in_day INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Receipts of deletions: all that stays of an account. With an export that its owner kept, the head of the chain of its
-- security events proves which account it was.
CREATE TABLE deletion_receipt (
    receipt_id BLOB NOT NULL PRIMARY KEY,
    account_id BLOB NOT NULL,
    deleted_at INTEGER NOT NULL,
    events INTEGER NOT NULL,
    head_hash BLOB NOT NULL
) STRICT, WITHOUT ROWID;
