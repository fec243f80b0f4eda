//! The movie's tags: the source's own, and the record that this program processed it.
//!
//! Owns which key each container keeps that record under. Refuses to overwrite a tag that a person wrote:
//! what named the program that wrote the source is kept inside the record.

use crate::container::Container;

/// Tags that describe the source's file and not its content.
const OF_THE_FILE: &[&str] = &["major_brand", "minor_version", "compatible_brands"];

/// Tags of a stream that describe its packets: wrong once they are encoded anew.
const OF_THE_PACKETS: &[&str] =
    &["encoder", "bps", "duration", "number_of_", "_statistics_", "source_id", "alpha_mode"];

/// Tags of a stream that a movie says elsewhere, or that no person wrote.
const ELSEWHERE: &[&str] = &[
    "language",
    "timecode",
    "rotate",
    "stereo_mode",
    "creation_time",
    "vendor_id",
    "encoding_tool",
    "filename",
    "mimetype",
];

/// Tags that MP4 has places of its own for; others go into a list by name, which fewer programs read.
const IN_MP4: &[&str] = &[
    "title",
    "artist",
    "album_artist",
    "composer",
    "album",
    "date",
    "comment",
    "genre",
    "copyright",
    "grouping",
    "lyrics",
    "description",
    "synopsis",
    "show",
    "episode_id",
    "network",
    "keywords",
    "episode_sort",
    "season_number",
    "media_type",
    "hd_video",
    "gapless_playback",
    "compilation",
    "track",
    "disc",
    "tmpo",
    "creation_time",
    "timecode",
];

/// The same for `QuickTime`.
const IN_MOV: &[&str] = &[
    "artist",
    "title",
    "author",
    "album",
    "date",
    "comment",
    "genre",
    "copyright",
    "make",
    "model",
    "location",
    "keywords",
    "creation_time",
    "timecode",
];

/// What is written of tags.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Tags {
    /// Set before the header is written.
    pub(super) before: Vec<(String, String)>,
    /// Set after it, because libav strikes them out there.
    pub(super) after: Vec<(String, String)>,
    /// Whether all tags go into the list by name.
    pub(super) by_name: bool,
    /// What is lost, in words.
    pub(super) notes: Vec<String>,
}

/// The movie's tags: those of the source, and `record`. `has_cover`: the list by name has no place for
/// cover pictures.
pub(super) fn of_movie(
    container: Container,
    source: &[(String, String)],
    record: &str,
    has_cover: bool,
) -> Tags {
    let mut tags = Tags::default();
    let mut written_by = None;
    for (name, value) in source {
        match name.to_lowercase().as_str() {
            file if OF_THE_FILE.contains(&file) => {}
            "encoder" => written_by = Some(value),
            _ => tags.before.push((name.clone(), value.clone())),
        }
    }
    let record = match written_by {
        Some(program) => format!("{record} (source by {program})"),
        None => record.to_owned(),
    };
    let set = |name: &str| (name.to_owned(), record.clone());
    match container {
        Container::Mp4 => {
            tags.by_name = by_name(&mut tags.before, IN_MP4, has_cover, &mut tags.notes);
            if tags.by_name {
                tags.after.push(set("encoder"));
            } else {
                tags.before.push(set("encoding_tool"));
            }
        }
        Container::Mov => {
            tags.by_name = by_name(&mut tags.before, IN_MOV, has_cover, &mut tags.notes);
            tags.after.push(set("encoder"));
        }
        Container::Mkv | Container::Webm => tags.before.push(set("PROCESSED_BY")),
        Container::Ts { .. } => {
            let has_place = |name: &str| matches!(name, "service_name" | "service_provider");
            let lost = tags.before.iter().filter(|(name, _)| !has_place(name)).count();
            if lost > 0 {
                tags.notes.push(format!("ts has no place for {lost} tags of the source"));
            }
        }
    }
    tags
}

/// Whether tags go into the list by name, because one has no other place.
fn by_name(
    tags: &mut Vec<(String, String)>,
    places: &[&str],
    has_cover: bool,
    notes: &mut Vec<String>,
) -> bool {
    let has_place = |name: &str| places.contains(&name.to_lowercase().as_str());
    if !has_cover {
        return tags.iter().any(|(name, _)| !has_place(name));
    }
    tags.retain(|(name, _)| {
        let kept = has_place(name);
        if !kept {
            notes.push(format!("the tag {name} has no place beside a cover picture"));
        }
        kept
    });
    false
}

