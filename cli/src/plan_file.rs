//! Plan files: what was learned of the overlays of one video, kept to remove them from others.
//!
//! JSON, so that people see what they have: where the overlays are, and as hexadecimal text their masks and
//! what they are made of. Owns the format and its number. Refuses to write over a file that is something
//! else, and to read one that this version could not use. Whether a plan fits a video is for the coordinator
//! to say: its size is not known here.

use std::fs::{self, File};
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use cleanplate_types::overlay::{Fill, Mask, Overlay, OverlayOrigin, OverlayPlan};
use cleanplate_types::picture::Rect;
use cleanplate_types::request::ToldPlan;
use cleanplate_worker::{ToldError, check_told, unknown_mattes};
use serde::{Deserialize, Serialize};

use crate::whole;

/// The format that is written and read.
const FORMAT: u32 = 1;
/// The most bytes of a plan file: twice what a request can carry, in hexadecimal, and the rest.
const FILE_BYTES_MAX: u64 = 64 << 20;
/// How the product's name begins in every plan file.
const PRODUCT: &str = "cleanplate ";

/// A file that is no plan, or cannot become one.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PlanFileError {
    /// It cannot be read.
    #[error("the plan {} cannot be read: {source}", .path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is something else.
    #[error(
        "{} is not a plan file ({why}); --save-plan and `cleanplate plan ID -o FILE` write them",
        .path.display()
    )]
    NotPlan {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// It was written by another version.
    #[error(
        "the plan {} has format {format}, written by {product}, and this version reads format {FORMAT}; \
         save it anew with this version", .path.display()
    )]
    OtherFormat {
        /// Which file.
        path: PathBuf,
        /// Its format.
        format: u32,
        /// What wrote it.
        product: String,
    },
    /// Its mattes are not what this version reads.
    #[error(
        "the plan {}, written by {product}, cannot be used: {source}; save it anew with this version",
        .path.display()
    )]
    Mattes {
        /// Which file.
        path: PathBuf,
        /// What wrote it.
        product: String,
        /// What is wrong with them.
        source: ToldError,
    },
    /// What it says cannot be.
    #[error("the plan {} is damaged: {what}; save it anew", .path.display())]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What cannot be.
        what: String,
    },
    /// The file that would be replaced is something else.
    #[error(
        "{} is there and is not a plan file; name another file, it is not replaced", .path.display()
    )]
    Foreign {
        /// Which file.
        path: PathBuf,
    },
    /// It cannot be written.
    #[error("the plan {} cannot be written: {why}", .path.display())]
    Unwritable {
        /// Which file.
        path: PathBuf,
        /// Why.
        why: String,
    },
}

/// What every plan file of whatever format begins with.
#[derive(Debug, Deserialize)]
struct Head {
    format: u32,
    product: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    format: u32,
    product: String,
    width: u32,
    height: u32,
    overlays: Vec<Told>,
    mattes: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Told {
    x: u32,
    y: u32,
    width: u32,
    height: u32,
    hides: bool,
    mask: String,
}

/// Reads the plan at `path`.
///
/// # Errors
/// [`PlanFileError`] says what is wrong with the file.
pub(crate) fn read(path: &Path) -> Result<ToldPlan, PlanFileError> {
    let text = text_of(path)?;
    let Head { format, product } =
        head(&text).map_err(|why| PlanFileError::NotPlan { path: path.to_owned(), why })?;
    if format != FORMAT {
        return Err(PlanFileError::OtherFormat { path: path.to_owned(), format, product });
    }
    let content = serde_json::from_slice(&text).map_err(|error| error.to_string());
    let told = content
        .and_then(told)
        .map_err(|what| PlanFileError::Damaged { path: path.to_owned(), what })?;
    check_told(&told).map_err(|source| PlanFileError::Mattes {
        path: path.to_owned(),
        product,
        source,
    })?;
    Ok(told)
}

/// Refuses a place where a plan could not be written, before there is one.
///
/// # Errors
/// [`PlanFileError`] says why.
pub(crate) fn check_target(path: &Path) -> Result<(), PlanFileError> {
    let unwritable = |why: String| PlanFileError::Unwritable { path: path.to_owned(), why };
    let folder = whole::folder_of(path);
    if !folder.is_dir() {
        return Err(unwritable(format!("there is no folder {}; make it first", folder.display())));
    }
    match fs::metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(unwritable(error.to_string())),
        Ok(metadata) if metadata.is_file() => match head(&text_of(path)?) {
            Ok(_) => Ok(()),
            Err(_) => Err(PlanFileError::Foreign { path: path.to_owned() }),
        },
        Ok(_) => Err(PlanFileError::Foreign { path: path.to_owned() }),
    }
}

