//! The raw muxer: streams, tags, chapters, header, packets, trailer.
//!
//! Owns the format context and its custom IO. Refuses to choose: which streams there are, their
//! timestamps and their tags come from outside.
#![expect(unsafe_code, reason = "libav's muxers are C")]

use std::ffi::{CString, c_int};
use std::ptr;

use ffmpeg_next as libav;
use libav::ffi;
use libav::format::context::{Input, StreamIo};
use libav::packet::Mut as _;

/// A muxer with its output.
pub(super) struct Muxer {
    context: *mut ffi::AVFormatContext,
    /// Freed after the context, which refers to it.
    io: StreamIo,
    has_header: bool,
}

/// What the video stream of a movie is, beside what it takes from the source's.
pub(super) struct Video<'a> {
    pub(super) is_hevc: bool,
    pub(super) size: (u32, u32),
    /// libav's name of the pixel format.
    pub(super) format: &'a str,
    pub(super) timebase: (i32, i32),
    pub(super) extradata: &'a [u8],
    pub(super) sample_aspect: (i32, i32),
    pub(super) reorder_frames: u8,
    /// libav's numbering of field orders.
    pub(super) field_order: FieldOrder,
    /// Whether samples span the whole range.
    pub(super) full_range: bool,
    pub(super) mastering: Option<[(i32, i32); 10]>,
    pub(super) light_level: Option<(u32, u32)>,
    /// The sample entry that players of Apple want for HEVC, in containers of boxes.
    pub(super) tag: Option<[u8; 4]>,
}

/// Field order of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FieldOrder {
    Progressive,
    TopFirst,
    BottomFirst,
    Unknown,
}

/// Where a tag is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum On {
    Movie,
    Stream(usize),
}

/// Timestamps of a packet in ticks of its output stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamps {
    pub(super) pts: Option<i64>,
    pub(super) dts: Option<i64>,
    pub(super) duration: i64,
}

/// What is needed of a stream of the source to keep its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Timing {
    pub(super) timebase: (i32, i32),
    /// Samples a second; 0 where it is no sound.
    pub(super) sample_rate: i32,
    /// Whether pictures may be shown in another order than they are coded.
    pub(super) reorders: bool,
    /// Whether the demuxer keeps it to itself (chapters that it has read already).
    pub(super) is_internal: bool,
    /// The sample entry or the like.
    pub(super) tag: [u8; 4],
}

impl Muxer {
    /// Makes the muxer that libav calls `name`, writing to `io`.
    pub(super) fn new(name: &str, mut io: StreamIo) -> Result<Self, libav::Error> {
        let name = c_string(name)?;
        let mut context = ptr::null_mut();
        // SAFETY: the name is terminated; on failure nothing is written.
        let code = unsafe {
            ffi::avformat_alloc_output_context2(
                &raw mut context,
                ptr::null(),
                name.as_ptr(),
                ptr::null(),
            )
        };
        check(code)?;
        let pb = io.as_mut_ptr();
        let mut muxer = Self { context, io, has_header: false };
        let fields = muxer.fields();
        fields.pb = pb;
        // Bit-exact: no random ids, no date of now.
        fields.flags |= ffi::AVFMT_FLAG_CUSTOM_IO | ffi::AVFMT_FLAG_BITEXACT;
        fields.avoid_negative_ts = 0;
        fields.strict_std_compliance = ffi::FF_COMPLIANCE_EXPERIMENTAL;
        // How far a transport stream's clock runs ahead, in microseconds: libav's usual value.
        fields.max_delay = 700_000;
        Ok(muxer)
    }

    fn fields(&mut self) -> &mut ffi::AVFormatContext {
        // SAFETY: the context is allocated and belongs to this value, borrowed exclusively.
        unsafe { &mut *self.context }
    }

