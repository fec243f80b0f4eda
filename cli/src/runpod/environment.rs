//! What RunPod tells a container by its environment: where jobs come from, where outputs go, who this worker is.
//!
//! Owns the names of the variables and what is filled into their addresses, as RunPod's own SDK does it. Refuses to
//! show the key: it has no `Debug`.

use std::fmt;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::time::Duration;

use crate::settings::Lookup;

/// How often a sign of life is sent, where nothing else is said.
const PING_EVERY: Duration = Duration::from_secs(10);

/// The shortest time between two signs of life.
const PING_EVERY_MIN: Duration = Duration::from_millis(100);

/// A container that RunPod has not started.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotRunpod {
    /// A variable that the platform always sets is not there.
    #[error(
        "{0} is not set: this is no container of a serverless endpoint of RunPod; elsewhere use `cleanplate worker`"
    )]
    Absent(&'static str),
    /// One that does not say what it should.
    #[error("{name} is `{value}`; it must be a whole number of milliseconds")]
    Senseless {
        /// Its name.
        name: &'static str,
        /// Its value.
        value: String,
    },
}

/// See the top of the file.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Environment {
    /// This worker, as the platform names it.
    pub(crate) worker: String,
    /// Where a job is taken.
    take: String,
    /// Where an output goes, with `$ID` for the job's id.
    post: String,
    /// Where signs of life go.
    pub(crate) ping: Option<String>,
    /// How often.
    pub(crate) ping_every: Duration,
    /// What is shown with each request.
    pub(crate) key: Option<String>,
}

impl Environment {
    /// Reads the variables.
    ///
    /// # Errors
    /// [`NotRunpod`] names the one that is not as the platform sets it.
    pub(crate) fn read(lookup: &Lookup<'_>) -> Result<Self, NotRunpod> {
        let given = |name: &str| lookup(name).filter(|value| !value.is_empty());
        let needed = |name: &'static str| given(name).ok_or(NotRunpod::Absent(name));
        let worker = given("RUNPOD_POD_ID").unwrap_or_else(any_name);
        let name = "RUNPOD_PING_INTERVAL";
        let ping_every = given(name).map_or(Ok(PING_EVERY), |value| match value.parse() {
            Ok(millis) => Ok(Duration::from_millis(millis).max(PING_EVERY_MIN)),
            Err(_none) => Err(NotRunpod::Senseless { name, value }),
        })?;
        let of_pod = |url: String| url.replace("$RUNPOD_POD_ID", &worker);
        Ok(Self {
            take: needed("RUNPOD_WEBHOOK_GET_JOB")?.replace("$ID", &worker),
            post: of_pod(needed("RUNPOD_WEBHOOK_POST_OUTPUT")?),
            ping: given("RUNPOD_WEBHOOK_PING").map(of_pod),
            ping_every,
            key: given("RUNPOD_AI_API_KEY"),
            worker,
        })
    }

    /// Where a job is taken by a worker that has none.
    pub(crate) fn take_url(&self) -> String {
        with(&self.take, "job_in_progress=0")
    }

    /// Where it is told which jobs are to be stopped; nowhere where the address of jobs has another form.
    pub(crate) fn stop_url(&self) -> Option<String> {
        self.take.contains("/job-take/").then(|| self.take.replace("/job-take/", "/job-stop/"))
    }

    /// Where the output of a job goes.
    pub(crate) fn post_url(&self, job: &str) -> String {
        with(&self.post.replace("$ID", &in_path(job)), "isStream=false")
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Environment").field("worker", &self.worker).finish_non_exhaustive()
    }
}

/// `url` with one parameter more.
fn with(url: &str, parameter: &str) -> String {
    let divider = if url.contains('?') { '&' } else { '?' };
    format!("{url}{divider}{parameter}")
}

/// An id as it may stand in a path.
fn in_path(id: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    let letter =
        |byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    id.bytes().map(letter).collect()
}

/// A name for a worker that was given none.
fn any_name() -> String {
    // Each `RandomState` is seeded anew.
    format!("{:016x}", RandomState::new().build_hasher().finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    const USUAL: [(&str, &str); 5] = [
        ("RUNPOD_POD_ID", "pod-1"),
        ("RUNPOD_WEBHOOK_GET_JOB", "https://x/v2/e/job-take/$ID?gpu=L4"),
        ("RUNPOD_WEBHOOK_POST_OUTPUT", "https://x/v2/e/job-done/$RUNPOD_POD_ID/$ID?gpu=L4"),
        ("RUNPOD_WEBHOOK_PING", "https://x/v2/e/ping/$RUNPOD_POD_ID"),
        ("RUNPOD_AI_API_KEY", "hush"),
    ];

    fn read(but: &[(&str, &str)]) -> Result<Environment, NotRunpod> {
        let all = but.iter().chain(&USUAL);
        let value = |name: &str| all.clone().find(|it| it.0 == name).map(|it| it.1.to_owned());
        Environment::read(&value)
    }

    #[test]
    fn addresses_are_filled_as_the_sdk_fills_them() {
        let told = read(&[]).unwrap();
        assert_eq!(told.take_url(), "https://x/v2/e/job-take/pod-1?gpu=L4&job_in_progress=0");
        assert_eq!(told.stop_url().as_deref(), Some("https://x/v2/e/job-stop/pod-1?gpu=L4"));
        let post = "https://x/v2/e/job-done/pod-1/a%2Fb-u1?gpu=L4&isStream=false";
        assert_eq!(told.post_url("a/b-u1"), post);
        assert_eq!(told.ping.as_deref(), Some("https://x/v2/e/ping/pod-1"));
        assert_eq!((told.ping_every, told.worker.as_str()), (PING_EVERY, "pod-1"));
        assert!(!format!("{told:?}").contains("hush"));
        let odd = read(&[("RUNPOD_WEBHOOK_GET_JOB", "https://x/next")]).unwrap();
        assert_eq!(odd.take_url(), "https://x/next?job_in_progress=0");
        assert_eq!(odd.stop_url(), None);
    }

    #[test]
    fn what_the_platform_always_sets_is_missed_by_name() {
        for name in ["RUNPOD_WEBHOOK_GET_JOB", "RUNPOD_WEBHOOK_POST_OUTPUT"] {
            assert_eq!(read(&[(name, "")]), Err(NotRunpod::Absent(name)));
        }
        assert!(read(&[("RUNPOD_PING_INTERVAL", "soon")]).is_err());
        assert_eq!(read(&[("RUNPOD_PING_INTERVAL", "0")]).unwrap().ping_every, PING_EVERY_MIN);
        assert_ne!(read(&[("RUNPOD_POD_ID", "")]).unwrap().worker, "");
    }
}
