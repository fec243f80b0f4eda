//! The raw side of a packet that is kept: its flags and its side data, which the safe view cannot set.
//!
//! Owns nothing. Refuses side data of a kind that this libav does not know.
#![expect(unsafe_code, reason = "libav's packets are C")]

use ffmpeg_next as libav;
use libav::ffi;
use libav::packet::{Mut as _, Ref as _};

/// All flags of a packet.
pub(super) fn flags(packet: &libav::Packet) -> i32 {
    // SAFETY: the packet is borrowed; its fields are plain numbers.
    let fields = unsafe { &*packet.as_ptr() };
    fields.flags
}

/// Sets all flags of a packet.
pub(super) fn set_flags(packet: &mut libav::Packet, flags: i32) {
    // SAFETY: the packet is borrowed exclusively; its fields are plain numbers.
    let fields = unsafe { &mut *packet.as_mut_ptr() };
    fields.flags = flags;
}

/// The side data of a packet, by libav's own numbers of its kinds, which are part of its ABI.
pub(super) fn side_data(packet: &libav::Packet) -> Vec<(u32, Vec<u8>)> {
    // SAFETY: the packet is borrowed; its fields are plain numbers and pointers.
    let fields = unsafe { &*packet.as_ptr() };
    let count = usize::try_from(fields.side_data_elems).unwrap_or(0);
    if fields.side_data.is_null() || count == 0 {
        return Vec::new();
    }
    // SAFETY: libav keeps so many entries there.
    let entries = unsafe { std::slice::from_raw_parts(fields.side_data, count) };
    let one = |entry: &ffi::AVPacketSideData| {
        let bytes = if entry.data.is_null() || entry.size == 0 {
            Vec::new()
        } else {
            // SAFETY: libav keeps `size` bytes there.
            unsafe { std::slice::from_raw_parts(entry.data, entry.size) }.to_vec()
        };
        (entry.type_ as u32, bytes)
    };
    entries.iter().map(one).collect()
}

/// Adds side data; false where its kind is not known or there is no memory.
pub(super) fn add_side_data(packet: &mut libav::Packet, number: u32, bytes: &[u8]) -> bool {
    let Some(kind) = kind_of(number) else { return false };
    // SAFETY: the packet is borrowed exclusively and is valid.
    let place = unsafe { ffi::av_packet_new_side_data(packet.as_mut_ptr(), kind, bytes.len()) };
    if place.is_null() {
        return false;
    }
    // SAFETY: libav has made room for so many bytes there, which nobody else knows yet.
    unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), place, bytes.len()) };
    true
}

fn kind_of(number: u32) -> Option<ffi::AVPacketSideDataType> {
    if number >= ffi::AVPacketSideDataType::AV_PKT_DATA_NB as u32 {
        return None;
    }
    // SAFETY: libav numbers its kinds without gaps from 0 up to, but not including, `AV_PKT_DATA_NB`,
    // and the bindings are made from its headers.
    Some(unsafe { std::mem::transmute::<u32, ffi::AVPacketSideDataType>(number) })
}
