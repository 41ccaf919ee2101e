-- Deleted items whose earlier revisions are still kept; a row goes when the item is brought back, or purged.
CREATE TABLE trash (
    account_id BLOB NOT NULL,
    item_id BLOB NOT NULL,
    rev INTEGER NOT NULL,         -- the tombstone's
    seq INTEGER NOT NULL,         -- the tombstone's
    deleted_at INTEGER NOT NULL,
    PRIMARY KEY (account_id, item_id)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX trash_by_seq ON trash (account_id, seq);
CREATE INDEX trash_by_age ON trash (deleted_at);

-- What was deleted before this table was there.
INSERT INTO trash (account_id, item_id, rev, seq, deleted_at)
SELECT c.account_id, c.subject_id, c.rev, c.seq, c.committed_at FROM change c
WHERE c.kind = 2 AND NOT EXISTS (
    SELECT 1 FROM change n WHERE n.account_id = c.account_id AND n.subject_id = c.subject_id AND n.rev > c.rev);
