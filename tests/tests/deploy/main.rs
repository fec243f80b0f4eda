//! What `deploy/` says: the chart rendered by a real helm and held to the schemas of Kubernetes and KEDA, the compose
//! file, the images' recipe, the secrets' script. `make containers` builds and runs the images themselves.

mod chart;
mod compose;
mod manifests;
mod refusals;
mod secrets;
mod settings;
