//! Encodes one cell: clean frames in, packets out, the same bytes for the same frames and contract.
//!
//! Owns the encoder's life: one a cell, opened anew, which is the reset. Refuses to choose anything:
//! all that changes a byte is in the [`EncodeSpec`]. The encoder is told no timestamp, only the frame's
//! place in the cell, so that a cell's bytes cannot depend on where it lies in the file; the packets get
//! the source's timestamps back afterwards.

mod ffi;
mod messages;
mod settings;

use std::sync::Arc;

use cleanplate_types::encode::{EncodeSpec, EncoderName};
use cleanplate_types::time::Pts;
use ffmpeg_next as libav;

use crate::device::DevicePool;
use crate::error::{MediaError, Words};
use crate::fault::faults;
use crate::frame::VideoFrame;
use crate::log;
use messages::Messages;

/// One packet as it leaves the encoder.
#[derive(Debug, Clone, Copy)]
pub struct EncodedPacket<'a> {
    /// Its presentation timestamp, in ticks of the source's video stream.
    pub pts: Pts,
    /// Whether a decoder can start here.
    pub key: bool,
    /// Its bytes.
    pub data: &'a [u8],
}

/// What was being done when an encoder does not open, in [`MediaError::Encode`].
pub const OPENING: &str = "opening the encoder";

/// Where the frames come from that an encoder is given.
#[derive(Debug, Clone)]
enum Place {
    /// Memory of the host, for software.
    Host,
    /// Memory of the host, for the card of this CUDA ordinal.
    Ordinal(u32),
    /// A card's pool; those of the host are put there.
    Pool(Arc<DevicePool>),
}

/// The encoder of one cell.
pub struct CellEncoder {
    codec: ffi::Codec,
    extradata: Vec<u8>,
    spec: EncodeSpec,
    place: Place,
    messages: Messages,
    /// Timestamps of the frames taken so far, by their place in the cell: at most a cell's frames.
    pts: Vec<Pts>,
    /// Index in the job of the first frame, where it was told.
    first: Option<u64>,
    /// What x264 says of itself at the start of its first packet, which is left out of cells: the text is
    /// longer than many a frame, and x265 says nothing either.
    said: Option<Vec<u8>>,
}

impl std::fmt::Debug for CellEncoder {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("CellEncoder")
            .field("way", &self.way())
            .field("frames", &self.pts.len())
            .finish_non_exhaustive()
    }
}

impl CellEncoder {
    /// Opens the encoder for frames of the host, on `card` where it needs one.
    ///
    /// # Errors
    /// [`MediaError::NoEncoder`] where this libav has no such encoder, [`MediaError::Encode`] with
    /// libav's words where it does not open.
    pub fn open(spec: &EncodeSpec, card: Option<u32>) -> Result<Self, MediaError> {
        Self::open_at(spec, card.map_or(Place::Host, Place::Ordinal))
    }

