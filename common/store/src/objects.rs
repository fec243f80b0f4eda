//! How a value of ours becomes an object, and comes back: a small head, then postcard bytes,
//! compressed where that pays.
//!
//! The head is `CPLT`, the format version (u16), a flag byte, and the kind's length and name; then,
//! where the body is compressed, its raw size (u64). Numbers are little-endian. The kind keeps a
//! table from being read as a plan: postcard alone would take nearly any bytes for anything.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// The first bytes of every object.
const MAGIC: &[u8; 4] = b"CPLT";

/// The format written; raised when the types' postcard form changes, so that a reader of another
/// version refuses it in words.
pub const FORMAT: u16 = 6;

/// Bodies larger than this are compressed, in bytes: below it the head of a zstd frame and the
/// call cost more than they save.
const COMPRESS_FROM: usize = 4096;

/// zstd's level: tables shrink to about a fifth at some 300 MB/s.
const LEVEL: i32 = 3;

/// The largest body taken, in bytes: a frame table of 10 hours at 60 fps whose frames have all their
/// own distance is about 10 MB, so this is more than any real one needs, and what a hostile head can
/// make us allocate.
pub const BODY_BYTES_MAX: u64 = 256 << 20;

const PLAIN: u8 = 0;
const ZSTD: u8 = 1;

/// Why bytes are not the object that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ObjectError {
    /// The bytes do not begin as an object of ours, or end too early.
    #[error("it is no object of cleanplate")]
    NotOurs,
    /// Another version wrote it.
    #[error("it has format {found}, this version reads {FORMAT}; use the same version everywhere")]
    Version {
        /// Its format.
        found: u16,
    },
    /// It is another kind of object.
    #[error("it is a {found}, not a {wanted}")]
    Kind {
        /// The kind asked for.
        wanted: String,
        /// The kind found.
        found: String,
    },
    /// The kind's name is empty or longer than 255 bytes.
    #[error("`{0}` cannot name a kind of object")]
    BadKind(String),
    /// The body is larger than any real one.
    #[error("its body has {bytes} bytes, more than {BODY_BYTES_MAX}")]
    TooLarge {
        /// Its size in bytes.
        bytes: u64,
    },
    /// The body does not decompress.
    #[error("its body does not decompress: {0}")]
    Compression(String),
    /// The body is not a value of the type, or the value has no bytes.
    #[error("its body is not a {kind}: {detail}")]
    Body {
        /// The kind.
        kind: String,
        /// postcard's words.
        detail: String,
    },
}

/// Turns `value` into the bytes of an object of `kind`.
///
/// # Errors
/// [`ObjectError::BadKind`], [`ObjectError::Body`] and [`ObjectError::TooLarge`].
pub fn encode_object<T: Serialize>(kind: &str, value: &T) -> Result<Vec<u8>, ObjectError> {
    let Ok(length @ 1..) = u8::try_from(kind.len()) else {
        return Err(ObjectError::BadKind(kind.to_owned()));
    };
    let body = postcard::to_stdvec(value)
        .map_err(|error| ObjectError::Body { kind: kind.to_owned(), detail: error.to_string() })?;
    let bytes = body.len() as u64;
    if bytes > BODY_BYTES_MAX {
        return Err(ObjectError::TooLarge { bytes });
    }
    let packed = if body.len() > COMPRESS_FROM {
        let packed = zstd::bulk::compress(&body, LEVEL)
            .map_err(|error| ObjectError::Compression(error.to_string()))?;
        (packed.len() < body.len()).then_some(packed)
    } else {
        None
    };
    let mut object = Vec::with_capacity(32 + packed.as_ref().map_or(body.len(), Vec::len));
    object.extend_from_slice(MAGIC);
    object.extend_from_slice(&FORMAT.to_le_bytes());
    object.push(if packed.is_some() { ZSTD } else { PLAIN });
    object.push(length);
    object.extend_from_slice(kind.as_bytes());
    match packed {
        Some(packed) => {
            object.extend_from_slice(&bytes.to_le_bytes());
            object.extend_from_slice(&packed);
        }
        None => object.extend_from_slice(&body),
    }
    Ok(object)
}

/// Takes the value back from an object of `kind`.
///
/// # Errors
/// Every [`ObjectError`]; hostile bytes give an error, never more memory than
/// [`BODY_BYTES_MAX`].
pub fn decode_object<T: DeserializeOwned>(kind: &str, object: &[u8]) -> Result<T, ObjectError> {
    let (flag, body) = open(kind, object)?;
    let wrong = |error: postcard::Error| ObjectError::Body {
        kind: kind.to_owned(),
        detail: error.to_string(),
    };
    match flag {
        PLAIN => exact(body).map_err(wrong),
        ZSTD => exact(&unpack(body)?).map_err(wrong),
        _ => Err(ObjectError::NotOurs),
    }
}

