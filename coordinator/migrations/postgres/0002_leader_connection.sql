-- The connection over which the leader renews: where the database has it no more, the leader's process is gone.
ALTER TABLE leader
    ADD COLUMN backend       INT,         -- its process here
    ADD COLUMN backend_start TIMESTAMPTZ, -- and when that began: numbers of processes come again
    ADD COLUMN backend_epoch BIGINT;      -- whose it is; an older version tells of none
