//! The faults, in the order of a job's steps, each with the requests that it meets and the end that it may have.

use cleanplate_tests::meddler::{How, Rule};

/// How a job may end.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Wanted {
    /// In the movie.
    Exact,
    /// In a failure of one of these kinds.
    Failure(&'static [&'static str]),
    /// In either: it depends on who notices first.
    Either,
}

/// What else is done, once a rule has met its first request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Deed {
    /// Nothing.
    None,
    /// The source is another file.
    ReplaceSource,
    /// The server is killed, and started again.
    RestartServer,
    /// The server is paused for some seconds.
    PauseServer,
    /// Nobody listens for some seconds.
    CloseDoor,
}

/// Which job meets it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Job {
    /// Every frame passes through, and all parts are uploaded in pieces.
    Encode,
    /// The source is looked at, nothing is found, and it is copied.
    Look,
    /// As the first, onto a disk that is too small.
    TinyDisk,
}

/// See the top of the file.
#[derive(Debug, Clone)]
pub(crate) struct Fault {
    pub(crate) name: &'static str,
    pub(crate) rules: Vec<Rule>,
    pub(crate) deed: Deed,
    pub(crate) job: Job,
    pub(crate) wanted: Wanted,
}

impl Fault {
    fn new(name: &'static str, rule: Rule) -> Self {
        let (deed, job, wanted) = (Deed::None, Job::Encode, Wanted::Exact);
        Self { name, rules: vec![rule], deed, job, wanted }
    }

    fn wanted(mut self, wanted: Wanted) -> Self {
        self.wanted = wanted;
        self
    }

    fn with(mut self, deed: Deed) -> Self {
        self.deed = deed;
        self
    }

    fn of(mut self, job: Job) -> Self {
        self.job = job;
        self
    }
}

const SOURCE: &str = "/in/source.mp4";
const PIECE: &str = "partNumber=";
const BEGIN: &str = "?uploads";
const COMPLETE: &str = "uploadId=";

/// All of them.
pub(crate) fn faults() -> Vec<Fault> {
    [intake(), looks(), segments(), stitches(), movies(), servers()].concat()
}

fn slow_down() -> How {
    How::Answer(503, "SlowDown", None)
}

fn expired() -> How {
    How::Answer(403, "ExpiredToken", None)
}

fn error() -> How {
    How::Answer(500, "InternalError", None)
}

fn intake() -> Vec<Fault> {
    let source = |how| Rule::new("GET", SOURCE, how);
    vec![
        Fault::new("intake: connections to the source break", source(How::Kill).times(3)),
        Fault::new("intake: the source's server errs", source(error()).times(3)),
        Fault::new("intake: the source stalls", source(How::Stall).times(1)),
        Fault::new("intake: the source stalls in a body", source(How::StallIn(1000)).times(1)),
        Fault::new("intake: the source's bodies are cut", source(How::Cut(1000)).times(3)),
        Fault::new("intake: the source is throttled", source(slow_down()).times(5)),
        Fault::new(
            "intake: the source is throttled and says for how long",
            source(How::Answer(429, "TooManyRequests", Some(1))).times(2),
        ),
        Fault::new("intake: the link to the source is slow", source(How::Slow(5000))),
        Fault::new(
            "intake: credentials for the source have expired",
            Rule::new("HEAD", SOURCE, expired()),
        )
        .wanted(Wanted::Failure(&["worker_lacks"])),
        Fault::new(
            "intake: the source is not there",
            Rule::new("HEAD", SOURCE, How::Answer(404, "NoSuchKey", None)),
        )
        .wanted(Wanted::Failure(&["bad_input"])),
        Fault::new(
            "intake: the table is refused for a while",
            Rule::new("PUT", "/table.", error()).times(3),
        ),
        Fault::new(
            "intake: the description's answer is lost",
            Rule::new("PUT", "/description.", How::LoseAnswer).times(2),
        ),
        Fault::new(
            "intake: the table arrives falsified",
            Rule::new("PUT", "/table.", How::FalsifyUpload).times(1),
        )
        .wanted(Wanted::Either),
    ]
}

fn looks() -> Vec<Fault> {
    let look = |name, rule| Fault::new(name, rule).of(Job::Look);
    vec![
        look(
            "analyse: the source's bodies are cut",
            Rule::new("GET", SOURCE, How::Cut(50_000)).after(4).times(3),
        ),
        look(
            "analyse: connections break at the evidence",
            Rule::new("PUT", "/find/", How::Kill).times(2),
        ),
        look(
            "analyse: the table is read falsified",
            Rule::new("GET", "/table.", How::Falsify).times(1),
        ),
        look(
            "plan: the finding's answer is lost",
            Rule::new("PUT", "/finding.", How::LoseAnswer).times(1),
        ),
        look("copy: the movie is throttled", Rule::new("PUT", "/out/", slow_down()).times(4)),
    ]
}

