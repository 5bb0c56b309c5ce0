CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE folders (
    id INTEGER PRIMARY KEY,
    root BLOB NOT NULL UNIQUE,
    scanned INTEGER NOT NULL DEFAULT 0,
    paused INTEGER NOT NULL DEFAULT 0, -- a person holds it back
    named INTEGER                      -- its name is in the paths of `layout: auto`; NULL: undecided
);
CREATE TABLE recipes (
    hash TEXT PRIMARY KEY,
    presets TEXT NOT NULL              -- a JSON list, in the order of their outputs
) WITHOUT ROWID;
CREATE TABLE jobs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    folder INTEGER NOT NULL REFERENCES folders,
    path BLOB NOT NULL,
    size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    current INTEGER NOT NULL,          -- speaks for the file that lies at this path now
    live INTEGER NOT NULL,             -- still moves, or has chores left
    state TEXT NOT NULL,
    reason TEXT NOT NULL DEFAULT '',
    recipe TEXT NOT NULL REFERENCES recipes,
    drop_name TEXT NOT NULL,
    note TEXT NOT NULL,
    forced INTEGER NOT NULL DEFAULT 0,
    attempts INTEGER NOT NULL DEFAULT 0,
    alone INTEGER NOT NULL DEFAULT 0,
    suspect INTEGER NOT NULL DEFAULT 0,
    strikes INTEGER NOT NULL DEFAULT 0,
    chores TEXT NOT NULL DEFAULT '',
    sha256 BLOB,
    admitted_batches INTEGER NOT NULL, -- sent to the engine when it was admitted ...
    batch INTEGER,                     -- ... and the one it was in: fairness can be counted
    admitted_at TEXT NOT NULL,
    ended_at TEXT,
    note_gone INTEGER NOT NULL DEFAULT 0, -- retention has seen to its error note
    again INTEGER NOT NULL DEFAULT 0,  -- a person wants it made again: the next look admits it anew
    forgotten INTEGER NOT NULL DEFAULT 0,
    read_s REAL,                       -- seconds of work on each stage of its last way through them
    infer_s REAL,
    finish_s REAL,
    write_s REAL,
    publish_s REAL,
    original TEXT,                     -- where in the archive its original lies ...
    original_on TEXT,                  -- ... and since which date
    original_remains TEXT,             -- once retention has looked at it, see `ArtifactState`
    confidence REAL,                   -- in its matte, 0 to 1
    strokes INTEGER NOT NULL DEFAULT 0, -- which strokes lie beside the file ...
    painted BLOB,                      -- ... and the SHA-256 of what is painted in them
    remarks TEXT NOT NULL DEFAULT '[]', -- a JSON list of [code, parameters], on its cut-outs
    code TEXT NOT NULL DEFAULT '',     -- why it is in its state, in place of `reason`: a code ...
    params TEXT NOT NULL DEFAULT '{}', -- ... and its parameters as JSON
    anyway INTEGER NOT NULL DEFAULT 0, -- a person wants it published, doubts or not
    waits INTEGER NOT NULL DEFAULT 0,  -- times in a row that something was in the way ...
    blocked INTEGER NOT NULL DEFAULT 0, -- ... or that its own place could not be written
    next_try REAL,                     -- when it is tried again, ...
    unread_since REAL,                 -- ... since when it cannot be read ...
    unchanged_since REAL,              -- ... and its file is the same: seconds since 1970
    approved_at TEXT,                  -- a person has looked at its cut-outs and found them good
    mark INTEGER NOT NULL DEFAULT 0,   -- inode and time of change, see `Stamp.mark`
    follows BLOB                       -- the path that the file seems to have been moved from
);
CREATE UNIQUE INDEX one_current ON jobs (folder, path) WHERE current;
CREATE INDEX by_path ON jobs (folder, path, id);
CREATE INDEX live_jobs ON jobs (id) WHERE live;
CREATE INDEX by_state ON jobs (state);
CREATE INDEX gone_sources ON jobs (folder, size) WHERE NOT current;
CREATE TABLE outputs (
    job INTEGER NOT NULL REFERENCES jobs,
    ordinal INTEGER NOT NULL,
    path TEXT NOT NULL,
    folded TEXT UNIQUE,                -- NULL once the place is free again
    base TEXT NOT NULL,
    version INTEGER NOT NULL,
    extension TEXT NOT NULL,
    temp TEXT,
    sha256 BLOB,
    size INTEGER,
    published INTEGER NOT NULL DEFAULT 0,
    remains TEXT,                      -- NULL: it lies where it was published; else see `ArtifactState` ...
    remains_on TEXT,                   -- ... and since which date
    model TEXT,                        -- SHA-256 of the weights that made it ...
    device TEXT,                       -- ... on this device ...
    precision TEXT,                    -- ... in this number format
    PRIMARY KEY (job, ordinal)
) WITHOUT ROWID;
CREATE INDEX standing ON outputs (job) WHERE published AND (remains IS NULL OR remains = 'going');
CREATE INDEX in_trash ON outputs (job) WHERE remains = 'trashed';

CREATE TABLE waiting_files (           -- seen, not whole yet, so not admitted
    folder INTEGER NOT NULL REFERENCES folders,
    path BLOB NOT NULL,
    size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    strokes INTEGER NOT NULL,
    since REAL NOT NULL,               -- unchanged since then, in seconds since 1970
    PRIMARY KEY (folder, path)
) WITHOUT ROWID;
CREATE TABLE drops (                   -- those that have ended
    folder INTEGER NOT NULL REFERENCES folders,
    name TEXT NOT NULL,
    ended_at TEXT NOT NULL,
    reported INTEGER NOT NULL DEFAULT 0, -- its report is written, its notices are in `notices`
    PRIMARY KEY (folder, name)
) WITHOUT ROWID;
CREATE INDEX unreported ON drops (ended_at) WHERE NOT reported;
CREATE TABLE report_files (
    path TEXT PRIMARY KEY,             -- relative to the output root
    folder INTEGER NOT NULL REFERENCES folders,
    drop_name TEXT NOT NULL,
    day TEXT NOT NULL,                 -- its age counts from then
    size INTEGER NOT NULL,
    sha256 BLOB NOT NULL,
    remains TEXT,                      -- as of outputs
    remains_on TEXT
) WITHOUT ROWID;
CREATE TABLE notices (
    id TEXT PRIMARY KEY,               -- tells a repeated delivery from a new one
    folder INTEGER NOT NULL REFERENCES folders,
    drop_name TEXT NOT NULL,
    channel TEXT NOT NULL,             -- `webhook`, `mail`, `chat` or `program`
    state TEXT NOT NULL,               -- `due`, `sent` or `dead`
    attempts INTEGER NOT NULL DEFAULT 0,
    next_try REAL,
    error TEXT NOT NULL DEFAULT ''     -- of the last attempt
) WITHOUT ROWID;
CREATE INDEX due_notices ON notices (next_try) WHERE state = 'due';
CREATE INDEX by_drop ON jobs (folder, drop_name);
