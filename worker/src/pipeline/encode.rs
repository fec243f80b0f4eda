//! Encoding: one encoder for each cell, so that a cell's bytes depend on nothing but its frames and
//! the `EncodeSpec`. A cell that the contract copies has the source's own packets instead; its frames are
//! decoded all the same, since borders and audits go by their hashes.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender};

use cleanplate_media::encode::{CellEncoder, EncodedPacket, OPENING};
use cleanplate_media::error::MediaError;
use cleanplate_media::own::OwnPackets;
use cleanplate_media::sequence::in_band_sets;
use cleanplate_types::cell::Cell;
use cleanplate_types::digest::FrameHash;
use cleanplate_types::encode::EncodeSpec;
use cleanplate_types::failure::{Failure, FailureKind, Stage};
use cleanplate_types::frames::FrameRange;
use cleanplate_types::part::{PacketRow, Restored};
use cleanplate_types::trail::TrailEvent;

use super::{Frame, Segment, forge};
use crate::engine::OpenCard;

/// Size in bytes from which a bundle of packets is handed on: the most that one message to the
/// parent carries.
const BUNDLE_BYTES: usize = 1 << 20;

/// Memory of a card in bytes with which an encoder surely opens: one of 2160p in 10 bits, whose 20 surfaces or so
/// have 24 MiB each, takes half of it.
const SESSION_BYTES: u64 = 1 << 30;

/// What the encoder hands on.
#[derive(Debug)]
pub(super) enum Bundle {
    /// A cell begins.
    Begin {
        /// Which.
        cell: Cell,
        /// The encoder's parameter sets.
        extradata: Vec<u8>,
    },
    /// Packets of the cell, in coding order.
    Packets {
        /// What is known of each.
        rows: Vec<PacketRow>,
        /// Their bytes.
        data: Vec<u8>,
    },
    /// The cell is complete.
    End {
        /// What its frames were.
        log: CellLog,
    },
}

/// Encodes the segment's cells one after another.
pub(super) fn run(
    segment: &Segment,
    clean: &Receiver<Frame>,
    bundles: SyncSender<Bundle>,
) -> Result<(), Failure> {
    let Segment { desk, brief, cells, .. } = segment;
    let spec = &brief.spec;
    let attempted = format!(
        "{} attempted: {}x{} {}, preset {}, {:?}, build {}",
        spec.encoder.name,
        spec.width,
        spec.height,
        spec.layout.name,
        spec.preset,
        spec.quality,
        spec.encoder.build
    );
    desk.trail(Stage::Encode, TrailEvent::Started, attempted, None);
    let mut outlet = Outlet { bundles, rows: Vec::new(), data: Vec::new() };
    let mut done = Done::default();
    let mut way = String::new();
    let mut own = None;
    for cell in cells {
        if spec.copies(cell.index) {
            if !copy_cell(segment, cell, (clean, &mut own), (&mut outlet, &mut done))? {
                return Ok(());
            }
            continue;
        }
        let instead = forge::spec_instead(spec, cell.index);
        let spec = instead.as_ref().unwrap_or(spec);
        let pool = segment.card.as_ref().and_then(OpenCard::pool).filter(|_| instead.is_none());
        let encoder = match pool {
            Some(pool) => CellEncoder::open_on_card(spec, pool),
            None => CellEncoder::open(spec, desk.order().means.card),
        };
        let encoder = encoder.map_err(|error| unopened(segment, cell, &error))?;
        let encoder = encoder.starting_at(cell.frames.start);
        if way.is_empty() {
            way = encoder.way();
            desk.trail(Stage::Encode, TrailEvent::Started, format!("opened: {way}"), None);
        }
        let work = Work { cell, spec, encoder };
        if !encode_cell(segment, work, clean, (&mut outlet, &mut done))? {
            return Ok(());
        }
    }
    let Done { frames, copied, captions_left_out, dynamic_hdr_left_out } = done;
    if dynamic_hdr_left_out > 0 {
        let text = format!("the HDR metadata of {dynamic_hdr_left_out} single frames are left out");
        desk.trail(Stage::Encode, TrailEvent::Fallback, text, Some(dynamic_hdr_left_out));
    }
    if captions_left_out > 0 {
        let codec = spec.encoder.name.codec().for_people();
        let text = format!(
            "{codec} has no place for the closed captions, active format or 3D packing of {captions_left_out} frames: they are left out"
        );
        desk.trail(Stage::Encode, TrailEvent::Fallback, text, Some(captions_left_out));
    }
    let way = if way.is_empty() { "nothing to encode".to_owned() } else { way };
    let own = match copied {
        (0, _) => String::new(),
        (cells, packets) => format!(", {cells} of them the source's own {packets} packets"),
    };
    let text = format!("{way}; {} cells{own}", cells.len());
    desk.trail(Stage::Encode, TrailEvent::Finished, text, Some(frames));
    Ok(())
}