/// Writes `plan` to `path`, whole; only another plan is replaced.
///
/// # Errors
/// [`PlanFileError`] says why not.
pub(crate) fn write(path: &Path, plan: &ToldPlan) -> Result<(), PlanFileError> {
    check_target(path)?;
    let unwritable = |why: String| PlanFileError::Unwritable { path: path.to_owned(), why };
    // An empty text would look as one that was lost.
    let mattes = match &plan.mattes[..] {
        [] => unknown_mattes(plan.plan.overlays.len())
            .map_err(|error| unwritable(error.to_string()))?,
        known => known.to_vec(),
    };
    let content = content(&plan.plan, &mattes);
    let mut text =
        serde_json::to_vec_pretty(&content).map_err(|error| unwritable(error.to_string()))?;
    text.push(b'\n');
    whole::write(path, &text).map_err(|error| unwritable(error.to_string()))
}

fn text_of(path: &Path) -> Result<Vec<u8>, PlanFileError> {
    let unreadable = |source| PlanFileError::Unreadable { path: path.to_owned(), source };
    let file = File::open(path).map_err(unreadable)?;
    let mut text = Vec::new();
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut text).map_err(unreadable)?;
    if text.len() as u64 > FILE_BYTES_MAX {
        let why = format!("it is larger than {} MiB", FILE_BYTES_MAX >> 20);
        return Err(PlanFileError::NotPlan { path: path.to_owned(), why });
    }
    Ok(text)
}

fn head(text: &[u8]) -> Result<Head, String> {
    let head: Head = serde_json::from_slice(text).map_err(|error| error.to_string())?;
    if head.product.starts_with(PRODUCT) {
        Ok(head)
    } else {
        Err(format!("it was written by `{}`", head.product))
    }
}

fn content(plan: &OverlayPlan, mattes: &[u8]) -> Content {
    let overlays = plan.overlays.iter().map(|overlay| {
        let Rect { x, y, width, height } = overlay.mask.bounds;
        Told { x, y, width, height, hides: overlay.hides, mask: hex(&overlay.mask.bits) }
    });
    Content {
        format: FORMAT,
        product: format!("{PRODUCT}{}", env!("CARGO_PKG_VERSION")),
        width: plan.width,
        height: plan.height,
        overlays: overlays.collect(),
        mattes: hex(mattes),
    }
}

fn told(content: Content) -> Result<ToldPlan, String> {
    let Content { format: _, product: _, width, height, overlays, mattes } = content;
    if overlays.is_empty() {
        return Err("it has no overlays".to_owned());
    }
    let overlay = |(at, told): (usize, Told)| {
        let bounds = Rect { x: told.x, y: told.y, width: told.width, height: told.height };
        let ends = (bounds.x.checked_add(bounds.width), bounds.y.checked_add(bounds.height));
        let inside = bounds.width > 0
            && bounds.height > 0
            && ends.0.is_some_and(|right| right <= width)
            && ends.1.is_some_and(|bottom| bottom <= height);
        let bits = bytes(&told.mask)
            .ok_or_else(|| format!("the mask of overlay {at} is no text of bytes"))?;
        let mask = Mask { bounds, bits };
        if !inside || !mask.is_well_formed() {
            return Err(format!("the mask of overlay {at} does not fit its place"));
        }
        Ok(Overlay {
            origin: OverlayOrigin::Plan,
            mask,
            // The frames of another video mean nothing here, and how it was filled is asked anew.
            when: Vec::new(),
            fill: Fill::Auto,
            hides: told.hides,
        })
    };
    let overlays = overlays.into_iter().enumerate().map(overlay).collect::<Result<_, String>>()?;
    let mattes = bytes(&mattes).ok_or("what the overlays are made of is no text of bytes")?;
    Ok(ToldPlan { plan: OverlayPlan::new(width, height, overlays), mattes })
}

