//! Where a muxer may write, and where an index stands in the end.

use super::*;

/// Keeps what is written.
struct Kept(Arc<Mutex<Vec<(u64, usize)>>>);

impl PartSink for Kept {
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut kept = self.0.lock().map_err(|_poisoned| io::ErrorKind::Other)?;
        kept.push((offset, bytes.len()));
        Ok(())
    }

    fn finish(self: Box<Self>) -> io::Result<Stored> {
        Ok(Stored { bytes: 0 })
    }
}

#[test]
fn a_muxer_writes_at_the_end_and_in_the_head_and_nowhere_else() {
    let written = Arc::default();
    let mut sink = Shared::new(Box::new(Kept(Arc::clone(&written))), false);
    let half = vec![0; usize::try_from(HEAD_BYTES / 2).unwrap()];
    for _ in 0..3 {
        sink.write_all(&half).unwrap();
    }
    sink.seek(SeekFrom::Start(HEAD_BYTES - 4)).unwrap();
    sink.write_all(&[1; 4]).unwrap();
    assert_eq!(written.lock().unwrap().last(), Some(&(HEAD_BYTES - 4, 4)));
    sink.write_all(&[1; 4]).unwrap_err();
    let error = sink.taken_error().unwrap();
    assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    sink.append(&[1; 4]).unwrap();
    sink.finish().unwrap();
    assert_eq!(written.lock().unwrap().last(), Some(&(3 * HEAD_BYTES / 2, 4)));
}

#[test]
fn late_patches_fall_away_where_the_container_is_whole_without_them() {
    let written = Arc::default();
    let mut sink = Shared::new(Box::new(Kept(Arc::clone(&written))), true);
    sink.write_all(&vec![0; usize::try_from(HEAD_BYTES).unwrap() + 100]).unwrap();
    sink.seek(SeekFrom::Start(HEAD_BYTES + 10)).unwrap();
    sink.write_all(&[1; 20]).unwrap();
    sink.seek(SeekFrom::End(0)).unwrap();
    sink.write_all(&[1; 5]).unwrap();
    sink.finish().unwrap();
    let before = usize::try_from(HEAD_BYTES).unwrap() + 100;
    assert_eq!(*written.lock().unwrap(), [(0, before), (HEAD_BYTES + 100, 5)]);
}

/// A movie of `media` bytes behind a room of 100, whose muxer ends with an index of `bytes`.
fn ended(bytes: u32, media: usize) -> (Vec<u8>, Placed) {
    let written = Arc::new(Mutex::new(Vec::new()));
    let mut sink = Shared::new(Box::new(InMemory(Arc::clone(&written))), false);
    sink.write_all(b"ftyp").unwrap();
    sink.seek(SeekFrom::Start(104)).unwrap();
    sink.write_all(&vec![7; media]).unwrap();
    sink.catch_index();
    // The muxer patches its media's size first.
    sink.seek(SeekFrom::Start(104)).unwrap();
    sink.write_all(&[8]).unwrap();
    sink.seek(SeekFrom::Start(4)).unwrap();
    sink.write_all(&[0, 0, 0, 0, b'm', b'o', b'o', b'v']).unwrap();
    sink.write_all(&vec![1; bytes as usize - 8]).unwrap();
    sink.seek(SeekFrom::Start(4)).unwrap();
    sink.write_all(&bytes.to_be_bytes()).unwrap();
    sink.seek(SeekFrom::Start(4 + u64::from(bytes))).unwrap();
    if bytes <= 92 {
        sink.write_all(&vec![0; 100 - bytes as usize]).unwrap();
        sink.seek(SeekFrom::Start(104 + media as u64)).unwrap();
    }
    let (placed, index_bytes) = sink.place_index().unwrap().unwrap();
    assert_eq!(index_bytes, bytes as usize);
    sink.append(b"end").unwrap();
    sink.finish().unwrap();
    let bytes = written.lock().unwrap().clone();
    (bytes, placed)
}

struct InMemory(Arc<Mutex<Vec<u8>>>);

impl PartSink for InMemory {
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut all = self.0.lock().map_err(|_poisoned| io::ErrorKind::Other)?;
        let at = usize::try_from(offset).map_err(io::Error::other)?;
        let after = (at + bytes.len()).max(all.len());
        all.resize(after, 0);
        all[at..at + bytes.len()].copy_from_slice(bytes);
        Ok(())
    }

    fn finish(self: Box<Self>) -> io::Result<Stored> {
        Ok(Stored { bytes: 0 })
    }
}

#[test]
fn an_index_that_fits_stands_in_its_room_and_what_is_left_is_an_empty_box() {
    for bytes in [8, 60, 92] {
        let (movie, placed) = ended(bytes, 30);
        assert_eq!(placed, Placed::InFront);
        let end = 4 + bytes as usize;
        assert_eq!(movie[4..12], [&bytes.to_be_bytes()[..], b"moov"].concat());
        assert_eq!(movie[end..end + 8], [&(100 - bytes).to_be_bytes()[..], b"free"].concat());
        assert_eq!(movie[104..], [&[8][..], &[7; 29], b"end"].concat());
    }
}

#[test]
fn an_index_that_does_not_fit_stands_at_the_end_and_its_room_is_an_empty_box() {
    // Too long for the room; too long to leave a box; longer than the whole movie so far.
    for (bytes, media) in [(101, 300), (95, 300), (600, 30)] {
        let (movie, placed) = ended(bytes, media);
        assert_eq!(placed, Placed::AtEnd, "{bytes}");
        assert_eq!(movie[4..12], [&100_u32.to_be_bytes()[..], b"free"].concat());
        assert_eq!(movie[104], 8);
        let index = 104 + media;
        assert_eq!(movie[index..index + 8], [&bytes.to_be_bytes()[..], b"moov"].concat());
        assert_eq!(movie[index + bytes as usize..], *b"end");
    }
}
