//! Prints what intake finds in the files named: one line each, for comparison with other tools.
//!
//! `cargo run -p cleanplate-media --example table -- [--conceal] [--decode] FILE...`

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use cleanplate_media::decode::{DecodeOrder, Decoder, PreRoll};
use cleanplate_media::scan::{ScanOrder, Scanned, scan};
use cleanplate_types::access::ReadAt;
use cleanplate_types::frames::{EntryKind, TableOrigin};

/// A file of the local disk.
struct Local(File, u64);

impl ReadAt for Local {
    fn size(&self) -> u64 {
        self.1
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read_at(buffer, offset)
    }
}

#[expect(clippy::print_stdout, reason = "printing is what an example is for")]
fn main() -> io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let has = |flag: &str| arguments.iter().any(|argument| argument == flag);
    let (conceal, decode) = (has("--conceal"), has("--decode"));
    for path in arguments.iter().filter(|argument| !argument.starts_with("--")) {
        let file = File::open(path)?;
        let size = file.metadata()?.len();
        let source: Arc<dyn ReadAt> = Arc::new(Local(file, size));
        let order = ScanOrder { conceal, threads: 1, ..ScanOrder::default() };
        match scan(Arc::clone(&source), path, &order, &mut |_frames| ()) {
            Ok(scanned) => {
                println!("{path}\t{}", told(&scanned));
                scanned.notes.iter().for_each(|note| println!("\tnote: {note}"));
                if decode {
                    println!("\tdecode: {}", decoded(source, path, &scanned, conceal));
                }
            }
            Err(error) => println!("{path}\terror\t{error}"),
        }
    }
    Ok(())
}

fn told(scanned: &Scanned) -> String {
    let table = &scanned.table;
    let count = |kind| table.entries.iter().filter(|entry| entry.kind == kind).count();
    let origin = match &table.origin {
        TableOrigin::Packets => "packets".to_owned(),
        TableOrigin::Index => "index".to_owned(),
        TableOrigin::Decoded { reason } => format!("decoded: {reason}"),
    };
    let at = |place: Option<&cleanplate_types::time::Pts>| place.map_or(0, |pts| pts.0);
    format!(
        "{}\t{}\t{}\t{}\tidr {} recovery {} unknown {}\t{origin}",
        table.pts.len(),
        at(table.pts.first()),
        at(table.pts.last()),
        table.timebase,
        count(EntryKind::Idr),
        count(EntryKind::Recovery),
        count(EntryKind::Unknown),
    )
}

/// Decodes the middle third and says how that went.
fn decoded(source: Arc<dyn ReadAt>, path: &str, scanned: &Scanned, conceal: bool) -> String {
    let table = Arc::new(scanned.table.clone());
    let count = table.range().end;
    let range = cleanplate_types::frames::FrameRange::new(count / 3, (2 * count).div_ceil(3));
    let order =
        DecodeOrder { range, threads: 1, card: None, conceal, pre_roll: PreRoll::default() };
    let mut shown = 0;
    let opened = Decoder::open(source, path, &scanned.description, table, order);
    let mut decoder = match opened {
        Ok(decoder) => decoder,
        Err(error) => return format!("error: {error}"),
    };
    loop {
        match decoder.next() {
            Ok(Some(_)) => shown += 1,
            Ok(None) => break,
            Err(error) => return format!("error after {shown} frames of {range}: {error}"),
        }
    }
    format!("{shown} frames of {range}, {} decoded, {}", decoder.frames_decoded(), decoder.way())
}
