-- Operators of support. Of a credential only the hash is kept.
CREATE TABLE operator (
    operator_id BLOB NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    name_key TEXT NOT NULL UNIQUE,  -- as it is compared
    credential_hash BLOB NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,
    last_used_at INTEGER            -- to the minute
) STRICT, WITHOUT ROWID;
