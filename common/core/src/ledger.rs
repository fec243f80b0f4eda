//! The durable state: what the records say.
