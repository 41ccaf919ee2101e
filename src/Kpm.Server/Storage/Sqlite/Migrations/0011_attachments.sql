-- Attachments of items: the rows; the bytes are files beside the database.
CREATE TABLE attachment (
    account_id BLOB NOT NULL,
    attachment_id BLOB NOT NULL,
    size INTEGER NOT NULL,
    sha256 BLOB NOT NULL,         -- of the whole ciphertext; names the file
    received INTEGER NOT NULL,    -- bytes that have arrived and are durable
    completed_at INTEGER,         -- NULL while it is uploaded
    expires_at INTEGER,           -- when it is removed; NULL while a kept revision names it
    PRIMARY KEY (account_id, attachment_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX attachment_by_content ON attachment (account_id, sha256);
CREATE INDEX attachment_open ON attachment (account_id) WHERE completed_at IS NULL;
CREATE INDEX attachment_by_expiry ON attachment (expires_at) WHERE expires_at IS NOT NULL;

-- Which kept revisions name an attachment.
CREATE TABLE attachment_ref (
    account_id BLOB NOT NULL,
    attachment_id BLOB NOT NULL,
    subject_id BLOB NOT NULL,
    rev INTEGER NOT NULL,
    PRIMARY KEY (account_id, attachment_id, subject_id, rev)
) STRICT, WITHOUT ROWID;

CREATE INDEX attachment_ref_by_revision ON attachment_ref (account_id, subject_id, rev);

-- Of all attachments, begun uploads included; counts for the quota beside the bytes of envelopes.
ALTER TABLE vault ADD COLUMN attachment_bytes INTEGER NOT NULL DEFAULT 0;