fn segments() -> Vec<Fault> {
    let part = |verb, more: &str, how| Rule::new(verb, &format!(".part {more}"), how);
    vec![
        Fault::new(
            "segment: the brief is throttled",
            Rule::new("GET", "/brief.", slow_down()).times(4),
        ),
        Fault::new(
            "segment: the source is replaced",
            Rule::new("GET", "/brief.", error()).times(5),
        )
        .with(Deed::ReplaceSource)
        .wanted(Wanted::Failure(&["source_changed"])),
        Fault::new("upload: a part cannot be begun", part("POST", BEGIN, error()).times(2)),
        Fault::new("upload: connections break at pieces", part("PUT", PIECE, How::Kill).times(2)),
        Fault::new("upload: a piece stalls", part("PUT", PIECE, How::Stall).times(1)),
        Fault::new(
            "upload: a piece's answer is lost",
            part("PUT", PIECE, How::LoseAnswer).times(2),
        ),
        Fault::new("upload: pieces are throttled", part("PUT", PIECE, slow_down()).times(5)),
        Fault::new(
            "upload: a piece arrives falsified",
            part("PUT", PIECE, How::FalsifyUpload).times(1),
        )
        .wanted(Wanted::Either),
        Fault::new(
            "upload: a part's end is an error with status 200",
            part("POST", COMPLETE, How::Answer(200, "InternalError", None)).times(2),
        ),
        Fault::new(
            "upload: credentials expire for a while",
            part("PUT", PIECE, expired()).times(1),
        ),
        Fault::new(
            "commit: the manifest is throttled and says for how long",
            Rule::new("PUT", ".manifest", How::Answer(503, "SlowDown", Some(1))).times(2),
        ),
        Fault::new(
            "commit: the manifest's answer is lost",
            Rule::new("PUT", ".manifest", How::LoseAnswer).times(1),
        ),
    ]
}

fn stitches() -> Vec<Fault> {
    let part = |how| Rule::new("GET", ".part", how);
    vec![
        Fault::new("stitch: parts are cut", part(How::Cut(100_000)).times(3)),
        Fault::new("stitch: a part stalls in its body", part(How::StallIn(100_000)).times(1)),
        Fault::new("stitch: a part is read falsified", part(How::Falsify).times(1))
            .wanted(Wanted::Either),
        Fault::new(
            "stitch: a part is not there",
            Rule::new("HEAD", ".part", How::Answer(404, "NoSuchKey", None)).times(1),
        ),
        Fault::new(
            "stitch: a manifest is read falsified",
            Rule::new("GET", ".manifest", How::Falsify).times(1),
        ),
    ]
}

fn movies() -> Vec<Fault> {
    let movie = |verb, more: &str, how| Rule::new(verb, &format!("/out/ {more}"), how);
    vec![
        Fault::new(
            "movie: connections break at its beginning",
            movie("POST", BEGIN, How::Kill).times(2),
        ),
        Fault::new("movie: the server errs at pieces", movie("PUT", PIECE, error()).times(3)),
        Fault::new("movie: a piece stalls", movie("PUT", PIECE, How::Stall).times(1)),
        Fault::new(
            "movie: a piece's answer is lost",
            movie("PUT", PIECE, How::LoseAnswer).times(2),
        ),
        Fault::new("movie: pieces are throttled", movie("PUT", PIECE, slow_down()).times(6)),
        Fault::new(
            "movie: a piece arrives falsified",
            movie("PUT", PIECE, How::FalsifyUpload).times(1),
        )
        .wanted(Wanted::Either),
        Fault::new(
            "movie: the bucket has forgotten the upload",
            movie("PUT", PIECE, How::Answer(404, "NoSuchUpload", None)).times(1),
        ),
        Fault::new(
            "movie: the disk of the bucket is full for a while",
            movie("PUT", PIECE, How::Answer(507, "InsufficientStorage", None)).times(3),
        ),
        Fault::new("publish: connections break", movie("POST", COMPLETE, How::Kill).times(2)),
        Fault::new(
            "publish: the answer is lost",
            movie("POST", COMPLETE, How::LoseAnswer).times(1),
        ),
        Fault::new("publish: the server errs", movie("POST", COMPLETE, error()).times(3)),
        Fault::new(
            "publish: an error with status 200",
            movie("POST", COMPLETE, How::Answer(200, "InternalError", None)).times(2),
        ),
        Fault::new("publish: credentials have expired", movie("POST", COMPLETE, expired()))
            .wanted(Wanted::Failure(&["output_unwritable"])),
        Fault::new(
            "submit: credentials for the output have expired",
            movie("POST", BEGIN, expired()),
        )
        .wanted(Wanted::Failure(&["refused"])),
        Fault::new(
            "publish: the output's own disk is full",
            Rule::new("GET", SOURCE, How::Kill).times(1),
        )
        .of(Job::TinyDisk)
        .wanted(Wanted::Failure(&["output_unwritable"])),
    ]
}

fn servers() -> Vec<Fault> {
    vec![
        Fault::new(
            "server: killed and started again while parts go up",
            Rule::new("PUT", ".part partNumber=", How::Kill).times(1),
        )
        .with(Deed::RestartServer),
        Fault::new(
            "server: killed and started again while the movie goes up",
            Rule::new("PUT", "/out/ partNumber=", How::Kill).times(1),
        )
        .with(Deed::RestartServer),
        Fault::new(
            "server: paused while segments are read",
            Rule::new("GET", "/brief.", How::Kill).times(1),
        )
        .with(Deed::PauseServer),
        Fault::new(
            "server: nobody listens while it is published",
            Rule::new("POST", "/out/ uploadId=", How::Kill).times(1),
        )
        .with(Deed::CloseDoor),
    ]
}
