//! The engine: the child process in which a lease's media work is done.
//!
//! Owns the child's main function and what all kinds of work have in common. Refuses network, keys
//! and paths: everything goes through the parent, by the names in `order.rs`.

mod audit;
mod card;
mod check;
mod colour;
mod desk;
mod fetch;
mod glimpse;
mod image;
mod intake;
mod look;
mod painting;
mod restoring;

use std::panic::{AssertUnwindSafe, catch_unwind};

use cleanplate_child::Link;
use cleanplate_types::failure::{Failure, FailureKind, Stage};
use cleanplate_types::trail::TrailEvent;

use crate::order::{Order, Work};
use crate::pipeline;

pub(crate) use card::OpenCard;
pub(crate) use desk::{Desk, unwritten};
pub(crate) use painting::Brush;
pub(crate) use restoring::{By, Clean, Restoring};

/// Whose child this process is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// A lease's.
    Worker,
    /// That of a look at the machine.
    Check,
    /// A coordinator's, for a picture of a source.
    Glimpse,
}

/// Does the work that the parent asks for over standard input; returns the process's exit status.
///
/// What went wrong with the work is told to the parent and is no bad status; a bad status is a
/// process that could not be a child at all.
#[must_use]
pub fn engine_main(whose: Whose) -> u8 {
    let (link, request) = match Link::from_stdin() {
        Ok(linked) => linked,
        Err(error) => {
            tracing::error!("{error}");
            return 2;
        }
    };
    let done = catch_unwind(AssertUnwindSafe(|| match whose {
        Whose::Worker => work(&link, &request),
        Whose::Check => check::run(&request),
        Whose::Glimpse => glimpse::run(&link, &request),
    }));
    let done = done.unwrap_or_else(|panic| Err(panicked(Stage::Fetch, panic.as_ref())));
    let told = match done {
        Ok(result) => link.done(result),
        Err(failure) => link.failed(failure),
    };
    match told {
        Ok(()) => 0,
        Err(error) => {
            tracing::error!(%error, "the parent does not listen");
            1
        }
    }
}

fn work(link: &Link, request: &[u8]) -> Result<Vec<u8>, Failure> {
    let order: Order = postcard::from_bytes(request).map_err(|error| senseless(&error))?;
    let desk = Desk::new(link.clone(), order);
    let done = match desk.order().work.clone() {
        Work::Intake(intake) => intake::run(&desk, &intake),
        Work::Analyse { look, window, detect, detectors, painter } => {
            look::run(&desk, look, window, &look::Wishes { detect, detectors, painter })
        }
        Work::Reduce { look, windows, fill } => look::reduce::run(&desk, look, windows, fill),
        Work::Segment(run) => pipeline::run(&desk, run),
        Work::Audit { cell, conceal } => audit::run(&desk, cell, conceal),
    };
    match done {
        Ok(outcome) => postcard::to_stdvec(&outcome).map_err(|error| senseless(&error)),
        Err(failure) => {
            desk.trail(failure.stage, TrailEvent::Failed, failure.message.clone(), None);
            Err(failure)
        }
    }
}

/// The failure that a panic is: a bug, by its own words.
pub(crate) fn panicked(stage: Stage, panic: &(dyn std::any::Any + Send)) -> Failure {
    let words = panic.downcast_ref::<&str>().map(|words| (*words).to_owned());
    let words = words.or_else(|| panic.downcast_ref::<String>().cloned());
    let words = words.unwrap_or_else(|| "without words".to_owned());
    Failure::new(FailureKind::Internal, stage, format!("the engine panicked: {words}"))
}

fn senseless(error: &postcard::Error) -> Failure {
    let text = format!("parent and engine do not understand each other: {error}");
    Failure::new(FailureKind::Internal, Stage::Fetch, text)
}
