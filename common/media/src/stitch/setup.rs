//! A movie before its header: which stream of the source becomes what, tags, chapters, options.
//!
//! Owns the decision what is copied, attached, told in another way or lost. Refuses, where that is not allowed,
//! to lose anything.

use cleanplate_types::access::ReadAt;
use cleanplate_types::encode::VideoCodec;
use cleanplate_types::source::StreamKind;

use super::boxes::{self, Kind};
use super::ffi::{Muxer, On};
use super::lane::{self, Lane, movie_clock};
use super::movie::{Plan, VideoStream, mux};
use super::sink::Shared;
use super::{roles, stream, tags};
use crate::container::{self, Container, Fate, fate, language, refuse_or_note};
use crate::error::{MediaError, Words};
use crate::verify::witness::Track;

/// The streams of the movie that carry packets, in its order.
pub(super) fn tracks(
    plan: &Plan<'_>,
    places: &[Option<usize>],
    muxer: &mut Muxer,
    lanes: &[Option<Lane>],
) -> Vec<Track> {
    let replaced = matches!(plan.stream, VideoStream::Replaced(_)).then_some(plan.video);
    let starts_on = plan.container.is_boxed().then(|| movie_clock(plan));
    let mut tracks = Vec::new();
    for (index, place) in places.iter().enumerate() {
        let (Some(place), Some(facts)) = (*place, plan.input.facts(index)) else { continue };
        let is_video = replaced == Some(index);
        let has_packets = is_video || lanes.get(index).is_some_and(Option::is_some);
        if has_packets && !facts.is_still && facts.kind != StreamKind::Attachment {
            tracks.push(Track {
                place,
                clock: muxer.timebase(place),
                is_video,
                codec: facts.codec,
                has_configuration: !facts.extradata.is_empty(),
                delay: lanes.get(index).and_then(Option::as_ref).map_or(0, |lane| lane.delay),
                starts_on,
            });
        }
    }
    tracks.sort_by_key(|track| track.place);
    tracks
}

/// A movie before its header.
pub(super) struct Setup {
    pub(super) muxer: Muxer,
    /// Where each stream of the source goes.
    pub(super) places: Vec<Option<usize>>,
    pub(super) notes: Vec<String>,
    has_cover: bool,
}

impl Setup {
    pub(super) const fn new(muxer: Muxer) -> Self {
        Self { muxer, places: Vec::new(), notes: Vec::new(), has_cover: false }
    }

    pub(super) fn add_streams(&mut self, plan: &Plan<'_>) -> Result<(), MediaError> {
        let mut lost = lost_beside(plan);
        for index in 0..plan.input.context().streams().len() {
            let unsaid =
                tags::unsaid(plan.container, &plan.input.tags(Some(index)), &plan.input.tags(None));
            self.notes.extend(unsaid.map(|unsaid| format!("stream {index}: {unsaid}")));
            let place = if index == plan.video {
                Some(self.add_video(plan)?)
            } else {
                self.add_other(plan, index, &mut lost)?
            };
            self.notes.extend(place.and_then(|_place| role_note(plan, index)));
            if let Some(place) = place {
                self.say_language(plan, index, place)?;
            }
            self.places.push(place);
        }
        // Intake has refused it, with advice, where it knew of it.
        refuse_or_note(plan.container, lost, plan.allow_metadata_loss, &mut self.notes).map_err(
            |lost| plan.container.cannot(format!("{lost}; --allow-metadata-loss leaves that out")),
        )
    }

    /// Says the language of stream `index` in the form that the container has, or notes that it has none.
    fn say_language(
        &mut self,
        plan: &Plan<'_>,
        index: usize,
        place: usize,
    ) -> Result<(), MediaError> {
        let tags = plan.input.tags(Some(index));
        let Some((name, own)) = tags.iter().find(|(name, _)| name.eq_ignore_ascii_case("language"))
        else {
            return Ok(());
        };
        let Some(facts) = plan.input.facts(index) else { return Ok(()) };
        match language::said(plan.container, facts.kind, own) {
            Some(said) if said == own => {}
            Some(said) => self
                .muxer
                .set_tag(On::Stream(place), name, said)
                .map_err(mux("saying a language"))?,
            None => self.notes.push(format!(
                "{} has no place for the language `{own}` of stream {index}",
                plan.container.name()
            )),
        }
        Ok(())
    }

