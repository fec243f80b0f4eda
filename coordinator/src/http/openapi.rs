//! The description of the interface (`OpenAPI` 3.1), written by hand beside the handlers.
//!
//! Tests hold it against the table of routes and against the shapes themselves: a route or a field that is in one and
//! not in the other fails.

use std::future;

use axum::http::header;
use axum::response::{IntoResponse as _, Response};

/// The document.
pub(super) const DOCUMENT: &str = include_str!("openapi.json");

/// The document, which anybody may read who may read jobs.
pub(super) fn document() -> future::Ready<Response> {
    future::ready(([(header::CONTENT_TYPE, "application/json")], DOCUMENT).into_response())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use cleanplate_access::{Need, ROUTES};
    use cleanplate_proto::v1 as pb;
    use cleanplate_shapes::{
        Asked, Attempt, BatchFile, BatchRequest, BatchTotals, JobRequest, JobState, Plan, Worker,
    };
    use serde::Serialize;
    use serde_json::Value;

    use super::*;
    use crate::http::problem::Problem;

    fn document() -> Value {
        serde_json::from_str(DOCUMENT).unwrap()
    }

    #[test]
    fn every_route_is_described_with_its_role_and_no_other_is() {
        let document = document();
        let routes: BTreeSet<_> = ROUTES
            .iter()
            .map(|(method, path, need)| {
                let role = match need {
                    Need::Role(role) => role.as_str(),
                    Need::Probe => "probe",
                    Need::Join | Need::Worker | Need::Known | Need::Open => "none",
                };
                (method.to_ascii_lowercase(), (*path).to_owned(), role.to_owned())
            })
            .collect();
        let mut described = BTreeSet::new();
        for (path, methods) in document["paths"].as_object().unwrap() {
            for (method, operation) in methods.as_object().unwrap() {
                let role = operation["x-role"].as_str().unwrap().to_owned();
                described.insert((method.clone(), path.clone(), role));
            }
        }
        assert_eq!(described, routes);
    }

    fn keys(value: &Value) -> BTreeSet<&str> {
        value.as_object().unwrap().keys().map(String::as_str).collect()
    }

    /// The fields of a shape are those of its schema; a new one in either fails here.
    fn holds(name: &str, shape: impl Serialize) {
        let document = document();
        let schema = &document["components"]["schemas"][name];
        assert!(schema.is_object(), "{name} has no schema");
        let json = serde_json::to_value(shape).unwrap();
        assert_eq!(keys(&json), keys(&schema["properties"]), "{name}");
    }

    #[test]
    fn every_field_of_every_shape_is_described_and_no_other_is() {
        let failure = pb::Failure {
            kind: "bad_input".to_owned(),
            stage: "decode".to_owned(),
            attempt: 1,
            ..pb::Failure::default()
        };
        let outcome = pb::Outcome {
            kind: "failed".to_owned(),
            failure: Some(failure.clone()),
            ..pb::Outcome::default()
        };
        let overlay = pb::OverlayState { bounds: Some(pb::Rect::default()), ..Default::default() };
        let state = pb::JobState {
            overlays: vec![overlay],
            outcome: Some(outcome),
            ..pb::JobState::default()
        };
        let state = serde_json::to_value(JobState::try_from(state).unwrap()).unwrap();
        holds("Overlay", &state["overlays"][0]);
        holds("Outcome", &state["outcome"]);
        holds("Failure", &state["outcome"]["failure"]);
        holds("JobState", &state);
        holds("Asked", Asked::from(&pb::JobRequest::default()));
        let trail = vec![pb::TrailEntry::default()];
        let attempt = Attempt::try_from(pb::Attempt { trail, ..pb::Attempt::default() }).unwrap();
        holds("TrailLine", &attempt.trail[0]);
        holds("Attempt", attempt);
        let card = pb::Card { name: "x".to_owned(), vram_mib: 1, pretended: true };
        let worker = Worker::from(pb::WorkerState {
            card: Some(card),
            load: Some(pb::CardLoad::default()),
            encoders: vec![pb::EncoderProof::default()],
            ..pb::WorkerState::default()
        });
        holds("Card", worker.card.as_ref().unwrap());
        holds("CardLoad", worker.load.unwrap());
        holds("Encoder", &worker.encoders[0]);
        holds("Worker", worker);
        holds("JobRequest", JobRequest::default());
        holds("BatchRequest", BatchRequest::default());
        holds("BatchTotals", BatchTotals::default());
        let file = BatchFile {
            file: String::new(),
            outcome: String::new(),
            job: String::new(),
            output: String::new(),
            why: String::new(),
        };
        holds("BatchFile", file);
        holds("Plan", Plan::default());
        let elsewhere = cleanplate_proto::stands_by(Some("http://a"));
        holds("Problem", Problem::of(&elsewhere));
    }

    #[test]
    fn what_is_inside_a_request_is_described_too() {
        let json = r#"{"regions":[{"x":1,"y":1,"width":1,"height":1}],
            "masks":[{"width":1,"height":1,"bounds":{"x":0,"y":0,"width":1,"height":1},"bits":""}],
            "logos":[{"width":1,"height":1,"rgba":"","at":{"x":0,"y":0}}],
            "plan":{"width":1,"height":1,"mattes":"","overlays":[
                {"bounds":{"x":0,"y":0,"width":1,"height":1},"bits":"","hides":true}]},
            "detectors":[{"what":"text","model":{"url":"a","sha256":"","bytes":1}}]}"#;
        let request: JobRequest = serde_json::from_str(json).unwrap();
        let request = serde_json::to_value(request).unwrap();
        holds("Region", &request["regions"][0]);
        holds("Mask", &request["masks"][0]);
        holds("Rect", &request["masks"][0]["bounds"]);
        holds("Logo", &request["logos"][0]);
        holds("Corner", &request["logos"][0]["at"]);
        holds("PlanOverlay", &request["plan"]["overlays"][0]);
        holds("Detector", &request["detectors"][0]);
        holds("Model", &request["detectors"][0]["model"]);
    }

    #[test]
    fn every_reference_leads_somewhere() {
        let document = document();
        let begin = "#/components/schemas/";
        let names = DOCUMENT.split(begin).skip(1).filter_map(|rest| rest.split('"').next());
        for name in names {
            assert!(document["components"]["schemas"][name].is_object(), "{name}");
        }
    }
}
