//! What was asked of a job, for people and as JSON: what it was submitted with, as the coordinator keeps it.
//!
//! Owns which options are told. Refuses to repeat masks, logos and plans: it says that they were given.

use cleanplate_proto::v1::JobRequest;
use serde_json::{Value, json};

/// The options that say something, each with its value.
pub(crate) fn in_words(request: &JobRequest) -> Vec<(&'static str, String)> {
    let JobRequest { regions, masks, logos, told, detect, detectors, painter, .. } = request;
    let count = |what: &str, count: usize| (count > 0).then(|| format!("{count} {what}"));
    let models = detectors.iter().filter_map(|one| one.model.as_ref());
    let sought = detect.iter().cloned().chain(models.map(|model| model.url.clone()));
    let removed = [
        count("regions", regions.len()),
        count("masks", masks.len()),
        count("logos", logos.len()),
        told.as_ref().map(|_| "the overlays of another video's plan".to_owned()),
    ];
    let removed: Vec<String> = removed.into_iter().flatten().collect();
    let sought: Vec<String> = sought.collect();
    let fill = painter.as_ref().map_or_else(|| request.fill.clone(), |model| model.url.clone());
    let encoder = if request.lossless {
        format!("{}, lossless", request.encoder)
    } else {
        request.encoder.clone()
    };
    let told = [
        ("asked: remove", removed.join(", ")),
        ("asked: detect", sought.join(", ")),
        ("asked: fill", fill),
        ("asked: encoder", encoder),
        ("asked: preset", request.preset.clone().unwrap_or_default()),
        ("owner", request.owner.clone()),
        ("priority", request.priority.to_string()),
    ];
    told.into_iter().filter(|(_, value)| !value.is_empty()).collect()
}

/// The same as JSON.
pub(crate) fn as_json(request: &JobRequest) -> Value {
    json!({
        "regions": request.regions.len(),
        "masks": request.masks.len(),
        "logos": request.logos.len(),
        "plan": request.told.is_some(),
        "detect": request.detect,
        "detectors": request
            .detectors
            .iter()
            .map(|one| one.model.as_ref().map(|model| model.url.clone()))
            .collect::<Vec<_>>(),
        "fill": request.fill,
        "painter": request.painter.as_ref().map(|model| model.url.clone()),
        "encoder": request.encoder,
        "preset": request.preset,
        "quality": request.quality,
        "lossless": request.lossless,
        "owner": request.owner,
        "priority": request.priority,
    })
}

#[cfg(test)]
mod tests {
    use cleanplate_proto::v1::{Detector, ModelRef, Region};

    use super::*;

    #[test]
    fn what_was_asked_for_is_told_and_what_was_not_is_left_out() {
        let text = ModelRef { url: "installed:text".to_owned(), ..ModelRef::default() };
        let request = JobRequest {
            regions: vec![Region::default(); 2],
            detectors: vec![Detector { model: Some(text), ..Detector::default() }],
            fill: "auto".to_owned(),
            encoder: "libx264".to_owned(),
            owner: "archive".to_owned(),
            priority: -5,
            ..JobRequest::default()
        };
        let told = in_words(&request);
        let value =
            |name: &str| told.iter().find(|(told, _)| *told == name).map(|it| it.1.as_str());
        assert_eq!(value("asked: remove"), Some("2 regions"));
        assert_eq!(value("asked: detect"), Some("installed:text"));
        assert_eq!((value("owner"), value("priority")), (Some("archive"), Some("-5")));
        assert_eq!(value("asked: preset"), None);
        assert_eq!(as_json(&request)["detectors"][0], "installed:text");
    }
}