    fn add_video(&mut self, plan: &Plan<'_>) -> Result<usize, MediaError> {
        self.notes.extend(storage_note(plan));
        let input = plan.input.context();
        match &plan.stream {
            VideoStream::Copied => self.muxer.add_copy(input, plan.video),
            VideoStream::Replaced(video) => {
                let names = plan.input.tags(Some(plan.video));
                let added = self.muxer.add_video(input, plan.video, video);
                added.and_then(|place| {
                    let kept = |name: &str| {
                        let is_view = name.eq_ignore_ascii_case("stereo_mode");
                        tags::outlives_encoding(name) && (video.says_stereo || !is_view)
                    };
                    self.muxer.keep_tags(place, &names, kept)?;
                    Ok(place)
                })
            }
        }
        .map_err(mux("adding the video stream"))
    }

    fn add_other(
        &mut self,
        plan: &Plan<'_>,
        index: usize,
        lost: &mut Vec<String>,
    ) -> Result<Option<usize>, MediaError> {
        let (Some(facts), Some(timing)) =
            (plan.input.facts(index), lane::ffi::timing(plan.input.context(), index))
        else {
            return Ok(None);
        };
        let is_timecode = &timing.tag == b"tmcd";
        // Chapters that the demuxer has read come back as chapters, a time code as a tag.
        if timing.is_internal || is_timecode {
            return Ok(None);
        }
        // No muxer takes sound without a rate: a program announces it, and no packet of it came.
        if facts.kind == StreamKind::Audio && timing.sample_rate <= 0 {
            self.notes.push(format!(
                "stream {index} ({}) is announced and nothing of it was found, not even its rate: it is left out",
                facts.codec
            ));
            return Ok(None);
        }
        let input = plan.input.context();
        match fate(plan.container, facts.kind, &facts.codec, facts.is_still) {
            Fate::Kept => {
                self.has_cover |= facts.is_still;
                self.muxer.add_copy(input, index).map(Some).map_err(mux("adding a stream"))
            }
            Fate::Attached => self.attach(plan, index, &facts.codec).map(|()| None),
            Fate::Told => Ok(None),
            Fate::Lost(why) => {
                lost.push(format!("stream {index} in {} ({why})", facts.codec));
                Ok(None)
            }
        }
    }

    /// Makes a cover picture an attachment, by the name that players look for.
    fn attach(&mut self, plan: &Plan<'_>, index: usize, codec: &str) -> Result<(), MediaError> {
        let (ending, mime) =
            if codec == "png" { ("png", "image/png") } else { ("jpg", "image/jpeg") };
        let tags = plan.input.tags(Some(index));
        let muxer = &mut self.muxer;
        let added = muxer.add_attachment(plan.input.context(), index).and_then(|place| {
            let Some(place) = place else { return Ok(()) };
            let mut set = |name: &str, value: &str| {
                let has = tags.iter().any(|(own, _)| own == name);
                if has { Ok(()) } else { muxer.set_tag(On::Stream(place), name, value) }
            };
            set("filename", &format!("cover.{ending}"))?;
            set("mimetype", mime)
        });
        added.map_err(mux("adding a cover picture"))
    }

    /// Adds chapters and, for transport streams, programs.
    pub(super) fn add_rest(&mut self, plan: &Plan<'_>) -> Result<(), MediaError> {
        let input = plan.input.context();
        match plan.container {
            Container::Mp4 | Container::Mov | Container::Mkv | Container::Webm => {
                self.muxer.add_chapters(input).map_err(mux("adding chapters"))
            }
            Container::Ts { timed } => {
                // Blu-ray has numbers of its own for its streams; other sources' numbers are no PIDs.
                if timed || plan.input.container() != "mpegts" {
                    self.muxer.forget_ids();
                }
                let added = self.muxer.add_programs(input, &self.places);
                added.map_err(mux("adding programs"))
            }
        }
    }

