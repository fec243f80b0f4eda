//! The messages between a parent and its child, and how they lie on the socket.
//!
//! A message is its length as a little-endian `u32`, then postcard. Both ends are the same binary,
//! so the encoding needs no versions.

use std::io::{self, Read, Write};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tokio::io::{AsyncRead, AsyncReadExt as _};

/// The largest message: a piece of data and room for what surrounds it.
pub(crate) const MESSAGE_BYTES_MAX: usize = DATA_BYTES_MAX + 4096;

/// The most bytes of a file that one message carries: large enough that the socket is no cost,
/// small enough that a child that reads two things at once holds a few MiB.
pub(crate) const DATA_BYTES_MAX: usize = 1 << 20;

/// From child to parent.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Up {
    /// Open the source or object that the parent knows by `name`.
    Open { call: u64, name: String },
    /// Read `bytes` from `offset` on.
    Read { call: u64, file: u32, offset: u64, bytes: u32 },
    /// Begin to write the object that the parent knows by `name`.
    Create { call: u64, name: String },
    /// Keep the first `bytes` of an object open for patches.
    KeepHead { call: u64, sink: u32, bytes: u64 },
    /// Write at `offset`.
    Write {
        call: u64,
        sink: u32,
        offset: u64,
        #[serde(with = "serde_bytes")]
        data: Vec<u8>,
    },
    /// Complete an object.
    Finish { call: u64, sink: u32 },
    /// Forget a file that was opened.
    Close { file: u32 },
    /// Forget an object that was begun.
    Abandon { sink: u32 },
    /// Ask something that only the work's own code understands.
    Ask {
        call: u64,
        #[serde(with = "serde_bytes")]
        question: Vec<u8>,
    },
    /// Tell something that only the work's own code understands.
    Event {
        #[serde(with = "serde_bytes")]
        event: Vec<u8>,
    },
    /// The work is done.
    Done {
        #[serde(with = "serde_bytes")]
        result: Vec<u8>,
    },
    /// The walls that stand; the first message.
    Walled { report: crate::walls::WallsReport },
    /// The work failed; a `Failure`.
    Failed { failure: cleanplate_types::failure::Failure },
}

/// From parent to child.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Down {
    /// What to do; the first message.
    Start {
        /// What is to be put up around the child before it does it.
        walls: crate::walls::Walls,
        #[serde(with = "serde_bytes")]
        request: Vec<u8>,
    },
    /// The answer to the call of that number.
    Reply { call: u64, reply: Reply },
}

/// An answer.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Reply {
    Opened {
        file: u32,
        size: u64,
    },
    Data {
        #[serde(with = "serde_bytes")]
        data: Vec<u8>,
    },
    Created {
        sink: u32,
    },
    Written,
    Finished {
        bytes: u64,
    },
    Said {
        #[serde(with = "serde_bytes")]
        answer: Vec<u8>,
    },
    Refused {
        kind: ErrorKind,
        message: String,
    },
}

/// The kinds of `io::Error` that mean something to the other side.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) enum ErrorKind {
    NotFound,
    PermissionDenied,
    InvalidInput,
    InvalidData,
    StorageFull,
    Other,
}

impl ErrorKind {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "`io::ErrorKind` is not ours and may grow: the rest is told by its message"
    )]
    pub(crate) const fn of(kind: io::ErrorKind) -> Self {
        match kind {
            io::ErrorKind::NotFound => Self::NotFound,
            io::ErrorKind::PermissionDenied => Self::PermissionDenied,
            io::ErrorKind::InvalidInput => Self::InvalidInput,
            io::ErrorKind::InvalidData => Self::InvalidData,
            io::ErrorKind::StorageFull => Self::StorageFull,
            _ => Self::Other,
        }
    }

    pub(crate) const fn io(self) -> io::ErrorKind {
        match self {
            Self::NotFound => io::ErrorKind::NotFound,
            Self::PermissionDenied => io::ErrorKind::PermissionDenied,
            Self::InvalidInput => io::ErrorKind::InvalidInput,
            Self::InvalidData => io::ErrorKind::InvalidData,
            Self::StorageFull => io::ErrorKind::StorageFull,
            Self::Other => io::ErrorKind::Other,
        }
    }
}

fn bad(error: postcard::Error) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

fn checked_length(prefix: [u8; 4]) -> io::Result<usize> {
    let length = u32::from_le_bytes(prefix) as usize;
    if length > MESSAGE_BYTES_MAX {
        let text = format!("a message of {length} bytes is over the limit of {MESSAGE_BYTES_MAX}");
        return Err(io::Error::new(io::ErrorKind::InvalidData, text));
    }
    Ok(length)
}

/// The bytes of a message, length first.
pub(crate) fn encode<T: Serialize>(message: &T) -> io::Result<Vec<u8>> {
    let mut bytes = postcard::to_extend(message, vec![0; 4]).map_err(bad)?;
    let length = u32::try_from(bytes.len() - 4).map_err(io::Error::other)?;
    let (prefix, _) = bytes.split_at_mut(4);
    prefix.copy_from_slice(&length.to_le_bytes());
    Ok(bytes)
}

/// Writes a message.
pub(crate) fn write<T: Serialize>(mut to: impl Write, message: &T) -> io::Result<()> {
    to.write_all(&encode(message)?)
}

/// Reads a message; `None` at the end of the stream.
pub(crate) fn read<T: DeserializeOwned>(mut from: impl Read) -> io::Result<Option<T>> {
    let mut prefix = [0; 4];
    match from.read_exact(&mut prefix) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        other => other?,
    }
    let mut body = vec![0; checked_length(prefix)?];
    from.read_exact(&mut body)?;
    postcard::from_bytes(&body).map(Some).map_err(bad)
}

/// Reads a message; `None` at the end of the stream.
pub(crate) async fn read_async<T: DeserializeOwned>(
    mut from: impl AsyncRead + Unpin,
) -> io::Result<Option<T>> {
    let mut prefix = [0; 4];
    match from.read_exact(&mut prefix).await {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
        Ok(_) => {}
    }
    let mut body = vec![0; checked_length(prefix)?];
    from.read_exact(&mut body).await?;
    postcard::from_bytes(&body).map(Some).map_err(bad)
}