    fn stream(&mut self, index: usize) -> Option<&mut ffi::AVStream> {
        let fields = self.fields();
        if index >= usize::try_from(fields.nb_streams).unwrap_or(0) {
            return None;
        }
        // SAFETY: the index is inside the array of streams.
        let stream = unsafe { fields.streams.add(index) };
        // SAFETY: the array holds pointers to streams of this context, borrowed exclusively.
        let stream = unsafe { *stream };
        // SAFETY: as above.
        unsafe { stream.as_mut() }
    }

    fn add_stream(&mut self) -> Result<usize, libav::Error> {
        // SAFETY: the context is allocated and has no header yet.
        let stream = unsafe { ffi::avformat_new_stream(self.context, ptr::null()) };
        // SAFETY: null (no memory) gives an error; else it belongs to the context.
        let stream = unsafe { stream.as_ref() }.ok_or(NO_MEMORY)?;
        usize::try_from(stream.index).map_err(|_negative| libav::Error::Bug)
    }

    /// Adds a copy of stream `index` of the source: parameters, tags, disposition, side data.
    pub(super) fn add_copy(&mut self, input: &Input, index: usize) -> Result<usize, libav::Error> {
        let place = self.add_stream()?;
        let from = source_stream(input, index).ok_or(libav::Error::StreamNotFound)?;
        let tags = self.fields().oformat;
        let stream = self.stream(place).ok_or(libav::Error::Bug)?;
        // SAFETY: both parameter sets belong to streams that live.
        check(unsafe { ffi::avcodec_parameters_copy(stream.codecpar, from.codecpar) })?;
        // SAFETY: the parameters belong to the stream.
        let parameters = unsafe { stream.codecpar.as_mut() }.ok_or(libav::Error::Bug)?;
        parameters.codec_tag = kept_tag(tags, parameters);
        take_over(stream, from)?;
        copy_side_data(stream, from, |_kind| true)?;
        Ok(place)
    }

    /// Adds a file: an attachment that has the picture of the source's stream `index` as its content.
    pub(super) fn add_attachment(
        &mut self,
        input: &Input,
        index: usize,
    ) -> Result<Option<usize>, libav::Error> {
        let from = source_stream(input, index).ok_or(libav::Error::StreamNotFound)?;
        let picture = bytes(from.attached_pic.data, from.attached_pic.size);
        if picture.is_empty() {
            return Ok(None);
        }
        let place = self.add_stream()?;
        let stream = self.stream(place).ok_or(libav::Error::Bug)?;
        // SAFETY: both parameter sets belong to streams that live.
        check(unsafe { ffi::avcodec_parameters_copy(stream.codecpar, from.codecpar) })?;
        // SAFETY: the parameters belong to the stream.
        let parameters = unsafe { stream.codecpar.as_mut() }.ok_or(libav::Error::Bug)?;
        parameters.codec_type = ffi::AVMediaType::AVMEDIA_TYPE_ATTACHMENT;
        parameters.codec_tag = 0;
        set_extradata(parameters, picture)?;
        take_over(stream, from)?;
        stream.disposition = 0;
        Ok(Some(place))
    }

    /// Adds the movie's video, in the place of stream `index` of the source.
    pub(super) fn add_video(
        &mut self,
        input: &Input,
        index: usize,
        video: &Video<'_>,
    ) -> Result<usize, libav::Error> {
        let place = self.add_stream()?;
        let from = source_stream(input, index).ok_or(libav::Error::StreamNotFound)?;
        let stream = self.stream(place).ok_or(libav::Error::Bug)?;
        // SAFETY: the parameters belong to the stream.
        let parameters = unsafe { stream.codecpar.as_mut() }.ok_or(libav::Error::Bug)?;
        // SAFETY: as above.
        let source = unsafe { from.codecpar.as_ref() }.ok_or(libav::Error::Bug)?;
        describe(parameters, source, video)?;
        take_over(stream, from)?;
        stream.time_base = rational(video.timebase);
        stream.sample_aspect_ratio = rational(video.sample_aspect);
        copy_side_data(stream, from, outlives_encoding)?;
        add_hdr(stream, video)?;
        Ok(place)
    }