    /// Writes the header; returns the tags that are to be set after it.
    pub(super) fn write_header(
        &mut self,
        plan: &Plan<'_>,
        sink: &Shared,
        room: Option<u64>,
    ) -> Result<Vec<(String, String)>, MediaError> {
        let source = plan.input.tags(None);
        let mut tags = tags::of_movie(plan.container, &source, &plan.record, self.has_cover);
        if matches!(plan.container, Container::Ts { .. }) && plan.input.container() != "mpegts" {
            // A source that is one has a provider of its own.
            tags.before.push(("service_provider".to_owned(), plan.record.clone()));
        }
        for (name, value) in &tags.before {
            self.muxer.set_tag(On::Movie, name, value).map_err(mux("setting a tag"))?;
        }
        self.notes.extend(tags.notes);
        let mut options = options(plan, tags.by_name);
        options.extend(room.map(|room| ("moov_size", room.to_string())));
        let written = self.muxer.write_header(&options);
        match (written, sink.taken_error()) {
            (_, Some(error)) => Err(MediaError::Write(error)),
            (Err(error), None) => {
                let words = Words::of(error);
                Err(MediaError::Mux { doing: "writing the output's header", words })
            }
            (Ok(()), None) => Ok(tags.after),
        }
    }
}

/// What is to be told where the source's container says how two fields are stored in a frame and the movie's does
/// not: Matroska keeps that beside pictures that say which field is shown first.
fn storage_note(plan: &Plan<'_>) -> Option<String> {
    let VideoStream::Replaced(video) = &plan.stream else { return None };
    unsaid_storage(plan.container, video.codec, plan.input.facts(plan.video)?.field_order)
}

/// The same of `field_order`, in libav's numbering.
fn unsaid_storage(container: Container, codec: VideoCodec, field_order: i32) -> Option<String> {
    let (stored, shown) = match field_order {
        4 => ("tb", "top"),
        5 => ("bt", "bottom"),
        _ => return None,
    };
    (codec == VideoCodec::H264 && !container.is_matroska()).then(|| {
        format!(
            "the source's container stores its fields as `{stored}`; H.264 says only that the {shown} field is \
             shown first"
        )
    })
}

/// What is to be told of the roles of stream `index` of the source.
fn role_note(plan: &Plan<'_>, index: usize) -> Option<String> {
    let (stream, facts) = (plan.input.context().stream(index)?, plan.input.facts(index)?);
    let unsaid = roles::unsaid(plan.container, facts.kind, stream.disposition())?;
    Some(format!("stream {index}: {unsaid}"))
}

/// What the container cannot say of the source, beside streams.
fn lost_beside(plan: &Plan<'_>) -> Vec<String> {
    let input = plan.input.context();
    container::lost_beside(
        plan.container,
        stream::ffi::is_turned(input, plan.video),
        input.nb_chapters(),
    )
}

/// Options of the muxer.
fn options(plan: &Plan<'_>, tags_by_name: bool) -> Vec<(&'static str, String)> {
    match plan.container {
        Container::Mp4 | Container::Mov => {
            let mut options = vec![("movie_timescale", movie_clock(plan).to_string())];
            if tags_by_name {
                options.push(("movflags", "+use_metadata_tags".to_owned()));
            }
            options
        }
        Container::Mkv | Container::Webm => Vec::new(),
        Container::Ts { timed } => vec![
            ("mpegts_copyts", "1".to_owned()),
            ("mpegts_m2ts_mode", u8::from(timed).to_string()),
        ],
    }
}

/// Reads the boxes that are added behind the movie, and notes those that are lost.
pub(super) fn carried_boxes(
    container: Container,
    source: &dyn ReadAt,
    source_container: &str,
    notes: &mut Vec<String>,
) -> Result<Vec<Vec<u8>>, MediaError> {
    let mut carried = Vec::new();
    if !source_container.split(',').any(|name| name == "mp4") {
        return Ok(carried);
    }
    for found in boxes::uuid_boxes(source) {
        let fits = found.is_outermost && found.bytes <= boxes::CARRIED_BYTES_MAX;
        if found.kind == Kind::Xmp && fits && container.is_boxed() {
            carried.push(found.read(source).map_err(MediaError::Read)?);
        } else {
            notes.push(found.loss());
        }
    }
    Ok(carried)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_fields_are_stored_is_told_only_where_it_is_not_kept() {
        let told =
            |container, field_order| unsaid_storage(container, VideoCodec::H264, field_order);
        assert!(told(Container::Mov, 4).unwrap().contains("`tb`"));
        assert!(told(Container::Ts { timed: false }, 5).unwrap().contains("the bottom field"));
        assert_eq!(told(Container::Mkv, 4), None);
        assert_eq!(told(Container::Mov, 2), None);
    }
}
