//! Intake: what the source is, and the table of its frames. Refuses, before any work, a source that
//! the output could not carry.

use std::io;

use cleanplate_child::escape;
use cleanplate_media::container;
use cleanplate_media::fault::{self, faults};
use cleanplate_media::index::IndexUse;
use cleanplate_media::scan::{ScanOrder, Scanned, scan_keeping};
use cleanplate_store::kinds;
use cleanplate_types::choice::{asks_for_webm, software_encoder};
use cleanplate_types::encode::VideoCodec;
use cleanplate_types::failure::{Failure, FailureKind, Stage};
use cleanplate_types::frames::TableOrigin;
use cleanplate_types::request::EncoderChoice;
use cleanplate_types::source::{SourceDescription, VideoDescription};
use cleanplate_types::trail::TrailEvent;

use crate::engine::Desk;
use crate::order::{DESCRIPTION, Intake, Outcome, REST, TABLE};

/// Looks at the source, stores its description, its table, and what it reads of its other streams.
///
/// # Errors
/// Why the source, or the output that is wanted of it, cannot be.
pub(super) fn run(desk: &Desk, intake: &Intake) -> Result<Outcome, Failure> {
    let order = desk.order();
    let source = desk.source()?;
    let bytes = source.size();
    tell_escape(desk);
    fault::strike(Stage::Intake, source.as_ref());
    let reading = format!("reading {}", named(&order.name_hint));
    desk.trail(Stage::Intake, TrailEvent::Started, reading, Some(bytes));
    let how = ScanOrder {
        decode_all: intake.decode_all.clone().or_else(|| to_find_damage(intake)),
        conceal: intake.conceal,
        threads: order.means.threads,
        index: if intake.read_packets { IndexUse::Never } else { IndexUse::default() },
        is_far: intake.is_far,
        drawn_for: intake.drawn_for,
        limits: order.means.source,
    };
    // What the parent hears of a failed write is the store's own reason.
    let mut keep = || desk.create(REST).map_err(|failure| io::Error::other(failure.message));
    let mut progress = |frames| desk.progress(frames);
    let scanned = scan_keeping(source, &order.name_hint, &how, Some(&mut keep), &mut progress)
        .map_err(|error| error.failure(Stage::Intake))?;
    let Scanned { description, table, has_rest, spoilt, notes } = &scanned;
    table.check().map_err(|error| refused(FailureKind::BadInput, error.to_string()))?;
    let mut notes = notes.clone();
    notes.extend(dynamic_hdr(description, intake.allow_metadata_loss)?);
    notes.extend(alpha(description, intake.allow_metadata_loss)?);
    let codec = output_codec(&description.video, intake);
    let allowed = intake.allow_metadata_loss;
    let held = container::check(description, table, &intake.output, codec, allowed);
    notes.extend(held.map_err(|error| error.failure(Stage::Intake))?);
    let told = container::check_spoilt(description, &intake.output, spoilt, intake.conceal);
    notes.extend(told.map_err(|error| error.failure(Stage::Intake))?);
    desk.save(DESCRIPTION, kinds::DESCRIPTION, description)?;
    desk.save(TABLE, kinds::TABLE, table)?;
    let frames = table.range().count();
    let mut remarks = vec![specification(description), origin(&table.origin)];
    remarks.extend(notes.iter().cloned());
    desk.trail(Stage::Intake, TrailEvent::Finished, remarks.join("; "), Some(frames));
    Ok(Outcome::Intake { frames, has_rest: *has_rest, notes })
}

/// Tries the ways out of this process where a test asks for it, and writes into the trail which are open.
fn tell_escape(desk: &Desk) {
    let Some((listener, folder)) = &faults().escape else { return };
    let attempts = escape(*listener, folder);
    let told = attempts.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
    desk.trail(Stage::Intake, TrailEvent::Started, format!("escape: {told}"), None);
}

/// Why everything is decoded where damage is concealed: packets do not show which pictures are
/// damaged, nor which of those a decoder leaves out.
fn to_find_damage(intake: &Intake) -> Option<String> {
    intake.conceal.then(|| "damage is concealed, and only decoding finds it".to_owned())
}

fn refused(kind: FailureKind, text: String) -> Failure {
    Failure::new(kind, Stage::Intake, text)
}

const fn named(hint: &str) -> &str {
    if hint.is_empty() { "the source" } else { hint }
}

/// Metadata that belongs to single frames and that a new encode does not carry: refused, or a note.
fn dynamic_hdr(description: &SourceDescription, allowed: bool) -> Result<Option<String>, Failure> {
    let kinds = &description.video.dynamic_hdr;
    if kinds.is_empty() {
        return Ok(None);
    }
    let kinds = kinds.join(" and ");
    if allowed {
        return Ok(Some(format!("{kinds} metadata is lost")));
    }
    let text = format!(
        "the source carries {kinds} metadata for single frames, which a new encode loses; \
         --allow-metadata-loss accepts that"
    );
    Err(refused(FailureKind::BadRequest, text))
}

/// Alpha beside the pictures, which no encoder here takes: refused, or a note.
fn alpha(description: &SourceDescription, allowed: bool) -> Result<Option<String>, Failure> {
    if !description.video.alpha {
        return Ok(None);
    }
    if allowed {
        return Ok(Some("the alpha of the pictures is lost: they become opaque".to_owned()));
    }
    let text = "the source's pictures have alpha, which a new encode loses: they would become opaque; \
                --allow-metadata-loss accepts that";
    Err(refused(FailureKind::BadRequest, text.to_owned()))
}

/// The codec that the movie will have: planning, which knows the fleet, goes by the same rule.
fn output_codec(video: &VideoDescription, intake: &Intake) -> VideoCodec {
    match intake.encoder {
        EncoderChoice::Named(name) => name.codec(),
        // Where no encoder takes the source, planning says so, and no container is to be blamed before.
        EncoderChoice::Auto => match software_encoder(video, &intake.output, intake.lossless) {
            Some(name) => name.codec(),
            None if asks_for_webm(&intake.output) => VideoCodec::Vp9,
            None => VideoCodec::Hevc,
        },
    }
}

/// The video in words.
pub(super) fn specification(description: &SourceDescription) -> String {
    let video = &description.video;
    let (num, den) = video.frame_rate;
    format!(
        "{} {}x{} {}, {num}/{den} frames a second, timebase {}, in {}",
        video.codec,
        video.width,
        video.height,
        video.layout.name,
        video.timebase,
        description.container
    )
}

fn origin(origin: &TableOrigin) -> String {
    match origin {
        TableOrigin::Packets => "table from packets".to_owned(),
        TableOrigin::Index => "table from the container's index".to_owned(),
        TableOrigin::Decoded { reason } => format!("table by decoding: {reason}"),
    }
}
