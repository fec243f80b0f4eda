//! The processes in which media code runs: how one is started, fed, watched and ended.
//!
//! Strangers' files are opened in children only (invariant 12). A child has one socket, its
//! standard input: over it it reads sources and writes objects through its parent, so that it
//! needs no network, no keys and no path. The parent decides what each name means and refuses the
//! names that the work does not need. When the parent goes away the child ends.
//!
//! Before it sees a byte of a stranger's it puts walls up around itself (`walls.rs`).
//!
//! Owns the protocol, both of its ends, and the walls. Refuses to know what the work is: requests, events and
//! results are bytes to it.

mod host;
mod link;
mod parent;
mod spin;
mod walls;
mod wire;

pub use crate::host::{Host, HostFile, HostSink, Whole};
pub use crate::link::{Link, LinkError, RemoteFile, RemoteSink};
pub use crate::parent::{ChildEnd, ChildProgram, Limits, run_child};
pub use crate::walls::{
    Attempt, Breach, Computes, Wall, Walls, WallsMissing, WallsMode, WallsPolicy, WallsReport,
    escape,
};