fn hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect()
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    if !hex.len().is_multiple_of(2) {
        return None;
    }
    let pairs = hex.as_bytes().chunks_exact(2);
    pairs.map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?)).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn plan() -> ToldPlan {
        let mut mask = Mask::empty(Rect { x: 3, y: 1, width: 9, height: 2 });
        mask.set(0, 0);
        mask.set(8, 1);
        let overlay = Overlay {
            origin: OverlayOrigin::Plan,
            mask,
            when: Vec::new(),
            fill: Fill::Auto,
            hides: true,
        };
        let mattes = unknown_mattes(1).unwrap();
        ToldPlan { plan: OverlayPlan::new(20, 10, vec![overlay]), mattes }
    }

    fn changed(path: &Path, change: impl FnOnce(&mut Value)) -> String {
        write(path, &plan()).unwrap();
        let mut value: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
        change(&mut value);
        fs::write(path, value.to_string()).unwrap();
        read(path).unwrap_err().to_string()
    }

    #[test]
    fn a_plan_comes_back_as_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("show.plan");
        write(&path, &plan()).unwrap();
        assert_eq!(read(&path).unwrap(), plan());
        // An earlier plan may be replaced.
        write(&path, &plan()).unwrap();
        let value: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        assert_eq!((&value["format"], &value["mattes"]), (&json!(1), &json!(hex(&plan().mattes))));
        // Where nothing is known of what the overlays are made of, that is said too.
        write(&path, &ToldPlan { mattes: Vec::new(), ..plan() }).unwrap();
        assert_eq!(read(&path).unwrap(), plan());
        assert!(value["product"].as_str().unwrap().starts_with("cleanplate "));
    }

    #[test]
    fn what_is_no_plan_of_this_format_is_refused_and_says_why() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("show.plan");
        let other = changed(&path, |plan| plan["format"] = json!(2));
        assert!(other.contains("format 2") && other.contains("format 1"), "{other}");
        let mask = changed(&path, |plan| plan["overlays"][0]["mask"] = json!("0101"));
        assert!(mask.contains("overlay 0 does not fit"), "{mask}");
        let outside = changed(&path, |plan| plan["overlays"][0]["x"] = json!(u32::MAX));
        assert!(outside.contains("overlay 0 does not fit"), "{outside}");
        let text = changed(&path, |plan| plan["mattes"] = json!("0g"));
        assert!(text.contains("made of"), "{text}");
        let lost = changed(&path, |plan| plan["mattes"] = json!(""));
        assert!(lost.contains("is missing") && lost.contains("save it anew"), "{lost}");
        let other = changed(&path, |plan| {
            plan["mattes"] = json!(hex(&unknown_mattes(2).unwrap()));
        });
        assert!(other.contains("2 mattes for 1 overlays"), "{other}");
        let newer = changed(&path, |plan| {
            let mut mattes = unknown_mattes(1).unwrap();
            mattes[4] = 99;
            plan["mattes"] = json!(hex(&mattes));
        });
        assert!(newer.contains("format 99") && newer.contains("save it anew"), "{newer}");
        let odd = changed(&path, |plan| plan["overlays"][0]["mask"] = json!("012"));
        assert!(odd.contains("no text of bytes"), "{odd}");
        let none = changed(&path, |plan| plan["overlays"] = json!([]));
        assert!(none.contains("no overlays"), "{none}");
        let field = changed(&path, |plan| plan["extra"] = json!(1));
        assert!(field.contains("extra"), "{field}");
        for words in ["only words", "{}", "{\"format\":1,\"product\":\"other 1\"}"] {
            fs::write(&path, words).unwrap();
            assert!(matches!(read(&path), Err(PlanFileError::NotPlan { .. })), "{words}");
        }
        assert!(matches!(read(folder.path()), Err(PlanFileError::Unreadable { .. })));
    }

    #[test]
    fn a_file_that_is_something_else_is_never_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("thesis.json");
        fs::write(&path, "{\"format\":1}").unwrap();
        assert!(matches!(write(&path, &plan()), Err(PlanFileError::Foreign { .. })));
        assert_eq!(fs::read_to_string(&path).unwrap(), "{\"format\":1}");
        assert!(matches!(check_target(folder.path()), Err(PlanFileError::Foreign { .. })));
        let absent = check_target(&folder.path().join("absent/x.plan")).unwrap_err().to_string();
        assert!(absent.contains("make it first"), "{absent}");
    }
}
