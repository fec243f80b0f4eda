//! The statements that write. Each is one, sent and committed at once; each checks the epoch in the row of the
//! lead, which stays locked until it is committed; each may be performed twice.
//!
//! `FOR SHARE` waits for a lead that is just changing hands and then reads the row anew, so a statement of the
//! old lead either is committed before the new one begins or writes nothing. Everything else in the statement
//! takes its rows from what that gave.

use std::time::Duration;

use sqlx::Row as _;
use sqlx::postgres::PgConnection;

use crate::journal::RECORD_FORMAT;
use crate::journal::leadership::{Epoch, Leader};
use crate::journal::postgres::session::Statement;
use crate::journal::rows::Columns;

/// Numbers of batches that are kept at least; the one that is asked for again is always the last.
const NUMBERS_KEPT: i64 = 4096;

/// The oldest version of PostgreSQL that this is tested with.
const VERSION_MIN: i32 = 150_000;

/// Appends a batch under its number.
pub(super) struct Append<'a> {
    pub(super) epoch: Epoch,
    pub(super) number: i64,
    pub(super) columns: &'a Columns,
}

/// What became of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Appended {
    /// It is written.
    Written,
    /// It was written already, when it was sent before.
    WrittenBefore,
    /// It is not: another epoch is current.
    Deposed,
}

/// A forgotten job leaves the record that it was forgotten and that of its last lease.
const APPEND: &str = "\
WITH mine AS MATERIALIZED (
    SELECT epoch FROM leader WHERE epoch = $1 FOR SHARE
), fresh AS (
    INSERT INTO batch (epoch, number) SELECT epoch, $2 FROM mine
    ON CONFLICT DO NOTHING RETURNING number
), swept AS (
    DELETE FROM batch USING fresh WHERE batch.epoch = $1 AND batch.number < $3
), untold AS (
    DELETE FROM trail USING fresh WHERE trail.job = ANY ($4)
), forgotten AS (
    DELETE FROM record USING fresh, unnest($4::text[], $5::bool[]) AS f (job, lease_is_older)
    WHERE record.job = f.job AND NOT (f.lease_is_older AND record.seq IS NOT DISTINCT FROM (
        SELECT max(r.seq) FROM record AS r
        WHERE r.job = f.job AND r.kind IN ('leased', 'stitch_started')
    ))
), written AS (
    INSERT INTO record (job, at_ms, kind, format, body)
    SELECT r.job, r.at_ms, r.kind, $6, r.body
    FROM fresh, unnest($7::text[], $8::bigint[], $9::text[], $10::bytea[])
        WITH ORDINALITY AS r (job, at_ms, kind, body, place)
    ORDER BY r.place
), told AS (
    INSERT INTO trail (job, lease, at_ms, stage, event, detail, count)
    SELECT t.job, t.lease, t.at_ms, t.stage, t.event, t.detail, t.count
    FROM fresh, unnest($11::text[], $12::bigint[], $13::bigint[], $14::text[], $15::text[],
        $16::text[], $17::bigint[])
        WITH ORDINALITY AS t (job, lease, at_ms, stage, event, detail, count, place)
    ORDER BY t.place
)
SELECT EXISTS (SELECT FROM mine) AS mine, EXISTS (SELECT FROM fresh) AS fresh";

impl Statement for Append<'_> {
    type Answer = Appended;

    async fn perform(&self, connection: &mut PgConnection) -> sqlx::Result<Appended> {
        let Self { epoch, number, columns } = self;
        let swept = if number % NUMBERS_KEPT == 0 { number - NUMBERS_KEPT } else { 0 };
        let trail = &columns.trail;
        let row = sqlx::query(APPEND)
            .bind(epoch.0.cast_signed())
            .bind(number)
            .bind(swept)
            .bind(&columns.forgotten)
            .bind(&columns.lease_is_older)
            .bind(RECORD_FORMAT)
            .bind(&columns.jobs)
            .bind(&columns.at_ms)
            .bind(&columns.kinds)
            .bind(&columns.bodies)
            .bind(&trail.jobs)
            .bind(&trail.leases)
            .bind(&trail.at_ms)
            .bind(&trail.stages)
            .bind(&trail.events)
            .bind(trail.details.iter().map(|text| storable(text)).collect::<Vec<_>>())
            .bind(&trail.counts)
            .fetch_one(connection)
            .await?;
        Ok(match (row.try_get("mine")?, row.try_get("fresh")?) {
            (true, true) => Appended::Written,
            (true, false) => Appended::WrittenBefore,
            (false, _) => Appended::Deposed,
        })
    }
}

/// Text as PostgreSQL takes it, which has no place for the letter of number zero: the sign for it stands there.
fn storable(text: &str) -> String {
    text.replace('\0', "\u{2400}")
}

/// Tells which store the jobs' objects are in; `false` where another leads.
pub(super) struct NameStore<'a> {
    pub(super) epoch: Epoch,
    pub(super) farm: &'a str,
}

const NAME_STORE: &str = "\
WITH mine AS MATERIALIZED (
    SELECT epoch FROM leader WHERE epoch = $1 FOR SHARE
)
INSERT INTO store (farm) SELECT $2 FROM mine
ON CONFLICT (one) DO UPDATE SET farm = excluded.farm";