/// Checks the head and returns the flag and what follows the kind.
fn open<'a>(kind: &str, object: &'a [u8]) -> Result<(u8, &'a [u8]), ObjectError> {
    let rest = object.strip_prefix(MAGIC).ok_or(ObjectError::NotOurs)?;
    let (version, rest) = rest.split_first_chunk::<2>().ok_or(ObjectError::NotOurs)?;
    let found = u16::from_le_bytes(*version);
    if found != FORMAT {
        return Err(ObjectError::Version { found });
    }
    let (&[flag, length], rest) = rest.split_first_chunk::<2>().ok_or(ObjectError::NotOurs)?;
    let (name, body) = rest.split_at_checked(usize::from(length)).ok_or(ObjectError::NotOurs)?;
    if name != kind.as_bytes() {
        return Err(ObjectError::Kind {
            wanted: kind.to_owned(),
            found: String::from_utf8_lossy(name).into_owned(),
        });
    }
    Ok((flag, body))
}

fn unpack(body: &[u8]) -> Result<Vec<u8>, ObjectError> {
    let (bytes, packed) = body.split_first_chunk::<8>().ok_or(ObjectError::NotOurs)?;
    let bytes = u64::from_le_bytes(*bytes);
    let capacity = match usize::try_from(bytes) {
        Ok(capacity) if bytes <= BODY_BYTES_MAX => capacity,
        Ok(_) | Err(_) => return Err(ObjectError::TooLarge { bytes }),
    };
    let raw = zstd::bulk::decompress(packed, capacity)
        .map_err(|error| ObjectError::Compression(error.to_string()))?;
    if raw.len() == capacity {
        Ok(raw)
    } else {
        Err(ObjectError::Compression(format!("{} bytes instead of {bytes}", raw.len())))
    }
}

/// Reads a value and refuses bytes behind it: another type's bytes would leave some.
fn exact<T: DeserializeOwned>(body: &[u8]) -> Result<T, postcard::Error> {
    let (value, rest) = postcard::take_from_bytes(body)?;
    if rest.is_empty() { Ok(value) } else { Err(postcard::Error::SerdeDeCustom) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_comes_back_small_or_large() {
        for length in [0_u32, 5, 100_000] {
            let value: Vec<u32> = (0..length).collect();
            let object = encode_object("numbers", &value).unwrap();
            assert_eq!(decode_object::<Vec<u32>>("numbers", &object).unwrap(), value);
        }
    }

    #[test]
    fn a_large_value_is_compressed_and_a_small_one_is_not() {
        let large = encode_object("zeros", &vec![0_u8; 100_000]).unwrap();
        assert!(large.len() < 1000, "{} bytes", large.len());
        let small = encode_object("zeros", &vec![0_u8; 100]).unwrap();
        assert!(small.len() > 100);
    }

    #[test]
    fn an_object_of_another_kind_or_version_is_refused_in_words() {
        let mut object = encode_object("plan", &7_u32).unwrap();
        let error = decode_object::<u32>("table", &object).unwrap_err();
        assert_eq!(error.to_string(), "it is a plan, not a table");
        object[4] = 9;
        assert_eq!(decode_object::<u32>("plan", &object), Err(ObjectError::Version { found: 9 }));
    }

    #[test]
    fn bytes_that_are_no_object_are_refused() {
        let mut cut = encode_object("plan", &7_u32).unwrap();
        cut.truncate(11); // in the middle of its kind
        for bytes in [&b""[..], b"CPL", b"CPLT", &cut, b"RIFF\x01\0\0\0"] {
            assert_eq!(decode_object::<u32>("plan", bytes), Err(ObjectError::NotOurs), "{bytes:?}");
        }
        let mut longer = encode_object("plan", &7_u32).unwrap();
        longer.push(0);
        assert!(matches!(decode_object::<u32>("plan", &longer), Err(ObjectError::Body { .. })));
        let mut flag = encode_object("plan", &7_u32).unwrap();
        flag[6] = 2;
        assert_eq!(decode_object::<u32>("plan", &flag), Err(ObjectError::NotOurs));
    }

    #[test]
    fn every_cut_of_a_compressed_object_is_an_error() {
        let object = encode_object("n", &(0..5000_u32).collect::<Vec<_>>()).unwrap();
        for end in 0..object.len() {
            assert!(decode_object::<Vec<u32>>("n", &object[..end]).is_err(), "cut at {end}");
        }
    }

    #[test]
    fn a_head_that_promises_too_much_allocates_nothing() {
        let mut object = encode_object("n", &vec![0_u8; 10_000]).unwrap();
        object[9..17].copy_from_slice(&u64::MAX.to_le_bytes());
        assert_eq!(
            decode_object::<Vec<u8>>("n", &object),
            Err(ObjectError::TooLarge { bytes: u64::MAX })
        );
    }

    #[test]
    fn a_kind_needs_a_name() {
        assert!(matches!(encode_object("", &1_u8), Err(ObjectError::BadKind(_))));
        assert!(matches!(encode_object(&"k".repeat(256), &1_u8), Err(ObjectError::BadKind(_))));
    }
}