    /// Sets a tag.
    pub(super) fn set_tag(&mut self, on: On, name: &str, value: &str) -> Result<(), libav::Error> {
        let (name, value) = (c_string(name)?, c_string(value)?);
        let tags = self.tags(on)?;
        // SAFETY: the dictionary belongs to the context; both texts are copied.
        check(unsafe { ffi::av_dict_set(tags, name.as_ptr(), value.as_ptr(), 0) })
    }

    /// Takes the tags of stream `place` away that are not `kept`.
    pub(super) fn keep_tags(
        &mut self,
        place: usize,
        names: &[(String, String)],
        kept: impl Fn(&str) -> bool,
    ) -> Result<(), libav::Error> {
        for (name, _) in names.iter().filter(|(name, _)| !kept(name)) {
            let name = c_string(name)?;
            let tags = self.tags(On::Stream(place))?;
            // SAFETY: the dictionary belongs to the context; a null value takes the entry away.
            check(unsafe { ffi::av_dict_set(tags, name.as_ptr(), ptr::null(), 0) })?;
        }
        Ok(())
    }

    fn tags(&mut self, on: On) -> Result<*mut *mut ffi::AVDictionary, libav::Error> {
        Ok(match on {
            On::Movie => &raw mut self.fields().metadata,
            On::Stream(index) => &raw mut self.stream(index).ok_or(libav::Error::Bug)?.metadata,
        })
    }

    /// Copies the chapters of the source.
    pub(super) fn add_chapters(&mut self, input: &Input) -> Result<(), libav::Error> {
        for chapter in input.chapters() {
            // SAFETY: the pointer is used while the source is borrowed.
            let from = unsafe { chapter.as_ptr() };
            // SAFETY: a chapter of an open source is not null.
            let from = unsafe { from.as_ref() }.ok_or(libav::Error::Bug)?;
            // SAFETY: allocation; null is handled below.
            let copy = unsafe { ffi::av_mallocz(size_of::<ffi::AVChapter>()) };
            let copy = copy.cast::<ffi::AVChapter>();
            // SAFETY: the memory is zeroed, which is a chapter without anything; exclusively ours.
            let fields = unsafe { copy.as_mut() }.ok_or(NO_MEMORY)?;
            (fields.id, fields.time_base) = (from.id, from.time_base);
            (fields.start, fields.end) = (from.start, from.end);
            // SAFETY: the new dictionary is null, the other the source's.
            unsafe { ffi::av_dict_copy(&raw mut fields.metadata, from.metadata, 0) };
            let movie = self.fields();
            let mut count = c_int::try_from(movie.nb_chapters).unwrap_or(c_int::MAX);
            let list = (&raw mut movie.chapters).cast();
            // SAFETY: the list has `count` entries; the chapter belongs to the context from here on.
            check(unsafe { ffi::av_dynarray_add_nofree(list, &raw mut count, copy.cast()) })?;
            movie.nb_chapters = count.try_into().unwrap_or(0);
        }
        Ok(())
    }

    /// Leaves the numbering of the streams to the muxer.
    pub(super) fn forget_ids(&mut self) {
        let mut place = 0;
        while let Some(stream) = self.stream(place) {
            stream.id = 0;
            place += 1;
        }
    }