    /// Opens the encoder for frames of a card's pool, in the pool's context and on its stream: what lies there
    /// is encoded where it lies, a frame of the host alone is put there first. An encoder in software opens as
    /// by [`Self::open`] and reads the host's frames.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_on_card(spec: &EncodeSpec, pool: &Arc<DevicePool>) -> Result<Self, MediaError> {
        Self::open_at(spec, Place::Pool(Arc::clone(pool)))
    }

    fn open_at(spec: &EncodeSpec, place: Place) -> Result<Self, MediaError> {
        log::install();
        drop(log::take());
        if let Some(struck) = struck(spec) {
            return Err(struck);
        }
        let codec = ffi::Codec::open(&settings::setup(spec, &place))?;
        let extradata = match codec.extradata() {
            [] if spec.encoder.name.codec().has_parameter_sets() => {
                told_with_a_picture(spec, &place)?
            }
            extradata => extradata.to_vec(),
        };
        Ok(Self {
            codec,
            extradata,
            spec: spec.clone(),
            place,
            messages: Messages::new(spec),
            pts: Vec::new(),
            first: None,
            said: None,
        })
    }

    /// Says which frame of the job comes first: for errors, which name the frame that failed.
    #[must_use]
    pub const fn starting_at(mut self, frame: u64) -> Self {
        self.first = Some(frame);
        self
    }

    /// The parameter sets, as libav's extradata; the same for every cell of a contract.
    #[must_use]
    pub fn extradata(&self) -> &[u8] {
        &self.extradata
    }

    /// How it encodes, for the trail, such as `libx264 preset medium, crf 18, yuv420p, 1 thread`.
    #[must_use]
    pub fn way(&self) -> String {
        settings::way(&self.spec, &self.place)
    }

    /// Takes the next frame and hands out the packets that are ready.
    ///
    /// # Errors
    /// [`MediaError::Encode`], and whatever `take` returns; [`MediaError::Internal`] where the frame is
    /// not after the one before it or not of the contract's size and layout.
    pub fn encode(
        &mut self,
        mut frame: VideoFrame,
        take: &mut dyn FnMut(EncodedPacket<'_>) -> Result<(), MediaError>,
    ) -> Result<(), MediaError> {
        self.check(&frame)?;
        let number = place(self.pts.len())?;
        self.pts.push(frame.pts());
        self.messages.take(frame.video_mut());
        self.strike()?;
        let sent = self.codec.send(&mut frame, number, settings::order(&self.spec));
        sent.map_err(|error| self.named(error))?;
        self.hand_out(take)
    }

    /// Frames so far whose closed captions the codec has no place for.
    #[must_use]
    pub const fn captions_left_out(&self) -> u64 {
        self.messages.captions_left_out()
    }

    /// Frames so far that had HDR metadata of their own, which a new encode does not carry.
    #[must_use]
    pub const fn dynamic_hdr_left_out(&self) -> u64 {
        self.messages.dynamic_left_out()
    }

    /// Ends the cell and hands out the packets that are left.
    ///
    /// # Errors
    /// [`MediaError::Encode`], and whatever `take` returns.
    pub fn finish(
        mut self,
        take: &mut dyn FnMut(EncodedPacket<'_>) -> Result<(), MediaError>,
    ) -> Result<(), MediaError> {
        self.drain(take)
    }

    /// [`Self::finish`], after which the encoder can still be asked what it [`said`](Self::said).
    pub(crate) fn drain(
        &mut self,
        take: &mut dyn FnMut(EncodedPacket<'_>) -> Result<(), MediaError>,
    ) -> Result<(), MediaError> {
        self.codec.finish().map_err(|error| self.named(error))?;
        self.hand_out(take)
    }

    /// What the encoder said of itself, where it did.
    pub(crate) fn said(&self) -> Option<&[u8]> {
        self.said.as_deref()
    }

    fn hand_out(
        &mut self,
        take: &mut dyn FnMut(EncodedPacket<'_>) -> Result<(), MediaError>,
    ) -> Result<(), MediaError> {
        loop {
            let (number, key, packet) =
                match self.codec.receive().map_err(|error| self.named(error))? {
                    ffi::Step::Packet(number, key, packet) => (number, key, packet),
                    ffi::Step::Hungry | ffi::Step::End => return Ok(()),
                };
            let pts = usize::try_from(number).ok().and_then(|number| self.pts.get(number));
            let pts = *pts.ok_or_else(|| {
                MediaError::Internal(format!("the encoder gave a packet of frame {number}"))
            })?;
            let mut data = packet.data().unwrap_or_default();
            if told_extradata(&packet).is_some_and(|told| told != self.extradata) {
                let text = "the encoder's parameter sets depend on the pictures".to_owned();
                return Err(MediaError::Internal(text));
            }
            if number == 0 {
                let (said, rest) = split_introduction(data);
                self.said = Some(said.to_vec());
                data = rest;
            }
            let place = usize::try_from(number).unwrap_or(usize::MAX);
            let with_messages = self.messages.put(place, key, data);
            take(EncodedPacket { pts, key, data: with_messages.as_deref().unwrap_or(data) })?;
        }
    }

    fn check(&self, frame: &VideoFrame) -> Result<(), MediaError> {
        let spec = &self.spec;
        let shape = (frame.width(), frame.height(), frame.layout().as_ref());
        if shape != (spec.width, spec.height, &spec.layout) {
            return Err(MediaError::Internal("a frame is not as the contract says".to_owned()));
        }
        match self.pts.last() {
            Some(last) if frame.pts() <= *last => Err(MediaError::Internal(format!(
                "a frame at tick {} came to the encoder after one at tick {}",
                frame.pts().0,
                last.0
            ))),
            Some(_) | None => Ok(()),
        }
    }

    /// The index in the job of the frame taken last, where that of the first was told.
    fn last_frame(&self) -> Option<u64> {
        Some(self.first? + (self.pts.len() as u64).checked_sub(1)?)
    }

    /// Fails where the fault switch says that the stand-in for NVENC fails.
    fn strike(&self) -> Result<(), MediaError> {
        let name = self.spec.encoder.name;
        let fault = faults().nvenc_at.as_ref().filter(|_| is_played(name));
        match (fault, self.last_frame()) {
            (Some(fault), Some(frame)) if fault.strikes(frame) => {
                Err(self.named(lost(name.as_str())))
            }
            _ => Ok(()),
        }
    }

    /// The same error, with the frame's index in the job.
    fn named(&self, error: MediaError) -> MediaError {
        match (error, self.last_frame()) {
            (MediaError::Encode { encoder, doing, mut words }, Some(frame)) => {
                words.meaning = format!("at frame {frame}: {}", words.meaning);
                MediaError::Encode { encoder, doing, words }
            }
            (error, _) => error,
        }
    }
}

/// The parameter sets of an encoder that tells them with its first packet: those of a packet of another
/// encoder by the same contract.
fn told_with_a_picture(spec: &EncodeSpec, place: &Place) -> Result<Vec<u8>, MediaError> {
    let mut codec = ffi::Codec::open(&settings::setup(spec, place))?;
    let layout = Arc::new(spec.layout.clone());
    let mut picture = VideoFrame::blank(&layout, spec.width, spec.height, Pts(0))?;
    codec.send(&mut picture, 0, settings::order(spec))?;
    codec.finish()?;
    while let ffi::Step::Packet(_, _, packet) = codec.receive()? {
        if let Some(told) = told_extradata(&packet) {
            return Ok(told);
        }
    }
    Ok(Vec::new())
}

/// The parameter sets that come with a packet.
fn told_extradata(packet: &libav::Packet) -> Option<Vec<u8>> {
    let told = libav::codec::packet::side_data::Type::NewExtraData;
    packet.side_data().find(|data| data.kind() == told).map(|data| data.data().to_vec())
}

/// Takes x264's introduction off the front of a packet: a NAL unit of user data in Annex B.
fn split_introduction(data: &[u8]) -> (&[u8], &[u8]) {
    const START: &[u8] = &[0, 0, 1];
    const USER_DATA: &[u8] = &[6, 5];
    let start = if data.starts_with(&[0, 0, 0, 1]) { 4 } else { START.len() };
    let Some(unit) = data.get(start..).filter(|unit| unit.starts_with(USER_DATA)) else {
        return (&[], data);
    };
    let Some(end) = unit.windows(START.len()).position(|window| window == START) else {
        return (&[], data);
    };
    if !unit[..end].windows(4).any(|window| window == b"x264") {
        return (&[], data);
    }
    // A start code of four bytes begins with a zero that is not the unit's.
    let end = start + end;
    data.split_at(if data[end - 1] == 0 { end - 1 } else { end })
}

/// What opening fails with after the stand-in for NVENC was lost.
fn struck(spec: &EncodeSpec) -> Option<MediaError> {
    let name = spec.encoder.name;
    let has_struck = faults().nvenc_at.as_ref().is_some_and(crate::fault::FaultAt::has_struck);
    (has_struck && is_played(name)).then(|| lost(name.as_str()))
}

fn lost(encoder: &str) -> MediaError {
    MediaError::Encode {
        encoder: encoder.to_owned(),
        doing: "encoding",
        words: Words::logged("the encoder was lost (a fault switch)"),
    }
}

/// Whether the encoder of `spec` takes frames of a card, so that it is worth keeping them there.
#[must_use]
pub fn takes_card_frames(spec: &EncodeSpec) -> bool {
    settings::takes_card_frames(spec)
}

/// Whether another encoder stands in for `name`, by a fault switch.
fn is_played(name: EncoderName) -> bool {
    settings::acting(name) != name
}

/// The headers of x265 with its version and settings in them, which are left out of cells.
pub(crate) fn x265_headers_with_info() -> Result<Vec<u8>, MediaError> {
    let codec = ffi::Codec::open(&settings::x265_with_info())?;
    Ok(codec.extradata().to_vec())
}

fn place(count: usize) -> Result<i64, MediaError> {
    i64::try_from(count).map_err(|_large| MediaError::Internal("a cell has no end".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_encoders_introduction_is_taken_off_a_packet() {
        let picture = [0, 0, 1, 0x65, 1, 2, 3];
        let introduction = [&[0, 0, 0, 1, 6, 5, 20][..], b"x264 - core 164", &[0x80]].concat();
        let packet = [&introduction[..], &picture].concat();
        assert_eq!(split_introduction(&packet), (&introduction[..], &picture[..]));
        let long = [&introduction[..], &[0], &picture].concat();
        assert_eq!(split_introduction(&long).1, [&[0][..], &picture].concat());
        let captions = [&[0, 0, 1, 6, 4, 9][..], b"x264", &picture].concat();
        assert_eq!(split_introduction(&captions), (&[][..], &captions[..]));
        let other = [&[0, 0, 1, 6, 5, 9][..], b"else", &picture].concat();
        assert_eq!(split_introduction(&other), (&[][..], &other[..]));
        assert_eq!(split_introduction(&picture), (&[][..], &picture[..]));
        assert_eq!(split_introduction(&[]), (&[][..], &[][..]));
    }
}