/// What the frames of a cell were, before they were encoded.
#[derive(Debug, Default)]
pub(super) struct CellLog {
    /// The hash of each as it was decoded.
    pub(super) decoded: Vec<FrameHash>,
    /// The hash of what the plan does not cover of each.
    pub(super) outside: Vec<FrameHash>,
    /// Where the clean samples come from.
    pub(super) restored: Restored,
    /// The hash of the decoded frame before the first, where the decoder showed it.
    pub(super) before: Option<FrameHash>,
}

impl CellLog {
    fn add(&mut self, frame: &Frame) {
        if self.decoded.is_empty() {
            self.before = frame.before;
        }
        self.decoded.push(frame.hash);
        self.outside.push(frame.outside);
        self.restored.add(&frame.restored);
    }
}

/// What has been encoded.
#[derive(Default)]
struct Done {
    frames: u64,
    /// Cells that are the source's own packets, and those packets.
    copied: (u64, u64),
    /// Frames whose closed captions the codec has no place for.
    captions_left_out: u64,
    /// Frames whose own HDR metadata are left out.
    dynamic_hdr_left_out: u64,
}

/// A cell and who encodes it.
struct Work<'a> {
    cell: &'a Cell,
    spec: &'a EncodeSpec,
    encoder: CellEncoder,
}

/// Encodes one cell; `false` where a neighbour has gone, which reports why itself.
fn encode_cell(
    segment: &Segment,
    Work { cell, spec, mut encoder }: Work<'_>,
    clean: &Receiver<Frame>,
    (outlet, done): (&mut Outlet, &mut Done),
) -> Result<bool, Failure> {
    let extradata = encoder.extradata().to_vec();
    if outlet.bundles.send(Bundle::Begin { cell: cell.clone(), extradata }).is_err() {
        return Ok(false);
    }
    let sets = spec.has_sets_in_band();
    let sets = sets.then(|| in_band_sets(spec.encoder.name, encoder.extradata()));
    let sets = sets.unwrap_or_default();
    let mut log = CellLog::default();
    for index in cell.frames.start..cell.frames.end {
        let Ok(frame) = clean.recv() else { return Ok(false) };
        due(&frame, index, cell)?;
        log.add(&frame);
        let picture = forge::fitting(frame.picture, spec).map_err(|error| of_cell(&error, cell))?;
        encoder
            .encode(picture, &mut |packet| outlet.take(&packet, &sets))
            .map_err(|error| of_cell(&error, cell))?;
        if !segment.brief.allow_metadata_loss {
            refuse_loss(&encoder, spec, index)?;
        }
        done.frames += 1;
        segment.desk.progress(done.frames);
    }
    done.captions_left_out += encoder.captions_left_out();
    done.dynamic_hdr_left_out += encoder.dynamic_hdr_left_out();
    let finished = encoder.finish(&mut |packet| outlet.take(&packet, &sets));
    finished.map_err(|error| of_cell(&error, cell))?;
    Ok(outlet.flush().is_ok() && outlet.bundles.send(Bundle::End { log }).is_ok())
}

/// Takes the packets of one cell from the source; `false` where a neighbour has gone, which reports why itself.
fn copy_cell(
    segment: &Segment,
    cell: &Cell,
    (clean, own): (&Receiver<Frame>, &mut Option<OwnPackets>),
    (outlet, done): (&mut Outlet, &mut Done),
) -> Result<bool, Failure> {
    let failed = |error: &MediaError| of_cell(error, cell);
    let mut log = CellLog::default();
    for index in cell.frames.start..cell.frames.end {
        let Ok(frame) = clean.recv() else { return Ok(false) };
        due(&frame, index, cell)?;
        if frame.touched {
            let text =
                format!("frame {index} shows an overlay, and its cell is to be the source's own");
            let failure = Failure::new(FailureKind::Internal, Stage::Encode, text);
            return Err(failure.at(cell.frames));
        }
        log.add(&frame);
        done.frames += 1;
        segment.desk.progress(done.frames);
    }
    let own = match own {
        Some(own) => own,
        None => own.insert(segment.own_packets().map_err(|error| failed(&error))?),
    };
    let extradata = own.extradata().to_vec();
    if outlet.bundles.send(Bundle::Begin { cell: cell.clone(), extradata }).is_err() {
        return Ok(false);
    }
    own.cell(cell.frames, &mut |packet| outlet.take(&packet, &[]))
        .map_err(|error| failed(&error))?;
    done.copied.0 += 1;
    done.copied.1 += cell.frames.count();
    Ok(outlet.flush().is_ok() && outlet.bundles.send(Bundle::End { log }).is_ok())
}

impl Segment {
    /// The source, for its packets.
    fn own_packets(&self) -> Result<OwnPackets, MediaError> {
        let (source, table) = (Arc::clone(&self.source), Arc::clone(&self.table));
        let hint = &self.desk.order().name_hint;
        OwnPackets::open(source, hint, &self.brief.description, table, &self.brief.spec)
    }
}

/// Insists that `frame` is the one at `index`.
fn due(frame: &Frame, index: u64, cell: &Cell) -> Result<(), Failure> {
    if frame.index == index {
        return Ok(());
    }
    let text = format!("frame {} came where frame {index} is due", frame.index);
    Err(Failure::new(FailureKind::Internal, Stage::Encode, text).at(cell.frames))
}

