//! What was asked of a job, for people: what it was submitted with, as the coordinator keeps it.
//!
//! Owns which options are told. Refuses to repeat masks, logos and plans: it says that they were given.

use cleanplate_proto::v1::{Detector, JobRequest};
use cleanplate_shapes::region;

/// Regions that people are told one by one, at most.
const REGIONS_TOLD: usize = 8;

/// The options that say something, each with its value.
pub(crate) fn in_words(request: &JobRequest) -> Vec<(&'static str, String)> {
    let JobRequest { regions, masks, logos, told, detect, detectors, painter, .. } = request;
    let count = |what: &str, count: usize| (count > 0).then(|| format!("{count} {what}"));
    let sought = detect.iter().cloned().chain(detectors.iter().filter_map(detector));
    let more = regions.len().saturating_sub(REGIONS_TOLD);
    let regions = regions.iter().take(REGIONS_TOLD).map(|it| format!("region {}", region(it)));
    let removed = regions.map(Some).chain([
        count("more regions", more),
        count("masks", masks.len()),
        count("logos", logos.len()),
        told.as_ref().map(|_| "the overlays of another video's plan".to_owned()),
    ]);
    let removed: Vec<String> = removed.flatten().collect();
    let sought: Vec<String> = sought.collect();
    let fill = painter.as_ref().map_or_else(|| request.fill.clone(), |model| model.url.clone());
    let encoder = if request.lossless {
        format!("{}, lossless", request.encoder)
    } else {
        request.encoder.clone()
    };
    let told = [
        ("asked: remove", removed.join("; ")),
        ("asked: detect", sought.join("; ")),
        ("asked: fill", fill),
        ("asked: encoder", encoder),
        ("asked: preset", request.preset.clone().unwrap_or_default()),
        ("owner", request.owner.clone()),
        (
            "priority",
            match request.priority {
                0 => String::new(),
                priority => priority.to_string(),
            },
        ),
    ];
    told.into_iter().filter(|(_, value)| !value.is_empty()).collect()
}

/// A detector: its model, and what of it counts.
fn detector(detector: &Detector) -> Option<String> {
    let Detector { what: _, model, classes, score_min } = detector;
    let url = &model.as_ref()?.url;
    let mut text = url.strip_prefix("installed:").unwrap_or(url).to_owned();
    if !classes.is_empty() {
        text.push_str(&format!(", classes {}", classes.join(" and ")));
    }
    if let Some(score) = score_min {
        text.push_str(&format!(", score {}.{:03} or more", score / 1000, score % 1000));
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use cleanplate_proto::v1::{ModelRef, Rect, Region, TimeSpan};
    use cleanplate_shapes::Asked;

    use super::*;

    #[test]
    fn what_was_asked_for_is_told_and_what_was_not_is_left_out() {
        let text = ModelRef { url: "installed:text".to_owned(), ..ModelRef::default() };
        let rect = Rect { x: 1, y: 2, width: 30, height: 40 };
        let when = TimeSpan { from_nanos: 0, to_nanos: 90_500_000_000 };
        let request = JobRequest {
            regions: vec![
                Region { rect: Some(rect), when: None },
                Region { rect: Some(rect), when: Some(when) },
            ],
            detectors: vec![Detector {
                model: Some(text),
                classes: vec!["logo".to_owned()],
                score_min: Some(50),
                ..Detector::default()
            }],
            fill: "auto".to_owned(),
            encoder: "libx264".to_owned(),
            owner: "archive".to_owned(),
            priority: -5,
            ..JobRequest::default()
        };
        let told = in_words(&request);
        let value =
            |name: &str| told.iter().find(|(told, _)| *told == name).map(|it| it.1.as_str());
        assert_eq!(value("asked: remove"), Some("region 1,2,30,40; region 1,2,30,40@0-90.5"));
        let sought = "text, classes logo, score 0.050 or more";
        assert_eq!(value("asked: detect"), Some(sought));
        assert_eq!((value("owner"), value("priority")), (Some("archive"), Some("-5")));
        assert_eq!(value("asked: preset"), None);
        let json = serde_json::to_value(Asked::from(&request)).unwrap();
        assert_eq!(json["detectors"][0], "installed:text");
        assert_eq!(json["region"][1], "1,2,30,40@0-90.5");
    }
}
