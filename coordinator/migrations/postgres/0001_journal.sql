-- Who leads. One row; whoever leads has its epoch, and every statement that writes checks it there.
CREATE TABLE leader (
    one        BOOLEAN     PRIMARY KEY DEFAULT TRUE CHECK (one),
    epoch      BIGINT      NOT NULL, -- raised whenever the lead changes hands or is given up
    holder     TEXT        NOT NULL, -- '' where nobody leads
    address    TEXT        NOT NULL, -- where workers and clients find it
    renewed_at TIMESTAMPTZ NOT NULL  -- by this database's clock
);
INSERT INTO leader (epoch, holder, address, renewed_at) VALUES (0, '', '', '-infinity');

-- Which batches of a lead were written: one whose answer was lost is sent again, and not written again.
CREATE TABLE batch (
    epoch  BIGINT NOT NULL,
    number BIGINT NOT NULL,
    PRIMARY KEY (epoch, number)
);

-- What the scheduler decided, in order. Everything else that is known of jobs follows from it.
CREATE TABLE record (
    seq    BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    job    TEXT   NOT NULL,
    at_ms  BIGINT NOT NULL,
    kind   TEXT   NOT NULL, -- for people; the body says it too
    format BIGINT NOT NULL, -- of the body
    body   BYTEA  NOT NULL
);
CREATE INDEX record_job ON record (job, seq);

-- What workers (and stitches) told of their attempts: one line each.
CREATE TABLE trail (
    seq    BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    job    TEXT   NOT NULL,
    lease  BIGINT NOT NULL,
    at_ms  BIGINT NOT NULL, -- since the attempt began
    stage  TEXT   NOT NULL,
    event  TEXT   NOT NULL,
    detail TEXT   NOT NULL,
    count  BIGINT
);
CREATE INDEX trail_job ON trail (job, seq);
CREATE INDEX trail_event ON trail (event, seq);