    /// Copies the source's programs with those of their streams that are copied: `places` gives for each
    /// stream of the source its place in the movie.
    pub(super) fn add_programs(
        &mut self,
        input: &Input,
        places: &[Option<usize>],
    ) -> Result<(), libav::Error> {
        // SAFETY: the pointer is used while the source is borrowed.
        let source = unsafe { input.as_ptr() };
        // SAFETY: the source is open.
        let source = unsafe { &*source };
        for number in 0..usize::try_from(source.nb_programs).unwrap_or(0) {
            // SAFETY: the number is inside the array of programs.
            let from = unsafe { source.programs.add(number) };
            // SAFETY: the array holds pointers to programs of the open source.
            let from = unsafe { *from };
            // SAFETY: as above.
            let from = unsafe { from.as_ref() }.ok_or(libav::Error::Bug)?;
            // SAFETY: the context has no header yet.
            let program = unsafe { ffi::av_new_program(self.context, from.id) };
            // SAFETY: null (no memory) gives an error; else it belongs to the context.
            let program = unsafe { program.as_mut() }.ok_or(NO_MEMORY)?;
            // SAFETY: both dictionaries belong to their contexts.
            unsafe { ffi::av_dict_copy(&raw mut program.metadata, from.metadata, 0) };
            for entry in 0..usize::try_from(from.nb_stream_indexes).unwrap_or(0) {
                // SAFETY: the entry is inside the program's list.
                let index = unsafe { from.stream_index.add(entry) };
                // SAFETY: as above.
                let index = usize::try_from(unsafe { *index }).unwrap_or(usize::MAX);
                let Some(place) = places.get(index).copied().flatten() else { continue };
                let place = place.try_into().map_err(|_large| libav::Error::Bug)?;
                // SAFETY: the program and the stream belong to the context.
                unsafe { ffi::av_program_add_stream_index(self.context, from.id, place) };
            }
        }
        Ok(())
    }

    /// Writes the header; options that the muxer does not know are an error.
    pub(super) fn write_header(&mut self, options: &[(&str, String)]) -> Result<(), libav::Error> {
        let mut dictionary = libav::Dictionary::new();
        for (name, value) in options {
            dictionary.set(name, value);
        }
        // SAFETY: gives up ownership; it is taken back below.
        let mut dictionary = unsafe { dictionary.disown() };
        // SAFETY: the context has streams and its IO.
        let code = unsafe { ffi::avformat_write_header(self.context, &raw mut dictionary) };
        // SAFETY: the dictionary belongs to this function; it holds what was not taken.
        let unused = unsafe { libav::Dictionary::own(dictionary) };
        check(code)?;
        self.has_header = true;
        if unused.iter().next().is_some() { Err(libav::Error::OptionNotFound) } else { Ok(()) }
    }

    /// The clock of a stream, as the muxer chose it.
    pub(super) fn timebase(&mut self, place: usize) -> (i32, i32) {
        self.stream(place).map_or((0, 1), |stream| (stream.time_base.num, stream.time_base.den))
    }

    /// Writes a packet of stream `place`.
    pub(super) fn write(
        &mut self,
        place: usize,
        packet: &mut libav::Packet,
        stamps: Stamps,
    ) -> Result<(), libav::Error> {
        packet.set_stream(place);
        packet.set_pts(stamps.pts);
        packet.set_dts(stamps.dts);
        packet.set_duration(stamps.duration);
        packet.set_position(-1);
        // SAFETY: the header is written; the packet stays ours.
        check(unsafe { ffi::av_write_frame(self.context, packet.as_mut_ptr()) })
    }

    /// Writes the trailer; everything has gone to the IO then.
    pub(super) fn finish(mut self) -> Result<(), libav::Error> {
        self.has_header = false;
        // SAFETY: the header is written, and the trailer is written once.
        check(unsafe { ffi::av_write_trailer(self.context) })?;
        let pb = self.io.as_mut_ptr();
        // SAFETY: the IO lives as long as this value.
        unsafe { ffi::avio_flush(pb) };
        // SAFETY: as above.
        check(unsafe { (*pb).error })
    }
}

impl Drop for Muxer {
    fn drop(&mut self) {
        // SAFETY: the context belongs to this value; its custom IO is freed by its own owner after it.
        // What a muxer keeps between header and trailer is freed with it (`deinit`).
        unsafe { ffi::avformat_free_context(self.context) };
    }
}

const NO_MEMORY: libav::Error = libav::Error::Other { errno: ffi::ENOMEM };

fn check(code: c_int) -> Result<(), libav::Error> {
    if code < 0 { Err(libav::Error::from(code)) } else { Ok(()) }
}

