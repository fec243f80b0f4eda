//! Object storage: every key as a pure function, ranged reads, uploads that appear whole or not
//! at all.
//!
//! Exposes only what S3 has (ranged get, put, multipart, list, delete, conditional create), so
//! that a job runs the same on a folder and on a bucket (invariant 11). Refuses rename, append and
//! any knowledge of what the objects mean.

pub mod address;
pub mod allow;
pub mod error;
pub mod keys;
pub mod kinds;
pub mod listing;
pub mod location;
pub mod objects;
pub mod reading;
pub mod settings;
pub mod store;
pub mod writing;

mod arrived;
mod backoff;
mod blocks;
mod disk;
mod movie_file;
mod movie_parts;
mod own_keys;
mod pace;
mod remote;
mod signing;
mod traffic;
mod transport;
mod upload_log;
mod web;

pub use address::{AddressError, https_host, is_public};
pub use allow::{Lists, PLACE_BYTES_MAX, Place, PlaceError, Places, Use};
pub use disk::keep_blocks_in;
pub use error::{Side, StoreError};
pub use listing::Names;
pub use location::{Location, Service, shown_place};
pub use objects::{FORMAT as OBJECT_FORMAT, ObjectError, decode_object, encode_object};
pub use own_keys::OwnKeys;
pub use reading::{LocalFile, SourceMeta, SourceReader};
pub use settings::{StorageSettings, WebSettings};
pub use signing::{Keys, Sign, Signed, Unsignable, Unsigned};
pub use store::{Listed, Store};
pub use traffic::{Traffic, traffic};
pub use upload_log::UploadLog;
pub use web::public_address;
pub use writing::{MovieUpload, PartUpload};
