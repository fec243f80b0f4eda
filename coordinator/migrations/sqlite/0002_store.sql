-- The store that the jobs' objects are in, by the name that it keeps below farm/. One row, once it is known.
CREATE TABLE store (
    one  INTEGER PRIMARY KEY CHECK (one = 1),
    farm TEXT    NOT NULL
) STRICT;
