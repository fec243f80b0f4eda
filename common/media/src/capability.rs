//! What this libav can do: versions, codecs, kinds of hardware.
//!
//! Owns the questions that `doctor` asks of the library. Refuses to promise: an encoder that is
//! built in may still not open (see the encoder's proof).

mod ffi;

/// Versions of the libraries in use, for people, such as `5.1.9 (libavcodec 59.37.100, ...)`.
#[must_use]
pub fn version() -> String {
    let part = |name: &str, version: u32| {
        format!("{name} {}.{}.{}", version >> 16, (version >> 8) & 0xff, version & 0xff)
    };
    format!(
        "{} ({}, {}, {})",
        ffi::release(),
        part("libavcodec", ffmpeg_next::codec::version()),
        part("libavformat", ffmpeg_next::format::version()),
        part("libavutil", ffmpeg_next::util::version()),
    )
}

/// The licence of the library as it was built, such as `GPL version 2 or later`.
#[must_use]
pub fn licence() -> String {
    ffmpeg_next::codec::license().to_owned()
}

/// Whether an encoder of this name is built in.
#[must_use]
pub fn has_encoder(name: &str) -> bool {
    ffmpeg_next::encoder::find_by_name(name).is_some()
}

/// Whether a decoder of this name is built in.
#[must_use]
pub fn has_decoder(name: &str) -> bool {
    ffmpeg_next::decoder::find_by_name(name).is_some()
}

/// Kinds of hardware acceleration that are built in, by libav's names, such as `cuda`.
#[must_use]
pub fn hwaccels() -> Vec<String> {
    ffi::hwaccels()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_library_says_what_it_has() {
        assert!(version().contains("libavcodec"), "{}", version());
        assert!(has_decoder("h264") && !has_decoder("no such codec"));
        assert!(!has_encoder("no such codec"));
        assert!(hwaccels().iter().all(|name| !name.is_empty()));
    }
}
