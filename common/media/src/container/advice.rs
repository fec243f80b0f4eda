//! What a refusal advises: another container, where one holds what was asked for.
//!
//! Owns one rule: advice is given only where the same check would accept it, times and streams together, so that
//! nobody is sent in a circle.

use cleanplate_types::choice::software_encoder;
use cleanplate_types::encode::{EncoderName, VideoCodec};
use cleanplate_types::frames::FrameTable;
use cleanplate_types::source::SourceDescription;

use super::{Container, holds_video, losses, times};

/// Containers to be advised, in groups: the next one only where nothing of the one before holds it.
const GROUPS: [&[Container]; 2] =
    [&[Container::Mkv, Container::Mp4, Container::Mov], &[Container::Ts { timed: false }]];

const ALLOW: &str = "--allow-metadata-loss";

/// What is to be held.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted<'a> {
    pub(super) description: &'a SourceDescription,
    pub(super) table: &'a FrameTable,
    pub(super) codec: VideoCodec,
}

impl Wanted<'_> {
    /// What to do where something would be lost.
    pub(super) fn for_losses(self) -> String {
        match self.holding(|container, codec| self.loses(container, codec).is_empty()) {
            Some(names) => format!("{names}, or leave that out with {ALLOW}"),
            None => format!("no container holds all of it: leave that out with {ALLOW}"),
        }
    }

    /// What to do where times would be moved. `may_lose`: losses are allowed already.
    pub(super) fn for_times(self, may_lose: bool) -> String {
        let keeps_all = |container, codec| may_lose || self.loses(container, codec).is_empty();
        if let Some(names) = self.holding(keeps_all) {
            return names;
        }
        match self.holding(|_container, _codec| true) {
            Some(names) => format!("{names}, with {ALLOW}: it cannot hold all the rest"),
            None => "no container that is written here holds these times".to_owned(),
        }
    }

    /// What to do where the container has no place for the codec.
    pub(super) fn for_codec(self, container: Container, may_lose: bool) -> String {
        let other = self.for_times(may_lose);
        let takes_vp9 = container == Container::Webm && times::fit(container, self.table).is_ok();
        let keeps_all = may_lose || self.loses(container, VideoCodec::Vp9).is_empty();
        if takes_vp9 && keeps_all { format!("{other}, or use --encoder libvpx-vp9") } else { other }
    }

    fn loses(self, container: Container, codec: VideoCodec) -> Vec<String> {
        losses(container, self.description, codec)
    }

    /// What `--encoder auto` puts into anything but `.webm`, where pictures must come back exactly and where not:
    /// either may be asked for. Nothing where it takes no such pictures.
    fn usual(self) -> Vec<VideoCodec> {
        let video = &self.description.video;
        let chosen = [false, true].map(|lossless| software_encoder(video, "", lossless));
        chosen.into_iter().flatten().map(EncoderName::codec).collect()
    }

    /// The containers of the first group of which some hold the codec and all times and are as `wished`.
    fn holding(self, wished: impl Fn(Container, VideoCodec) -> bool) -> Option<String> {
        let own = [self.codec];
        let usual = self.usual();
        let mut choices: Vec<&[VideoCodec]> = vec![&own];
        if !self.codec.has_messages() && !usual.is_empty() {
            choices.push(&usual);
        }
        for codecs in choices {
            let holds = |container: &&Container| {
                times::fit(**container, self.table).is_ok()
                    && codecs.iter().all(|codec| {
                        holds_video(**container, codec.as_str()) && wished(**container, *codec)
                    })
            };
            for group in GROUPS {
                let names = group.iter().filter(holds).map(|one| format!(".{}", one.name()));
                let names: Vec<String> = names.collect();
                if !names.is_empty() {
                    let how = if *codecs == own { "" } else { " with --encoder auto" };
                    return Some(format!("name the output {}{how}", names.join(" or ")));
                }
            }
        }
        None
    }
}