impl Statement for NameStore<'_> {
    type Answer = bool;

    async fn perform(&self, connection: &mut PgConnection) -> sqlx::Result<bool> {
        let Self { epoch, farm } = self;
        let named = sqlx::query(NAME_STORE).bind(epoch.0.cast_signed()).bind(*farm);
        Ok(named.execute(connection).await?.rows_affected() > 0)
    }
}

/// Takes the lead where it is free or was not renewed for `silent`; a time from beyond that in the future is
/// one of a clock that was set back, and counts as silence too. Two renewals that are missing are enough where the
/// leader's connection is gone as well, and not by a restart of the database: then its process is.
pub(super) struct Take<'a> {
    pub(super) holder: &'a str,
    pub(super) address: &'a str,
    pub(super) silent: Duration,
}

const TAKE: &str = "\
WITH taken AS (
    UPDATE leader
    SET epoch = epoch + 1, holder = $1, address = $2, renewed_at = clock_timestamp(),
        backend = pg_backend_pid(), backend_epoch = epoch + 1,
        backend_start = (SELECT backend_start FROM pg_stat_get_activity(pg_backend_pid()))
    WHERE holder = '' OR renewed_at NOT BETWEEN clock_timestamp() - make_interval(secs => $3)
        AND clock_timestamp() + make_interval(secs => $3)
    OR (
        backend_epoch = epoch AND backend_start >= pg_postmaster_start_time()
        AND renewed_at < clock_timestamp() - make_interval(secs => $3 * 2 / 5)
        AND NOT EXISTS (
            SELECT FROM pg_stat_get_activity(leader.backend) AS a
            WHERE a.backend_start IS NULL OR a.backend_start = leader.backend_start
        )
    )
    RETURNING epoch
), swept AS (
    DELETE FROM batch USING taken WHERE batch.epoch < taken.epoch
)
SELECT epoch FROM taken";

impl Statement for Take<'_> {
    type Answer = Option<Epoch>;

    async fn perform(&self, connection: &mut PgConnection) -> sqlx::Result<Option<Epoch>> {
        let taken: Option<i64> = sqlx::query_scalar(TAKE)
            .bind(self.holder)
            .bind(self.address)
            .bind(self.silent.as_secs_f64())
            .fetch_optional(connection)
            .await?;
        Ok(taken.map(|epoch| Epoch(epoch.cast_unsigned())))
    }
}

const RENEW: &str = "\
UPDATE leader
SET renewed_at = clock_timestamp(), backend = pg_backend_pid(), backend_epoch = epoch,
    backend_start = (SELECT backend_start FROM pg_stat_get_activity(pg_backend_pid()))
WHERE epoch = $1";

/// Renews the lead; `false` where it is another's.
pub(super) struct Renew {
    pub(super) epoch: Epoch,
}

impl Statement for Renew {
    type Answer = bool;

    async fn perform(&self, connection: &mut PgConnection) -> sqlx::Result<bool> {
        let renewed =
            sqlx::query(RENEW).bind(self.epoch.0.cast_signed()).execute(connection).await?;
        Ok(renewed.rows_affected() > 0)
    }
}

/// Gives the lead up: its epoch is over, and anybody may take the next.
pub(super) struct Resign {
    pub(super) epoch: Epoch,
}

impl Statement for Resign {
    type Answer = ();

    async fn perform(&self, connection: &mut PgConnection) -> sqlx::Result<()> {
        let resign = "UPDATE leader \
            SET epoch = epoch + 1, holder = '', address = '', renewed_at = '-infinity' WHERE epoch = $1";
        sqlx::query(resign).bind(self.epoch.0.cast_signed()).execute(connection).await?;
        Ok(())
    }
}

/// Reads who leads, if anybody.
pub(super) struct WhoLeads;

impl Statement for WhoLeads {
    type Answer = Option<Leader>;

    async fn perform(&self, connection: &mut PgConnection) -> sqlx::Result<Option<Leader>> {
        let row: (i64, String, String) =
            sqlx::query_as("SELECT epoch, holder, address FROM leader")
                .fetch_one(connection)
                .await?;
        let (epoch, holder, address) = row;
        let epoch = Epoch(epoch.cast_unsigned());
        Ok((!holder.is_empty()).then_some(Leader { epoch, holder, address }))
    }
}

/// What a database lacks to keep a journal, if anything.
pub(super) async fn wanting(connection: &mut PgConnection) -> sqlx::Result<Option<String>> {
    let (version, shown, encoding, copy): (i32, String, String, bool) = sqlx::query_as(
        "SELECT current_setting('server_version_num')::int4, current_setting('server_version'), \
         current_setting('server_encoding'), pg_is_in_recovery()",
    )
    .fetch_one(connection)
    .await?;
    Ok(if version < VERSION_MIN {
        Some(format!("it is PostgreSQL {shown}; 15 or newer is needed"))
    } else if encoding != "UTF8" {
        Some(format!("its encoding is {encoding}; make one by `createdb --encoding UTF8`"))
    } else {
        copy.then(|| "it is a copy that is only read; name the primary".to_owned())
    })
}
