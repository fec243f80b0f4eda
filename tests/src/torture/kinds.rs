//! Every kind of clip, by what is hard about it.

mod codecs;
mod containers;
mod damage;
mod gops;
mod pixels;
mod scans;
mod times;
mod tracks;

use super::kind::Kind;

/// All kinds, in a fixed order.
#[must_use]
pub fn all() -> Vec<&'static Kind> {
    let groups: [&'static [Kind]; 8] = [
        gops::KINDS,
        times::KINDS,
        scans::KINDS,
        pixels::KINDS,
        codecs::KINDS,
        containers::KINDS,
        tracks::KINDS,
        damage::KINDS,
    ];
    groups.into_iter().flatten().collect()
}

/// The kind called `name`.
#[must_use]
pub fn named(name: &str) -> Option<&'static Kind> {
    all().into_iter().find(|kind| kind.name == name)
}
