//! The raw muxer: streams, tags, chapters, header, packets, trailer.
//!
//! Owns the format context and its custom IO. Refuses to choose: which streams there are, their
//! timestamps and their tags come from outside.
#![expect(unsafe_code, reason = "libav's muxers are C")]

use std::ffi::c_int;
use std::ptr;

use ffmpeg_next as libav;
use libav::ffi;
use libav::format::context::{Input, StreamIo};
use libav::packet::Mut as _;

use super::stream::Video;
use super::stream::ffi::{
    NO_MEMORY, add_hdr, bytes, c_string, check, copy_side_data, describe, kept_tag,
    outlives_encoding, rational, set_extradata, source_stream, take_over,
};

/// A muxer with its output.
pub(super) struct Muxer {
    context: *mut ffi::AVFormatContext,
    /// Freed after the context, which refers to it.
    io: StreamIo,
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
        let mut muxer = Self { context, io };
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
        copy_side_data(stream, from, |kind| {
            let is_view = kind == ffi::AVPacketSideDataType::AV_PKT_DATA_STEREO3D;
            outlives_encoding(kind) && (video.says_stereo || !is_view)
        })?;
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

    /// Writes the trailer; everything has gone to the IO then, also where the trailer failed.
    pub(super) fn finish(mut self) -> Result<(), libav::Error> {
        // SAFETY: the header is written, and the trailer is written once.
        let ended = unsafe { ffi::av_write_trailer(self.context) };
        let pb = self.io.as_mut_ptr();
        // SAFETY: the IO lives as long as this value.
        unsafe { ffi::avio_flush(pb) };
        check(ended)?;
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

/// Makes a packet of bytes.
pub(super) fn packet_of(data: &[u8], is_key: bool) -> libav::Packet {
    let mut packet = libav::Packet::copy(data);
    if is_key {
        packet.set_flags(libav::packet::Flags::KEY);
    }
    packet
}