/// Refuses to lose what the frame at `index`, which the encoder took last, carries beside its picture: intake has
/// seen the first frame of the source alone.
fn refuse_loss(encoder: &CellEncoder, spec: &EncodeSpec, index: u64) -> Result<(), Failure> {
    let codec = spec.encoder.name.codec().for_people();
    let lost = if encoder.dynamic_hdr_left_out() > 0 {
        "HDR metadata of its own (HDR10+, Dolby Vision or the like), which a new encode loses"
            .to_owned()
    } else if encoder.captions_left_out() > 0 {
        format!("closed captions, an active format or a 3D packing, for which {codec} has no place")
    } else {
        return Ok(());
    };
    let text = format!("frame {index} carries {lost}; --allow-metadata-loss accepts that");
    let failure = Failure::new(FailureKind::BadRequest, Stage::Encode, text);
    Err(failure.at(FrameRange::new(index, index + 1)))
}

/// Gathers packets into bundles.
struct Outlet {
    bundles: SyncSender<Bundle>,
    rows: Vec<PacketRow>,
    data: Vec<u8>,
}

impl Outlet {
    /// Takes a packet; a key frame gets `sets` in front.
    fn take(&mut self, packet: &EncodedPacket<'_>, sets: &[u8]) -> Result<(), MediaError> {
        let sets = if packet.key { sets } else { &[] };
        let bytes = u32::try_from(sets.len().saturating_add(packet.data.len()))
            .map_err(|_over| MediaError::Internal("a packet of 4 GiB".to_owned()))?;
        self.rows.push(PacketRow { pts: packet.pts, bytes, key: packet.key });
        self.data.extend_from_slice(sets);
        self.data.extend_from_slice(packet.data);
        if self.data.len() < BUNDLE_BYTES { Ok(()) } else { self.flush() }
    }

    fn flush(&mut self) -> Result<(), MediaError> {
        if self.rows.is_empty() {
            return Ok(());
        }
        let bundle = Bundle::Packets {
            rows: std::mem::take(&mut self.rows),
            data: std::mem::take(&mut self.data),
        };
        // Its own failure was kept before it let go, and is the one that counts.
        self.bundles.send(bundle).map_err(|_gone| MediaError::Internal("nobody uploads".to_owned()))
    }
}

/// What a card's encoder that does not open for want of memory really lacks, where `free_bytes` of the card's are
/// free: a session. It is then this machine's matter, and neither the encoder's nor the cell's.
fn no_session(error: &MediaError, free_bytes: u64) -> Option<String> {
    let words = "OpenEncodeSessionEx failed: out of memory";
    let is_memory = matches!(
        error,
        MediaError::Encode { doing: OPENING, words: said, .. } if said.mention(words)
    );
    (is_memory && free_bytes >= SESSION_BYTES).then(|| {
        format!(
            "the driver has no encoder session left on this machine, where other programs may hold some ({} MiB of \
             the card's memory are free, so it is not that); encoder.sessions says how many may be used: {error}",
            free_bytes >> 20
        )
    })
}

fn unopened(segment: &Segment, cell: &Cell, error: &MediaError) -> Failure {
    let memory = segment.card.as_ref().and_then(|card| card.device().memory().ok());
    match memory.and_then(|memory| no_session(error, memory.free_bytes)) {
        Some(text) => Failure::new(FailureKind::WorkerLacks, Stage::Encode, text).at(cell.frames),
        None => of_cell(error, cell),
    }
}

fn of_cell(error: &MediaError, cell: &Cell) -> Failure {
    let failure = error.failure(Stage::Encode);
    if failure.frames.is_none() { failure.at(cell.frames) } else { failure }
}

#[cfg(test)]
mod tests {
    use cleanplate_media::error::Words;

    use super::*;

    fn refused(doing: &'static str, line: &str) -> MediaError {
        let meaning = "Cannot allocate memory".to_owned();
        let words = Words { code: -12, meaning, lines: vec![line.to_owned()] };
        MediaError::Encode { encoder: "h264_nvenc".to_owned(), doing, words }
    }

    #[test]
    fn an_encoder_that_is_out_of_memory_where_memory_is_free_lacks_a_session() {
        let line = "OpenEncodeSessionEx failed: out of memory (10): (no details)";
        let told = no_session(&refused(OPENING, line), 20 << 30).unwrap();
        assert!(told.contains("no encoder session left") && told.contains("20480 MiB"), "{told}");
        assert!(told.contains(line), "libav's words are kept: {told}");
        assert_eq!(no_session(&refused(OPENING, line), 200 << 20), None, "memory is what it lacks");
        assert_eq!(no_session(&refused("encoding", line), 20 << 30), None);
        let other = "OpenEncodeSessionEx failed: unsupported device (2): (no details)";
        assert_eq!(no_session(&refused(OPENING, other), 20 << 30), None);
    }
}