fn c_string(text: &str) -> Result<CString, libav::Error> {
    CString::new(text).map_err(|_zero| libav::Error::InvalidData)
}

const fn rational((num, den): (i32, i32)) -> ffi::AVRational {
    ffi::AVRational { num, den }
}

fn bytes<'a>(data: *const u8, size: c_int) -> &'a [u8] {
    let size = usize::try_from(size).unwrap_or(0);
    if data.is_null() || size == 0 {
        return &[];
    }
    // SAFETY: libav keeps `size` bytes there; callers use them while their owner is borrowed.
    unsafe { std::slice::from_raw_parts(data, size) }
}

fn source_stream(input: &Input, index: usize) -> Option<&ffi::AVStream> {
    let stream = input.stream(index)?;
    // SAFETY: the pointer is used while the source is borrowed.
    let raw = unsafe { stream.as_ptr() };
    // SAFETY: a stream of an open source is not null.
    unsafe { raw.as_ref() }
}

/// What keeps the time of stream `index` of the source.
pub(super) fn timing(input: &Input, index: usize) -> Option<Timing> {
    let stream = source_stream(input, index)?;
    // SAFETY: the parameters belong to the stream.
    let parameters = unsafe { stream.codecpar.as_ref() }?;
    Some(Timing {
        timebase: (stream.time_base.num, stream.time_base.den),
        sample_rate: parameters.sample_rate,
        reorders: parameters.video_delay > 0,
        is_internal: stream.discard == ffi::AVDiscard::AVDISCARD_ALL,
        tag: parameters.codec_tag.to_le_bytes(),
    })
}

/// Whether the source asks for stream `index` to be turned when it is shown.
pub(super) fn is_turned(input: &Input, index: usize) -> bool {
    const UPRIGHT: [i32; 9] = [1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30];
    let Some(stream) = source_stream(input, index) else { return false };
    let mut size = 0;
    // SAFETY: the stream lives; null where there is no such side data.
    let matrix = unsafe {
        ffi::av_stream_get_side_data(
            stream,
            ffi::AVPacketSideDataType::AV_PKT_DATA_DISPLAYMATRIX,
            &raw mut size,
        )
    };
    let matrix = bytes(matrix, c_int::try_from(size).unwrap_or(0));
    !matrix.is_empty() && matrix != UPRIGHT.map(i32::to_ne_bytes).concat()
}

/// Samples in a packet of sound of stream `index`; 0 where that is not known.
pub(super) fn samples_in(input: &Input, index: usize, bytes: usize) -> c_int {
    let Some(stream) = source_stream(input, index) else { return 0 };
    let bytes = c_int::try_from(bytes).unwrap_or(0);
    // SAFETY: the parameters belong to the stream and are only read.
    unsafe { ffi::av_get_audio_frame_duration2(stream.codecpar, bytes) }
}

/// Puts a timestamp of sound on a finer clock so that packets meet sample for sample, as libav's own
/// program does. `last` carries the state from packet to packet.
pub(super) fn rescale_sound(
    (from, to): ((i32, i32), (i32, i32)),
    sample_rate: i32,
    stamp: i64,
    samples: c_int,
    last: &mut i64,
) -> i64 {
    // SAFETY: plain arithmetic; the state belongs to the caller.
    unsafe {
        ffi::av_rescale_delta(
            rational(from),
            stamp,
            rational((1, sample_rate)),
            samples,
            last,
            rational(to),
        )
    }
}

/// What stands for no timestamp in the state of [`rescale_sound`].
pub(super) const NO_STAMP: i64 = ffi::AV_NOPTS_VALUE;

/// Puts a timestamp on another clock, to the nearest tick.
pub(super) fn rescale(stamp: i64, from: (i32, i32), to: (i32, i32)) -> i64 {
    // SAFETY: plain arithmetic.
    unsafe { ffi::av_rescale_q(stamp, rational(from), rational(to)) }
}

