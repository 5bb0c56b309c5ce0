CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE folders (id INTEGER PRIMARY KEY, root BLOB NOT NULL UNIQUE, scanned INTEGER NOT NULL DEFAULT 0);
CREATE TABLE recipes (hash TEXT PRIMARY KEY, preset TEXT NOT NULL) WITHOUT ROWID;
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
    ended_at TEXT
);
CREATE UNIQUE INDEX one_current ON jobs (folder, path) WHERE current;
CREATE INDEX by_path ON jobs (folder, path, id);
CREATE INDEX live_jobs ON jobs (id) WHERE live;
CREATE INDEX by_state ON jobs (state);
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
    PRIMARY KEY (job, ordinal)
) WITHOUT ROWID;
