-- Identities of other providers that open accounts. Of several pending accounts that were registered with one identity, the
-- one that is activated keeps it, as it is with addresses; active says that the account is.

CREATE TABLE identity (
    identity_id BLOB NOT NULL PRIMARY KEY,
    account_id BLOB NOT NULL REFERENCES account ON DELETE CASCADE,
    provider_id TEXT NOT NULL,    -- as configured when it was linked
    issuer TEXT NOT NULL,
    subject TEXT NOT NULL,        -- the provider's name of the person; with the issuer, the identity
    email TEXT NOT NULL,          -- what the provider told last; empty for none
    active INTEGER NOT NULL CHECK (active IN (0, 1)),
    linked_at INTEGER NOT NULL,
    last_used_at INTEGER
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX identity_active ON identity (issuer, subject) WHERE active = 1;
CREATE INDEX identity_by_account ON identity (account_id, linked_at, identity_id);
