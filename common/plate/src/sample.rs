//! One sample of a plane, 8 or 16 bits wide. Owns widening and narrowing and nothing else.

/// A sample type that planes are made of.
pub(crate) trait Sample: Copy {
    /// The value, without loss.
    fn wide(self) -> u16;
    /// The sample of that value; values beyond the type saturate.
    fn narrow(value: u16) -> Self;
}

impl Sample for u8 {
    fn wide(self) -> u16 {
        u16::from(self)
    }

    fn narrow(value: u16) -> Self {
        Self::try_from(value).unwrap_or(Self::MAX)
    }
}

impl Sample for u16 {
    fn wide(self) -> u16 {
        self
    }

    fn narrow(value: u16) -> Self {
        value
    }
}
