//! A look at the machine: which encoders make a real test picture here.

use cleanplate_media::capability;
use cleanplate_media::prove::prove;
use cleanplate_types::failure::{Failure, FailureKind, Stage};

use crate::order::{CheckOrder, Checked};

/// Proves the encoders of the request.
///
/// # Errors
/// Where the request makes no sense; an encoder that does not work is part of the answer.
pub(super) fn run(request: &[u8]) -> Result<Vec<u8>, Failure> {
    let senseless = |error: postcard::Error| {
        let text = format!("parent and engine do not understand each other: {error}");
        Failure::new(FailureKind::Internal, Stage::Encode, text)
    };
    let CheckOrder { encoders, card } = postcard::from_bytes(request).map_err(senseless)?;
    let proved = encoders.into_iter().map(|name| {
        let card = if name.is_hardware() { card } else { None };
        (name, prove(name, card).map_err(|error| error.to_string()))
    });
    let checked = Checked { library: capability::version(), encoders: proved.collect() };
    postcard::to_stdvec(&checked).map_err(senseless)
}
