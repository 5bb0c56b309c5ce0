BEGIN TRANSACTION;
CREATE TABLE folders (
    id INTEGER PRIMARY KEY,
    root BLOB NOT NULL UNIQUE,
    scanned INTEGER NOT NULL DEFAULT 0,
    paused INTEGER NOT NULL DEFAULT 0  -- a person holds it back
);
INSERT INTO "folders" VALUES(1,X'@HOT_FOLDER@',1,0);
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
    original_remains TEXT,             -- once retention has looked at it, see `Remains`
    confidence REAL,                   -- in its matte, 0 to 1
    strokes INTEGER NOT NULL DEFAULT 0, -- which strokes lie beside the file ...
    painted BLOB,                      -- ... and the SHA-256 of what is painted in them
    remarks TEXT NOT NULL DEFAULT '[]' -- a JSON list, on the cut-outs that lie prepared
);
INSERT INTO "jobs" VALUES(1,1,X'362E706E67',1107,1795000006000000000,1,0,'done','','b45b238ff272a82577cee12bf25095b0b4269bce891f1047f525ee65a0b90afc','2026-11-29-1','2026-11-29/in/_failed/6.png.error.txt',0,1,0,0,0,'',X'055CFCD467D114A83E6CCB39734E75BCFD8DD6C31B0A98B9F66C5140986928AF',0,1,'2026-11-29T15:03:36+00:00','2026-11-29T15:03:39+00:00',0,0,0,0.009749577,0.004939961,4.69446600000000061059e-02,0.005887196,0.003969361,NULL,NULL,NULL,9.47225768154069336368e-01,0,X'','[]');
INSERT INTO "jobs" VALUES(2,1,X'382E706E67',1065,1795000008000000000,1,0,'done','','b45b238ff272a82577cee12bf25095b0b4269bce891f1047f525ee65a0b90afc','2026-11-29-1','2026-11-29/in/_failed/8.png.error.txt',0,1,0,0,0,'',X'97FB29D7EE831002486ABA038508CFBE11A68F92EDE019B518A9739E1404FE8F',0,1,'2026-11-29T15:03:36+00:00','2026-11-29T15:03:39+00:00',0,0,0,0.00102054,0.004939961,8.85007120000000091497e-02,0.026564095,0.01096587,NULL,NULL,NULL,0.947253578388961,0,X'','[]');
INSERT INTO "jobs" VALUES(3,1,X'626C616E6B2E706E67',737,1795000010000000000,1,1,'failed','no subject was found in the picture','b45b238ff272a82577cee12bf25095b0b4269bce891f1047f525ee65a0b90afc','2026-11-29-1','2026-11-29/in/_failed/blank.png.error.txt',0,1,0,0,0,'note',X'2C1A74EF99C87733AAA0A1866BDEF30194809FB1EF61B8CCB949CBE243BAE06C',0,2,'2026-11-29T15:03:36+00:00','2026-11-29T15:03:38+00:00',0,0,0,0.001326579,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,X'','[]');
INSERT INTO "jobs" VALUES(4,1,X'332E706E67',1083,1795000003000000000,1,0,'done','','b45b238ff272a82577cee12bf25095b0b4269bce891f1047f525ee65a0b90afc','2026-11-29-1','2026-11-29/in/_failed/3.png.error.txt',0,1,0,0,0,'',X'2A56F0D0BBAFFF7C657C619DE49F86129C7273851F7DBDCEAE58E1E895843BCF',0,2,'2026-11-29T15:03:36+00:00','2026-11-29T15:03:39+00:00',0,0,0,0.001070255,0.0008825435,4.0709221000000003765e-02,0.020136649,0.011327973,NULL,NULL,NULL,9.49114124505561762568e-01,0,X'','[]');
INSERT INTO "jobs" VALUES(5,1,X'6E6F7465732E747874',10,1795000011000000000,1,1,'queued','','b45b238ff272a82577cee12bf25095b0b4269bce891f1047f525ee65a0b90afc','2026-11-29-1','2026-11-29/in/_failed/notes.txt.error.txt',0,0,0,0,0,'',NULL,0,NULL,'2026-11-29T15:03:36+00:00',NULL,0,0,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,NULL,'[]');
INSERT INTO "jobs" VALUES(6,1,X'342E706E67',1051,1795000004000000000,1,1,'queued','','b45b238ff272a82577cee12bf25095b0b4269bce891f1047f525ee65a0b90afc','2026-11-29-1','2026-11-29/in/_failed/4.png.error.txt',0,0,0,0,0,'',NULL,0,NULL,'2026-11-29T15:03:36+00:00',NULL,0,0,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,NULL,'[]');
INSERT INTO "jobs" VALUES(7,1,X'372E706E67',1038,1795000007000000000,1,1,'queued','','b45b238ff272a82577cee12bf25095b0b4269bce891f1047f525ee65a0b90afc','2026-11-29-1','2026-11-29/in/_failed/7.png.error.txt',0,0,0,0,0,'',NULL,0,NULL,'2026-11-29T15:03:36+00:00',NULL,0,0,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,NULL,'[]');
INSERT INTO "jobs" VALUES(8,1,X'302E706E67',1028,1795000000000000000,1,1,'queued','','b45b238ff272a82577cee12bf25095b0b4269bce891f1047f525ee65a0b90afc','2026-11-29-1','2026-11-29/in/_failed/0.png.error.txt',0,0,0,0,0,'',NULL,0,NULL,'2026-11-29T15:03:36+00:00',NULL,0,0,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,NULL,'[]');
INSERT INTO "jobs" VALUES(9,1,X'322E706E67',1068,1795000002000000000,1,1,'queued','','b45b238ff272a82577cee12bf25095b0b4269bce891f1047f525ee65a0b90afc','2026-11-29-1','2026-11-29/in/_failed/2.png.error.txt',0,0,0,0,0,'',NULL,0,NULL,'2026-11-29T15:03:36+00:00',NULL,0,0,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,NULL,'[]');
INSERT INTO "jobs" VALUES(10,1,X'312E706E67',1049,1795000001000000000,1,1,'queued','','b45b238ff272a82577cee12bf25095b0b4269bce891f1047f525ee65a0b90afc','2026-11-29-1','2026-11-29/in/_failed/1.png.error.txt',0,0,0,0,0,'',NULL,0,NULL,'2026-11-29T15:03:36+00:00',NULL,0,0,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,NULL,'[]');
INSERT INTO "jobs" VALUES(11,1,X'352E706E67',1103,1795000005000000000,1,1,'queued','','b45b238ff272a82577cee12bf25095b0b4269bce891f1047f525ee65a0b90afc','2026-11-29-1','2026-11-29/in/_failed/5.png.error.txt',0,0,0,0,0,'',NULL,0,NULL,'2026-11-29T15:03:36+00:00',NULL,0,0,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,NULL,'[]');
INSERT INTO "jobs" VALUES(12,1,X'392E706E67',1067,1795000009000000000,1,1,'queued','','b45b238ff272a82577cee12bf25095b0b4269bce891f1047f525ee65a0b90afc','2026-11-29-1','2026-11-29/in/_failed/9.png.error.txt',0,0,0,0,0,'',NULL,0,NULL,'2026-11-29T15:03:36+00:00',NULL,0,0,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,NULL,'[]');
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
INSERT INTO "meta" VALUES('clean','0');
INSERT INTO "meta" VALUES('home','@OUTPUT@');
INSERT INTO "meta" VALUES('instance','e0b615ab');
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
    remains TEXT,                      -- NULL: it lies where it was published; else see `Remains` ...
    remains_on TEXT,                   -- ... and since which date
    model TEXT,                        -- SHA-256 of the weights that made it
    PRIMARY KEY (job, ordinal)
) WITHOUT ROWID;
INSERT INTO "outputs" VALUES(1,0,'2026-11-29/in/6.png','2026-11-29/in/6.png','2026-11-29/in/6',1,'.png',NULL,X'D1B55A8CC476DE919047E81859BCA92D943D76D267DBAEB57FC49475639E9739',2890,1,NULL,NULL,'0000000000000000000000000000000000000000000000000000000000000000');
INSERT INTO "outputs" VALUES(2,0,'2026-11-29/in/8.png','2026-11-29/in/8.png','2026-11-29/in/8',1,'.png',NULL,X'9908FF0B821965A91FAE2E36879374F6F6C4AAEFDAA8DBED27E769EA84FE5E3E',2748,1,NULL,NULL,'0000000000000000000000000000000000000000000000000000000000000000');
INSERT INTO "outputs" VALUES(3,0,'2026-11-29/in/blank.png',NULL,'2026-11-29/in/blank',1,'.png',NULL,NULL,NULL,0,NULL,NULL,NULL);
INSERT INTO "outputs" VALUES(4,0,'2026-11-29/in/3.png','2026-11-29/in/3.png','2026-11-29/in/3',1,'.png',NULL,X'5690F8B870FEED4C9F55EC940864265BFF1DA4AAF51886D54C5AB5590FA23D1A',3010,1,NULL,NULL,'0000000000000000000000000000000000000000000000000000000000000000');
INSERT INTO "outputs" VALUES(5,0,'2026-11-29/in/notes.png','2026-11-29/in/notes.png','2026-11-29/in/notes',1,'.png',NULL,NULL,NULL,0,NULL,NULL,NULL);
INSERT INTO "outputs" VALUES(6,0,'2026-11-29/in/4.png','2026-11-29/in/4.png','2026-11-29/in/4',1,'.png',NULL,NULL,NULL,0,NULL,NULL,NULL);
INSERT INTO "outputs" VALUES(7,0,'2026-11-29/in/7.png','2026-11-29/in/7.png','2026-11-29/in/7',1,'.png',NULL,NULL,NULL,0,NULL,NULL,NULL);
INSERT INTO "outputs" VALUES(8,0,'2026-11-29/in/0.png','2026-11-29/in/0.png','2026-11-29/in/0',1,'.png',NULL,NULL,NULL,0,NULL,NULL,NULL);
INSERT INTO "outputs" VALUES(9,0,'2026-11-29/in/2.png','2026-11-29/in/2.png','2026-11-29/in/2',1,'.png',NULL,NULL,NULL,0,NULL,NULL,NULL);
INSERT INTO "outputs" VALUES(10,0,'2026-11-29/in/1.png','2026-11-29/in/1.png','2026-11-29/in/1',1,'.png',NULL,NULL,NULL,0,NULL,NULL,NULL);
INSERT INTO "outputs" VALUES(11,0,'2026-11-29/in/5.png','2026-11-29/in/5.png','2026-11-29/in/5',1,'.png',NULL,NULL,NULL,0,NULL,NULL,NULL);
INSERT INTO "outputs" VALUES(12,0,'2026-11-29/in/9.png','2026-11-29/in/9.png','2026-11-29/in/9',1,'.png',NULL,NULL,NULL,0,NULL,NULL,NULL);
CREATE TABLE recipes (
    hash TEXT PRIMARY KEY,
    presets TEXT NOT NULL              -- a JSON list, in the order of their outputs
) WITHOUT ROWID;
INSERT INTO "recipes" VALUES('b45b238ff272a82577cee12bf25095b0b4269bce891f1047f525ee65a0b90afc','[{"second_pass": "auto", "threshold": 0, "threshold_mode": "soft", "erode": 0.0, "feather": 0.0, "specks": 0.0, "holes": 0.0, "despill": "none", "content": "cut-out", "background": null, "background_anchor": "centre", "shadow": 0.0, "shadow_blur": 24.0, "shadow_x": 0.0, "shadow_y": 12.0, "trim": false, "canvas": null, "fill": 0.85, "anchor": "centre", "min_side": 0, "dpi": null, "max_kb": null, "format": "png", "quality": 92, "bits": "auto", "compression": "deflate", "matte_file": false, "colour": "keep", "metadata": "keep", "finisher": null, "on_empty": "fail"}]');
CREATE UNIQUE INDEX one_current ON jobs (folder, path) WHERE current;
CREATE INDEX by_path ON jobs (folder, path, id);
CREATE INDEX live_jobs ON jobs (id) WHERE live;
CREATE INDEX by_state ON jobs (state);
CREATE INDEX standing ON outputs (job) WHERE published AND (remains IS NULL OR remains = 'going');
CREATE INDEX in_trash ON outputs (job) WHERE remains = 'trashed';
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('jobs',12);
PRAGMA user_version=3;
COMMIT;
