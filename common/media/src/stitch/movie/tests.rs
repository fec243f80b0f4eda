//! A movie whose index outgrows the room that was kept for it.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::process::Command;

use cleanplate_types::access::Stored;
use cleanplate_types::frames::{FrameTable, TableOrigin};
use cleanplate_types::time::{Pts, Timebase};

use super::*;
use crate::clip::on_disk;

struct ToDisk(File);

impl PartSink for ToDisk {
    fn keep_head(&mut self, _bytes: u64) -> io::Result<()> {
        Ok(())
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all_at(bytes, offset)
    }

    fn finish(self: Box<Self>) -> io::Result<Stored> {
        Ok(Stored { bytes: self.0.metadata()?.len() })
    }
}

/// Copies `clip` as if it had `frames` frames.
fn copied(clip: &Path, output: &Path, frames: i64) -> Finished {
    let source = on_disk(clip);
    let mut input = Input::open(Arc::clone(&source), "clip.mp4").unwrap();
    let table = FrameTable {
        timebase: Timebase::new(1, 30).unwrap(),
        pts: (0..frames).map(Pts).collect(),
        last_duration: 1,
        entries: Vec::new(),
        origin: TableOrigin::Packets,
    };
    let plan = Plan {
        container: Container::Mp4,
        video: 0,
        stream: VideoStream::Copied,
        frames: Some(Frames::of(&table, 2, (100, 1))),
        input: &mut input,
        source: &source,
        allow_metadata_loss: false,
        conceal: false,
        record: "a test".to_owned(),
    };
    let sink = Box::new(ToDisk(File::create(output).unwrap()));
    let mut movie = Movie::begin(plan, sink).unwrap();
    let mut packet = libav::Packet::empty();
    while input.read(&mut packet).unwrap() {
        movie.copy(&input, &mut packet).unwrap();
        packet = libav::Packet::empty();
    }
    movie.finish().unwrap()
}

fn ffmpeg(arguments: &str, files: &[&Path]) -> Vec<u8> {
    let mut words: Vec<&str> = arguments.split(' ').collect();
    let mut files = files.iter();
    for word in &mut words {
        if *word == "{}" {
            *word = files.next().unwrap().to_str().unwrap();
        }
    }
    let output = Command::new("ffmpeg").args(words).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

#[test]
fn an_index_that_outgrows_its_room_stands_at_the_end_and_the_movie_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let clip = folder.path().join("clip.mp4");
    let make = "-nostdin -v error -f lavfi -i testsrc2=s=64x64:r=30:d=100 \
        -c:v libx264 -preset ultrafast -bf 2 {}";
    ffmpeg(make, &[&clip]);
    let hash = "-nostdin -v error -i {} -map 0 -c copy -f streamhash -";
    let expected = ffmpeg(hash, &[&clip]);
    for (frames, at_end) in [(3000, false), (1, true)] {
        let output = folder.path().join(format!("{frames}.mp4"));
        let finished = copied(&clip, &output, frames);
        assert_eq!(finished.notes.len(), usize::from(at_end), "{:?}", finished.notes);
        assert_eq!(ffmpeg(hash, &[&output]), expected);
        let bytes = std::fs::read(&output).unwrap();
        assert_eq!(bytes.len() as u64, finished.bytes);
        let index_bytes = finished.index_bytes.unwrap();
        let head = [&u32::try_from(index_bytes).unwrap().to_be_bytes()[..], b"moov"].concat();
        let at = bytes.windows(8).position(|window| window == head).unwrap();
        assert_eq!(at == bytes.len() - index_bytes, at_end, "at {at} of {}", bytes.len());
        assert_eq!(at < 64, !at_end, "at {at}");
        assert_eq!(finished.written[0].packets, 3000);
    }
}