/// What the container does not say again of a stream's tags, in words.
///
/// Matroska has one creation time for all; a transport stream has languages alone, and of the titles that
/// libav writes into mp4 and mov it reads none.
pub(super) fn unsaid(
    container: Container,
    stream: &[(String, String)],
    movie: &[(String, String)],
) -> Option<String> {
    let of = |tags: &[(String, String)], wanted: &str| {
        tags.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.clone())
    };
    match container {
        Container::Mkv | Container::Webm => {
            let time = of(stream, "creation_time")?;
            (of(movie, "creation_time").as_ref() != Some(&time))
                .then(|| format!("its creation time {time} has no place in {}", container.name()))
        }
        Container::Mp4 | Container::Mov => of(stream, "title")
            .map(|title| format!("its title `{title}` has no place in {}", container.name())),
        Container::Ts { .. } => {
            let lost = stream.iter().filter(|(name, value)| is_a_persons(name, value));
            let lost: Vec<String> =
                lost.map(|(name, value)| format!("{} `{value}`", name.to_lowercase())).collect();
            let have = if lost.len() == 1 { "has" } else { "have" };
            let (all, name) = (lost.join(" and its "), container.name());
            (!lost.is_empty()).then(|| format!("its {all} {have} no place in {name}"))
        }
    }
}

/// Whether a tag of a stream says what somebody wanted to be said.
fn is_a_persons(name: &str, value: &str) -> bool {
    let lower = name.to_lowercase();
    let is = |list: &[&str]| list.contains(&lower.as_str());
    outlives_encoding(name) && !is_muxers_own(name, value) && !is(OF_THE_FILE) && !is(ELSEWHERE)
}

/// Whether a tag is what a muxer calls its own parts: the handlers of boxes where nobody gave them another name, and
/// the numbers by which the parts of an MXF file name one another.
pub(crate) fn is_muxers_own(name: &str, value: &str) -> bool {
    let (name, value) = (name.to_lowercase(), value.to_lowercase());
    let is_handler = value.ends_with("handler") || value.starts_with("core media");
    (name == "handler_name" && is_handler)
        || name.starts_with("file_package_")
        || name.ends_with("_umid")
        || name.ends_with("_uid")
        || name.ends_with("_ul")
}

/// Whether a tag of the video stream is still true after it was encoded anew.
pub(super) fn outlives_encoding(name: &str) -> bool {
    let name = name.to_lowercase();
    !OF_THE_PACKETS.iter().any(|start| name.starts_with(start))
}

/// The record of what was done, with this program's version.
pub(super) fn record(version: &str) -> String {
    format!("cleanplate {version}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn the_record_keeps_what_named_the_sources_own_program() {
        let source = pairs(&[("major_brand", "isom"), ("title", "Bikes"), ("encoder", "Lavf58")]);
        let tags = of_movie(Container::Mp4, &source, "cleanplate 1.0", false);
        let told = "cleanplate 1.0 (source by Lavf58)";
        assert_eq!(tags.before, pairs(&[("title", "Bikes"), ("encoding_tool", told)]));
        assert!(!tags.by_name && tags.after.is_empty());
        let tags = of_movie(Container::Mkv, &source, "cleanplate 1.0", false);
        assert_eq!(tags.before, pairs(&[("title", "Bikes"), ("PROCESSED_BY", told)]));
    }

    #[test]
    fn tags_without_a_place_of_their_own_go_by_name_unless_a_cover_is_in_the_way() {
        let source = pairs(&[("com.android.version", "14"), ("title", "Bikes")]);
        let tags = of_movie(Container::Mp4, &source, "cleanplate 1.0", false);
        assert!(tags.by_name);
        assert_eq!(tags.after, pairs(&[("encoder", "cleanplate 1.0")]));
        let tags = of_movie(Container::Mp4, &source, "cleanplate 1.0", true);
        assert!(!tags.by_name);
        assert_eq!(tags.before[0].0, "title");
        assert_eq!(tags.notes.len(), 1);
    }

    #[test]
    fn tags_of_a_stream_without_a_place_are_told() {
        let stream = pairs(&[("creation_time", "2020-01-02"), ("title", "Son")]);
        let told = |container, movie: &str| {
            unsaid(container, &stream, &pairs(&[("creation_time", movie)])).unwrap_or_default()
        };
        assert!(told(Container::Mkv, "2021-01-02").contains("2020-01-02"));
        assert_eq!(told(Container::Mkv, "2020-01-02"), "", "the movie says it");
        assert!(told(Container::Mp4, "2021-01-02").contains("`Son` has no place in mp4"));
        let ts = Container::Ts { timed: false };
        assert_eq!(told(ts, "2020-01-02"), "its title `Son` has no place in ts");
        let own =
            pairs(&[("handler_name", "SoundHandler"), ("language", "deu"), ("DURATION", "3")]);
        assert_eq!(unsaid(ts, &own, &[]), None);
        let named = pairs(&[("handler_name", "Kommentar"), ("COMMENT", "leise")]);
        assert_eq!(
            unsaid(ts, &named, &[]).unwrap(),
            "its handler_name `Kommentar` and its comment `leise` have no place in ts"
        );
    }

    #[test]
    fn what_counts_the_old_packets_does_not_outlive_encoding() {
        assert!(outlives_encoding("language") && outlives_encoding("handler_name"));
        for name in
            ["encoder", "BPS-eng", "DURATION", "NUMBER_OF_FRAMES", "_STATISTICS_TAGS", "ALPHA_MODE"]
        {
            assert!(!outlives_encoding(name), "{name}");
        }
    }
}
