//! The parsers of strangers' bytes that are Rust and no libav, each behind one door, for whoever tries them with made-up
//! bytes. Owns nothing; refuses to open a decoder or a demuxer.

use std::io;
use std::sync::Arc;

use cleanplate_types::access::ReadAt;

use crate::adts;
use crate::index;
use crate::scan::headers::Headers;
use crate::sequence::own_sets;

/// Bytes in memory, as a source.
struct Bytes(Vec<u8>);

impl ReadAt for Bytes {
    fn size(&self) -> u64 {
        self.0.len() as u64
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let at = usize::try_from(offset).unwrap_or(usize::MAX).min(self.0.len());
        let rest = self.0.get(at..).unwrap_or_default();
        let count = rest.len().min(buffer.len());
        for (target, byte) in buffer.iter_mut().zip(rest) {
            *target = *byte;
        }
        Ok(count)
    }
}

/// Reads the index of an MP4 or MOV in every way in which it is read.
pub fn read_index(bytes: Vec<u8>) {
    let source: Arc<dyn ReadAt> = Arc::new(Bytes(bytes));
    index::look_through(&source);
}

/// Reads the headers of two packets of `codec`, its configuration `extradata` first.
pub fn read_packets(codec: &str, extradata: &[u8], packets: [&[u8]; 2]) {
    let mut headers = Headers::of(codec, extradata);
    own_sets(codec, extradata);
    for (packet, key) in packets.into_iter().zip([true, false]) {
        headers.look(packet, key);
        if adts::is_synced(packet) {
            adts::fault_of(packet);
        }
    }
}
