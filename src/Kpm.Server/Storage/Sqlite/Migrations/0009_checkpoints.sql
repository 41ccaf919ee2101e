-- The newest checkpoint of each vault: what snapshots are made of, and below which the log may be compacted.
CREATE TABLE checkpoint (
    account_id BLOB NOT NULL PRIMARY KEY REFERENCES account ON DELETE CASCADE,
    seq INTEGER NOT NULL,
    leaves INTEGER NOT NULL,      -- subjects at or below seq
    checkpoint BLOB NOT NULL,
    signature BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- What can be compacted: a row without its envelope always has a newer revision.
CREATE INDEX change_without_envelope ON change (account_id, seq) WHERE envelope IS NULL;

-- The run that raises every vault's generation after a backup was restored, while it is not done: accounts up to position have been raised.
CREATE TABLE restoration (
    id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    position BLOB NOT NULL,
    raised INTEGER NOT NULL
) STRICT;
