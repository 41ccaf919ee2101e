-- Operators of support. Of a credential only the hash is kept.
CREATE TABLE operator (
    operator_id BLOB NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    name_key TEXT NOT NULL UNIQUE,  -- as it is compared
    credential_hash BLOB NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,
    last_used_at INTEGER            -- to the minute
) STRICT, WITHOUT ROWID;

-- First results of operators' calls with a request_id.
CREATE TABLE operator_request (
    operator_id BLOB NOT NULL REFERENCES operator ON DELETE CASCADE,
    rpc TEXT NOT NULL,
    request_id BLOB NOT NULL,
    content_hash BLOB NOT NULL,
    response BLOB NOT NULL,
    made_at INTEGER NOT NULL,
    PRIMARY KEY (operator_id, rpc, request_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX operator_request_by_time ON operator_request (made_at);

-- What needs two operators. Their names stand here as they were: an operator may be gone since.
CREATE TABLE support_case (
    case_id BLOB NOT NULL PRIMARY KEY,
    account_id BLOB NOT NULL REFERENCES account ON DELETE CASCADE,
    kind INTEGER NOT NULL,        -- SupportCaseKind
    state INTEGER NOT NULL,       -- SupportCaseState
    reason TEXT NOT NULL,
    region TEXT NOT NULL,         -- of a change of region, else ''
    former_region TEXT NOT NULL,
    proposed_by BLOB NOT NULL,
    proposed_name TEXT NOT NULL,
    proposed_at INTEGER NOT NULL,
    approved_by BLOB,
    approved_name TEXT,
    approved_at INTEGER,
    effective_at INTEGER,
    undo_until INTEGER,
    due_at INTEGER,               -- when it lapses, takes effect or can no longer be undone; NULL: it is over
    CHECK ((approved_by IS NULL) = (approved_at IS NULL))
) STRICT, WITHOUT ROWID;

-- One case of a kind may be on its way.
CREATE UNIQUE INDEX support_case_on_its_way ON support_case (account_id, kind) WHERE state IN (1, 2);
CREATE INDEX support_case_of_account ON support_case (account_id, proposed_at, case_id);
CREATE INDEX support_case_open ON support_case (proposed_at, case_id) WHERE due_at IS NOT NULL;
CREATE INDEX support_case_by_due ON support_case (due_at) WHERE due_at IS NOT NULL;
