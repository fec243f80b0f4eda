//! Encodes one cell: clean frames in, packets out, the same bytes for the same frames and contract.
//!
//! Owns the encoder's life: one a cell, opened anew, which is the reset. Refuses to choose anything:
//! all that changes a byte is in the [`EncodeSpec`].

use cleanplate_types::encode::EncodeSpec;
use cleanplate_types::time::Pts;

use crate::error::MediaError;
use crate::frame::VideoFrame;

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

/// The encoder of one cell.
#[derive(Debug)]
pub struct CellEncoder;

impl CellEncoder {
    /// Opens the encoder.
    ///
    /// # Errors
    /// [`MediaError::NoEncoder`], [`MediaError::Encode`].
    pub fn open(_spec: &EncodeSpec, _card: Option<u32>) -> Result<Self, MediaError> {
        Err(MediaError::Internal("not yet".to_owned()))
    }

    /// Says which frame of the job comes first: for errors, which name the frame that failed.
    #[must_use]
    pub const fn starting_at(self, _frame: u64) -> Self {
        self
    }

    /// The parameter sets, as libav's extradata; the same for every cell of a contract.
    #[must_use]
    pub const fn extradata(&self) -> &[u8] {
        &[]
    }

    /// How it encodes, for the trail, such as `libx264 preset medium, crf 18, 1 thread`.
    #[must_use]
    pub const fn way(&self) -> String {
        String::new()
    }

    /// Takes the next frame and hands out the packets that are ready.
    ///
    /// # Errors
    /// [`MediaError::Encode`], and whatever `take` returns.
    pub fn encode(
        &mut self,
        _frame: VideoFrame,
        _take: &mut dyn FnMut(EncodedPacket<'_>) -> Result<(), MediaError>,
    ) -> Result<(), MediaError> {
        Err(MediaError::Internal("not yet".to_owned()))
    }

    /// Ends the cell and hands out the packets that are left.
    ///
    /// # Errors
    /// [`MediaError::Encode`], and whatever `take` returns.
    pub fn finish(
        self,
        _take: &mut dyn FnMut(EncodedPacket<'_>) -> Result<(), MediaError>,
    ) -> Result<(), MediaError> {
        Err(MediaError::Internal("not yet".to_owned()))
    }
}
