-- What the scheduler decided, in order. Everything else that is known of jobs follows from it.
CREATE TABLE record (
    seq    INTEGER PRIMARY KEY AUTOINCREMENT,
    job    TEXT    NOT NULL,
    at_ms  INTEGER NOT NULL,
    kind   TEXT    NOT NULL, -- for people; the body says it too
    format INTEGER NOT NULL, -- of the body
    body   BLOB    NOT NULL
) STRICT;
CREATE INDEX record_job ON record (job, seq);

-- What workers (and stitches) told of their attempts: one line each.
CREATE TABLE trail (
    seq    INTEGER PRIMARY KEY AUTOINCREMENT,
    job    TEXT    NOT NULL,
    lease  INTEGER NOT NULL,
    at_ms  INTEGER NOT NULL, -- since the attempt began
    stage  TEXT    NOT NULL,
    event  TEXT    NOT NULL,
    detail TEXT    NOT NULL,
    count  INTEGER
) STRICT;
CREATE INDEX trail_job ON trail (job, seq);
CREATE INDEX trail_event ON trail (event, seq);