/// Compares two timestamps of two clocks.
pub(super) fn is_before(
    one: i64,
    one_clock: (i32, i32),
    other: i64,
    other_clock: (i32, i32),
) -> bool {
    // SAFETY: plain arithmetic.
    unsafe { ffi::av_compare_ts(one, rational(one_clock), other, rational(other_clock)) < 0 }
}

/// The source's own name of a sample entry, where the muxer knows it or has none of its own.
fn kept_tag(format: *const ffi::AVOutputFormat, parameters: &ffi::AVCodecParameters) -> u32 {
    // SAFETY: muxers are static.
    let Some(format) = (unsafe { format.as_ref() }) else { return 0 };
    let (tags, tag, id) = (format.codec_tag, parameters.codec_tag, parameters.codec_id);
    if tags.is_null() {
        return tag;
    }
    let mut usual = 0;
    // SAFETY: the tables of a muxer are static.
    let known = unsafe { ffi::av_codec_get_id(tags, tag) } == id;
    // SAFETY: as above; the tag is written to the local.
    let has_usual = unsafe { ffi::av_codec_get_tag2(tags, id, &raw mut usual) } != 0;
    if known || !has_usual { tag } else { 0 }
}

/// Takes over what is neither parameter nor side data: clock, rates, disposition, tags, id.
fn take_over(to: &mut ffi::AVStream, from: &ffi::AVStream) -> Result<(), libav::Error> {
    to.id = from.id;
    to.time_base = from.time_base;
    to.avg_frame_rate = from.avg_frame_rate;
    to.r_frame_rate = from.r_frame_rate;
    to.sample_aspect_ratio = from.sample_aspect_ratio;
    to.disposition = from.disposition;
    // SAFETY: both dictionaries belong to their streams.
    check(unsafe { ffi::av_dict_copy(&raw mut to.metadata, from.metadata, 0) })
}

fn copy_side_data(
    to: *mut ffi::AVStream,
    from: &ffi::AVStream,
    wanted: impl Fn(ffi::AVPacketSideDataType) -> bool,
) -> Result<(), libav::Error> {
    for place in 0..usize::try_from(from.nb_side_data).unwrap_or(0) {
        // SAFETY: the place is inside the list.
        let one = unsafe { from.side_data.add(place) };
        // SAFETY: the list belongs to the source's stream.
        let one = unsafe { &*one };
        if !wanted(one.type_) {
            continue;
        }
        let content = bytes(one.data, c_int::try_from(one.size).unwrap_or(0));
        put_side_data(to, one.type_, content)?;
    }
    Ok(())
}

fn put_side_data(
    to: *mut ffi::AVStream,
    kind: ffi::AVPacketSideDataType,
    content: &[u8],
) -> Result<(), libav::Error> {
    // SAFETY: the stream belongs to the muxer; null (no memory) is handled below.
    let data = unsafe { ffi::av_stream_new_side_data(to, kind, content.len()) };
    if data.is_null() {
        return Err(NO_MEMORY);
    }
    // SAFETY: the new memory is as long as the content.
    unsafe { ptr::copy_nonoverlapping(content.as_ptr(), data, content.len()) };
    Ok(())
}

/// Side data of the video that is still true after it was encoded anew.
fn outlives_encoding(kind: ffi::AVPacketSideDataType) -> bool {
    use ffi::AVPacketSideDataType as Kind;
    [
        Kind::AV_PKT_DATA_DISPLAYMATRIX,
        Kind::AV_PKT_DATA_STEREO3D,
        Kind::AV_PKT_DATA_SPHERICAL,
        Kind::AV_PKT_DATA_ICC_PROFILE,
    ]
    .contains(&kind)
}

