//! Messages of the wire, and objects of the store.

use std::fmt::Debug;

use cleanplate_proto::{WireError, v1 as pb};
use cleanplate_store::{decode_object, encode_object, kinds};
use cleanplate_types::brief::JobBrief;
use cleanplate_types::failure::Failure;
use cleanplate_types::frames::{FrameRange, FrameTable};
use cleanplate_types::model::Detector;
use cleanplate_types::object::ObjectRef;
use cleanplate_types::part::{PartManifest, PartSummary};
use cleanplate_types::request::{JobRequest, ToldPlan};
use cleanplate_types::source::{SourceDescription, SourceRef};
use cleanplate_types::trail::TrailEntry;
use prost::Message;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Which message, by the first byte; the others are it.
pub(crate) fn messages(data: &[u8]) {
    let Some((kind, data)) = data.split_first() else { return };
    match kind % 12 {
        0 => converted::<pb::JobRequest, JobRequest>(data),
        1 => converted::<pb::PartSummary, PartSummary>(data),
        2 => converted::<pb::Failure, Failure>(data),
        3 => converted::<pb::TrailEntry, TrailEntry>(data),
        4 => converted::<pb::ObjectRef, ObjectRef>(data),
        5 => converted::<pb::SourceRef, SourceRef>(data),
        6 => converted::<pb::FrameRange, FrameRange>(data),
        7 => converted::<pb::Detector, Detector>(data),
        8 => drop(decoded::<pb::ToldPlan>(data).map(ToldPlan::try_from)),
        9 => drop(decoded::<pb::FromWorker>(data)),
        10 => drop(decoded::<pb::ToWorker>(data)),
        _ => drop(decoded::<pb::SubmitRequest>(data)),
    }
}

fn decoded<M: Message + Default>(data: &[u8]) -> Option<M> {
    M::decode(data).ok()
}

/// What is accepted comes back the same over the wire.
fn converted<M, T>(data: &[u8])
where
    M: Message + Default + From<T>,
    T: TryFrom<M, Error = WireError> + Clone + PartialEq + Debug,
{
    let Some(message) = decoded::<M>(data) else { return };
    let Ok(value) = T::try_from(message) else { return };
    let bytes = M::from(value.clone()).encode_to_vec();
    let again = decoded::<M>(&bytes).expect("what was encoded decodes");
    let again = T::try_from(again).unwrap_or_else(|error| panic!("{value:?} is refused: {error}"));
    assert_eq!(again, value, "over the wire and back");
}

/// Which object, by the first byte; the others are its body, or all of it where the first byte is even.
pub(crate) fn objects(data: &[u8]) {
    let Some((kind, data)) = data.split_first() else { return };
    match kind % 4 {
        0 => object::<FrameTable>(kinds::TABLE, data),
        1 => object::<SourceDescription>(kinds::DESCRIPTION, data),
        2 => object::<PartManifest>(kinds::MANIFEST, data),
        _ => object::<JobBrief>(kinds::BRIEF, data),
    }
}

fn object<T: Serialize + DeserializeOwned + PartialEq + Debug>(kind: &str, data: &[u8]) {
    let Ok(value) = decode_object::<T>(kind, data) else { return };
    let Ok(bytes) = encode_object(kind, &value) else { return };
    let again: T = decode_object(kind, &bytes).expect("what was encoded decodes");
    assert_eq!(again, value, "into the store and back");
}
