-- The store that the jobs' objects are in, by the name that it keeps below farm/. One row, once it is known.
CREATE TABLE store (
    one  BOOLEAN PRIMARY KEY DEFAULT TRUE CHECK (one),
    farm TEXT    NOT NULL
);
