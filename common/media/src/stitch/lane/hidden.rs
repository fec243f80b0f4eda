//! Sound that a source keeps but does not let be heard: an encoder's priming, what an edit list cuts off.
//!
//! Owns what of it a container cannot say. Refuses to drop it: packets stay what they are.

use ffmpeg_next as libav;
use libav::codec::packet::side_data::Type::SkipSamples;

use crate::container::Container;

/// `AV_PKT_FLAG_DISCARD`.
const DISCARD: i32 = 1 << 2;

/// What has been hidden so far of one stream of sound.
#[derive(Debug)]
pub(super) struct Hidden {
    container: Container,
    /// Whether the movie hides the start.
    hides_start: bool,
    /// Whether the movie hides the end.
    hides_end: bool,
    packets: u64,
    start_samples: u64,
    end_samples: u64,
}

impl Hidden {
    /// `has_place`: Matroska has a place of its own for the priming of this sound.
    pub(super) const fn in_container(container: Container, has_place: bool) -> Self {
        Self {
            container,
            // What comes before tick 0 is hidden by an edit list.
            hides_start: container.is_boxed() || (container.is_matroska() && has_place),
            hides_end: container.is_matroska(),
            packets: 0,
            start_samples: 0,
            end_samples: 0,
        }
    }

    /// Looks at a packet of the source.
    pub(super) fn hear(&mut self, packet: &libav::Packet) {
        if packet.flags().bits() & DISCARD != 0 {
            self.packets += 1;
            return;
        }
        let Some(skip) = packet.side_data().find(|data| data.kind() == SkipSamples) else { return };
        let word = |at: usize| {
            let bytes = skip.data().get(at..at + 4).and_then(|bytes| bytes.try_into().ok());
            u64::from(bytes.map_or(0, u32::from_le_bytes))
        };
        self.start_samples += word(0);
        self.end_samples += word(4);
    }

    /// What is hidden in the source and not in the movie.
    pub(super) fn uncovered(&self) -> Option<String> {
        let mut parts = Vec::new();
        if !self.hides_start && self.packets > 0 {
            parts.push(format!("{} whole packets", self.packets));
        }
        if !self.hides_start && self.start_samples > 0 {
            parts.push(format!("{} samples at the start", self.start_samples));
        }
        if !self.hides_end && self.end_samples > 0 {
            parts.push(format!("{} samples at the end", self.end_samples));
        }
        let name = self.container.name();
        (!parts.is_empty()).then(|| {
            format!("the source hides {} of its sound, which {name} cannot", parts.join(" and "))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_hidden_is_told_only_where_the_movie_cannot_hide_it() {
        let told = |container, has_place| {
            let mut hidden = Hidden::in_container(container, has_place);
            (hidden.start_samples, hidden.end_samples, hidden.packets) = (1024, 576, 2);
            hidden.uncovered().unwrap_or_default()
        };
        let mkv = told(Container::Mkv, false);
        assert!(mkv.contains("2 whole packets and 1024 samples at the start of"), "{mkv}");
        assert_eq!(told(Container::Webm, true), "");
        let mp4 = told(Container::Mp4, false);
        assert!(mp4.contains("hides 576 samples at the end of its sound, which mp4"), "{mp4}");
        assert!(told(Container::Ts { timed: false }, false).contains("2 whole packets and 1024"));
    }
}
