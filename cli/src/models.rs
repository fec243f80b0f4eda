//! Models as they are typed: `text`, `faces`, a path or a URL of an ONNX file, pinned by their content.
//!
//! Owns the reading of a model at submission, for its hash alone. Refuses to open it: that is a worker's.

use cleanplate_store::{Location, SourceReader};
use cleanplate_types::digest::Sha;
use cleanplate_types::model::{Detector, DetectorKind, ModelRef};
use cleanplate_vision::known_model;

use crate::arguments::WhatArguments;
use crate::exit::{Refusal, Status};

/// What a file must end with to be taken for a model.
pub(crate) const SUFFIX: &str = ".onnx";

/// Whether what was typed names a model of the user's own, in whatever case.
pub(crate) fn is_own(typed: &str) -> bool {
    let at = typed.len().saturating_sub(SUFFIX.len());
    typed.get(at..).is_some_and(|end| end.eq_ignore_ascii_case(SUFFIX))
}

/// Whether `start` may be the first byte of an ONNX file: the tag of a field that `ModelProto` has, by its number and the
/// form that its type has on the wire (onnx.proto; fields above 15 take two bytes and stand last).
const fn begins_a_model(start: u8) -> bool {
    matches!((start >> 3, start & 7), (1 | 5, 0) | (2..=4 | 6..=8 | 14, 2))
}

/// Bytes of a model at most: what ONNX's own container can hold.
const BYTES_MAX: u64 = 2 << 30;

/// A detector as it was typed to `--detect`; `None` where the word is none of a model.
///
/// # Errors
/// A refusal where the file cannot be read.
pub(crate) async fn detector(
    typed: &str,
    what: &WhatArguments,
) -> Result<Option<Detector>, Refusal> {
    let (kind, model) = match typed {
        "text" => (DetectorKind::Text, installed(typed)?),
        "faces" => (DetectorKind::Faces, installed(typed)?),
        own if is_own(own) => (DetectorKind::Own, pinned("--detect", own).await?),
        _ => return Ok(None),
    };
    let own = kind == DetectorKind::Own;
    let classes = if own { what.detect_class.clone() } else { Vec::new() };
    let score_min = what.detect_score.filter(|_| own);
    Ok(Some(Detector { what: kind, model, classes, score_min }))
}

/// The model that workers have installed under that name.
fn installed(name: &str) -> Result<ModelRef, Refusal> {
    let known = known_model(name);
    let known = known.ok_or_else(|| Refusal::failed(format!("no model is called `{name}`")))?;
    Ok(ModelRef::installed(name, known.sha, known.bytes))
}

/// The model at a path or URL, as it is now.
///
/// # Errors
/// A refusal names the option and what was typed.
pub(crate) async fn pinned(option: &str, typed: &str) -> Result<ModelRef, Refusal> {
    let refused = |error: String| Refusal::new(Status::Usage, format!("{option} {typed}: {error}"));
    let location = Location::parse(typed).map_err(|error| refused(error.to_string()))?;
    let reader = SourceReader::open(&location, None).await;
    let reader = reader.map_err(|error| refused(error.to_string()))?;
    let bytes = reader.head().bytes;
    if bytes == 0 || bytes > BYTES_MAX {
        return Err(refused(format!("it has {bytes} bytes; a model has 2 GiB at most, and some")));
    }
    let size = usize::try_from(bytes).map_err(|error| refused(error.to_string()))?;
    let read = reader.read_range(0, size).await.map_err(|error| refused(error.to_string()))?;
    if !read.first().is_some_and(|start| begins_a_model(*start)) {
        return Err(refused(
            "it is not an ONNX file; give one that was exported as .onnx".to_owned(),
        ));
    }
    Ok(ModelRef { url: location.url(), sha: Sha::of(&read), bytes })
}

/// A score as it is typed, from 0 to 1, in thousandths.
///
/// # Errors
/// What it must be.
pub(crate) fn score(text: &str) -> Result<u16, String> {
    let score: f64 = text.parse().map_err(|_none| format!("`{text}` is no number"))?;
    if !(0.0..=1.0).contains(&score) {
        return Err(format!("`{text}` is not from 0 to 1"));
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is from 0 to 1000"
    )]
    let thousandths = (score * 1000.0).round() as u16;
    Ok(thousandths)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_file_is_pinned_as_it_is_and_an_absent_one_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("marks.onnx");
        std::fs::write(&path, b"\x08\x07").unwrap();
        let typed = path.display().to_string();
        let model = pinned("--detect", &typed).await.unwrap();
        assert_eq!((model.sha, model.bytes), (Sha::of(b"\x08\x07"), 2));
        assert!(!model.is_installed() && model.to_string() == "marks.onnx");
        let refusal = pinned("--fill", "/absent/lama.onnx").await.unwrap_err();
        assert_eq!(refusal.status, Status::Usage);
        assert!(refusal.message.starts_with("--fill /absent/lama.onnx"), "{}", refusal.message);
    }

    #[tokio::test]
    async fn what_is_no_onnx_file_is_refused_before_any_work_whatever_its_name_says() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("page.ONNX");
        let typed = path.display().to_string();
        assert!(is_own(&typed) && !is_own("x") && !is_own("text"));
        for bytes in [&b"<!DOCTYPE html>"[..], b"this is no model", b"PK\x03\x04"] {
            std::fs::write(&path, bytes).unwrap();
            let refusal = pinned("--detect", &typed).await.unwrap_err();
            assert!(refusal.message.contains("not an ONNX file"), "{}", refusal.message);
        }
    }

    #[tokio::test]
    async fn classes_and_score_are_for_models_of_the_users_own() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("marks.onnx");
        std::fs::write(&path, b"\x08\x07").unwrap();
        let what = WhatArguments {
            detect_class: vec!["logo".to_owned()],
            detect_score: Some(400),
            ..WhatArguments::default()
        };
        let own = detector(&path.display().to_string(), &what).await.unwrap().unwrap();
        assert_eq!((own.classes, own.score_min), (vec!["logo".to_owned()], Some(400)));
        let text = detector("text", &what).await.unwrap().unwrap();
        assert_eq!((text.classes, text.score_min), (Vec::new(), None));
        assert!(text.model.is_installed());
        assert_eq!(detector("static", &what).await.unwrap(), None);
    }

    #[test]
    fn a_score_is_from_0_to_1() {
        assert_eq!(score("0.4"), Ok(400));
        assert_eq!(score("1"), Ok(1000));
        assert!(score("40").is_err() && score("x").is_err() && score("NaN").is_err());
    }
}
