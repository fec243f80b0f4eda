//! What may be wrong with a message.

/// A message that does not say what it must.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// A field that every message of the kind must have.
    #[error("the field `{0}` is missing")]
    Missing(&'static str),
    /// A field whose value means nothing.
    #[error("the field `{field}` is `{value}`, which is not known here")]
    Unknown {
        /// Which field.
        field: &'static str,
        /// Its value.
        value: String,
    },
    /// A number outside what it may be.
    #[error("the field `{0}` is out of range")]
    OutOfRange(&'static str),
}

impl From<WireError> for tonic::Status {
    fn from(error: WireError) -> Self {
        Self::invalid_argument(error.to_string())
    }
}