/// Says of the video what containers repeat outside of the packets.
fn add_hdr(to: &mut ffi::AVStream, video: &Video<'_>) -> Result<(), libav::Error> {
    use ffi::AVPacketSideDataType as Kind;
    if let Some(numbers) = video.mastering {
        // `AVMasteringDisplayMetadata`: the ten fractions in the order of the description, then two flags.
        let numbers = numbers.iter().flat_map(|(num, den)| [*num, *den]).chain([1, 1]);
        let content: Vec<u8> = numbers.flat_map(i32::to_ne_bytes).collect();
        put_side_data(to, Kind::AV_PKT_DATA_MASTERING_DISPLAY_METADATA, &content)?;
    }
    if let Some((most, average)) = video.light_level {
        // `AVContentLightMetadata`: two numbers.
        let content = [most.to_ne_bytes(), average.to_ne_bytes()].concat();
        put_side_data(to, Kind::AV_PKT_DATA_CONTENT_LIGHT_LEVEL, &content)?;
    }
    Ok(())
}

/// Sets the parameters of the movie's video.
fn describe(
    to: &mut ffi::AVCodecParameters,
    source: &ffi::AVCodecParameters,
    video: &Video<'_>,
) -> Result<(), libav::Error> {
    let number = |value: u32| c_int::try_from(value).map_err(|_large| libav::Error::InvalidData);
    to.codec_type = ffi::AVMediaType::AVMEDIA_TYPE_VIDEO;
    to.codec_id = if video.is_hevc {
        ffi::AVCodecID::AV_CODEC_ID_HEVC
    } else {
        ffi::AVCodecID::AV_CODEC_ID_H264
    };
    to.codec_tag = video.tag.map_or(0, u32::from_le_bytes);
    (to.width, to.height) = (number(video.size.0)?, number(video.size.1)?);
    let format = c_string(video.format)?;
    // SAFETY: the name is terminated and lives for the call.
    to.format = unsafe { ffi::av_get_pix_fmt(format.as_ptr()) } as c_int;
    to.sample_aspect_ratio = rational(video.sample_aspect);
    to.video_delay = c_int::from(video.reorder_frames);
    to.field_order = match video.field_order {
        FieldOrder::Progressive => ffi::AVFieldOrder::AV_FIELD_PROGRESSIVE,
        FieldOrder::TopFirst => ffi::AVFieldOrder::AV_FIELD_TT,
        FieldOrder::BottomFirst => ffi::AVFieldOrder::AV_FIELD_BB,
        FieldOrder::Unknown => ffi::AVFieldOrder::AV_FIELD_UNKNOWN,
    };
    // The description was read from these very fields; only where a decoder knew better it differs.
    to.color_primaries = source.color_primaries;
    to.color_trc = source.color_trc;
    to.color_space = source.color_space;
    to.chroma_location = source.chroma_location;
    to.color_range =
        if video.full_range { ffi::AVColorRange::AVCOL_RANGE_JPEG } else { source.color_range };
    set_extradata(to, video.extradata)
}

fn set_extradata(to: &mut ffi::AVCodecParameters, content: &[u8]) -> Result<(), libav::Error> {
    let padding = usize::try_from(ffi::AV_INPUT_BUFFER_PADDING_SIZE).unwrap_or(64);
    // SAFETY: allocation; null is handled on the next line.
    let copy = unsafe { ffi::av_mallocz(content.len() + padding) }.cast::<u8>();
    if copy.is_null() {
        return Err(NO_MEMORY);
    }
    // SAFETY: the copy is longer than the content, and new.
    unsafe { ptr::copy_nonoverlapping(content.as_ptr(), copy, content.len()) };
    // SAFETY: what was there before belongs to the parameters.
    unsafe { ffi::av_freep((&raw mut to.extradata).cast()) };
    to.extradata = copy;
    to.extradata_size =
        c_int::try_from(content.len()).map_err(|_large| libav::Error::InvalidData)?;
    Ok(())
}

/// Makes a packet of bytes.
pub(super) fn packet_of(data: &[u8], is_key: bool) -> libav::Packet {
    let mut packet = libav::Packet::copy(data);
    if is_key {
        packet.set_flags(libav::packet::Flags::KEY);
    }
    packet
}
