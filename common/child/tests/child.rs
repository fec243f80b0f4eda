//! Parent and child as two real processes: what is read and written, and every way to end.
//!
//! The child is this test binary again, told by an environment variable which part to play.

#![expect(clippy::unwrap_used, reason = "helpers of tests end a test by panicking")]
#![expect(
    clippy::print_stdout,
    reason = "helpers of tests say what was tried and why a test is skipped"
)]

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cleanplate_child::{
    Attempt, Breach, ChildEnd, ChildProgram, Host, HostFile, HostSink, Limits, Link, Walls,
    WallsMode, WallsPolicy, WallsReport, escape, run_child,
};
use cleanplate_types::access::{PartSink as _, ReadAt as _};
use cleanplate_types::failure::{Failure, FailureKind, Stage};

const PART: &str = "CLEANPLATE_CHILD_PART";

/// The child's side. Does nothing when the test runner calls it.
#[test]
fn the_child_plays_its_part() {
    let Ok(part) = std::env::var(PART) else { return };
    let (link, request) = Link::from_stdin().unwrap();
    match part.as_str() {
        "copy" => copy(&link, &request),
        "escape" => try_to_escape(&link, &request),
        "eat" => eat(),
        "touch" => {
            touch(&request);
            link.done(Vec::new()).unwrap();
        }
        "spin" => {
            let file = link.open("source").unwrap();
            let mut buffer = vec![0; 1 << 20];
            while file.read_at(0, &mut buffer).is_ok() {}
        }
        "steal" => {
            // What a parent left open by mistake.
            let left = std::fs::read_link("/proc/self/fd/9").map_err(|error| error.to_string());
            link.done(format!("{left:?}").into_bytes()).unwrap();
        }
        "fail" => {
            let failure = Failure::new(FailureKind::BadInput, Stage::Intake, "not a video");
            link.failed(failure).unwrap();
        }
        "crash" => {
            eprintln!("something unspeakable");
            std::process::abort();
        }
        "hang" | "orphan" => {
            link.event(std::process::id().to_le_bytes().to_vec()).unwrap();
            loop {
                std::thread::park();
            }
        }
        other => panic!("no part {other}"),
    }
    // The parent kills a child that has said its last word.
    loop {
        std::thread::park();
    }
}

fn copy(link: &Link, request: &[u8]) {
    let file = link.open("source").unwrap();
    assert!(link.open("/etc/passwd").is_err(), "a name that the work does not need is refused");
    let mut bytes = vec![0; usize::try_from(file.size()).unwrap()];
    let mut at = 0;
    while at < bytes.len() {
        at += file.read_at(at as u64, &mut bytes[at..]).unwrap();
    }
    let mut sink = Box::new(link.create("copy").unwrap());
    sink.keep_head(64 << 20).unwrap();
    let refused = sink.keep_head((64 << 20) + 1).unwrap_err();
    assert_eq!(
        refused.kind(),
        io::ErrorKind::InvalidInput,
        "what the parent says of a head counts"
    );
    sink.write_at(0, &bytes).unwrap();
    let stored = sink.finish().unwrap();
    link.event(request.to_vec()).unwrap();
    let answer = link.ask(b"how much?".to_vec()).unwrap();
    assert_eq!(answer, b"all of it");
    link.done(stored.bytes.to_le_bytes().to_vec()).unwrap();
}

fn try_to_escape(link: &Link, request: &[u8]) {
    let (listener, folder): (std::net::SocketAddr, PathBuf) =
        postcard::from_bytes(request).unwrap();
    // A second thread has the same walls.
    let tried = std::thread::Builder::new().spawn(move || escape(listener, &folder)).unwrap();
    link.done(postcard::to_stdvec(&tried.join().unwrap()).unwrap()).unwrap();
}

fn eat() {
    let mut eaten = Vec::new();
    loop {
        eaten.push(std::hint::black_box(vec![1_u8; 8 << 20]));
    }
}

/// Makes a file where the request says.
fn touch(request: &[u8]) {
    let path = std::str::from_utf8(request).unwrap();
    std::fs::File::create_new(path).ok();
}

/// A host with one source and one sink, both in memory.
#[derive(Default)]
struct Memory {
    source: Vec<u8>,
    written: Arc<Mutex<Vec<u8>>>,
    events: Mutex<Vec<Vec<u8>>>,
    walls: Mutex<Option<WallsReport>>,
    told: tokio::sync::Notify,
}

struct Source(Vec<u8>);

#[async_trait::async_trait]
impl HostFile for Source {
    fn size(&self) -> u64 {
        self.0.len() as u64
    }

    async fn read(&self, offset: u64, bytes: usize) -> io::Result<Vec<u8>> {
        let at = usize::try_from(offset).unwrap().min(self.0.len());
        Ok(self.0[at..self.0.len().min(at + bytes)].to_vec())
    }
}

struct Sink(Arc<Mutex<Vec<u8>>>);

#[async_trait::async_trait]
impl HostSink for Sink {
    async fn keep_head(&mut self, bytes: u64) -> io::Result<()> {
        if bytes <= 64 << 20 { Ok(()) } else { Err(io::ErrorKind::InvalidInput.into()) }
    }

    async fn write(&mut self, offset: u64, data: Vec<u8>) -> io::Result<()> {
        let mut all = self.0.lock().unwrap();
        assert_eq!(offset, all.len() as u64);
        all.extend(data);
        Ok(())
    }

    async fn finish(self: Box<Self>) -> io::Result<u64> {
        Ok(self.0.lock().unwrap().len() as u64)
    }
}

#[async_trait::async_trait]
impl Host for Memory {
    async fn open(&self, name: &str) -> io::Result<Arc<dyn HostFile>> {
        match name {
            "source" => Ok(Arc::new(Source(self.source.clone()))),
            _ => Err(io::ErrorKind::PermissionDenied.into()),
        }
    }

    async fn create(&self, _name: &str) -> io::Result<Box<dyn HostSink>> {
        Ok(Box::new(Sink(Arc::clone(&self.written))))
    }

    async fn answer(&self, question: Vec<u8>) -> io::Result<Vec<u8>> {
        assert_eq!(question, b"how much?");
        Ok(b"all of it".to_vec())
    }

    fn walled(&self, report: &WallsReport) {
        *self.walls.lock().unwrap() = Some(report.clone());
    }

    fn event(&self, event: Vec<u8>) {
        self.events.lock().unwrap().push(event);
        self.told.notify_one();
    }
}

fn program(part: &str) -> ChildProgram {
    walled(part, WallsPolicy::default().processor(Vec::new()))
}

fn walled(part: &str, walls: Walls) -> ChildProgram {
    let arguments = ["the_child_plays_its_part", "--exact", "--nocapture"];
    ChildProgram {
        executable: std::env::current_exe().unwrap(),
        arguments: arguments.map(str::to_owned).to_vec(),
        environment: vec![(PART.to_owned(), part.to_owned())],
        walls,
    }
}

fn limits(silent_ms: u64) -> Limits {
    Limits { silent: Duration::from_millis(silent_ms) }
}

#[tokio::test]
async fn a_child_reads_and_writes_only_through_its_parent() {
    let source: Vec<u8> = (0..5_000_000_u32).flat_map(u32::to_le_bytes).collect();
    let host = Arc::new(Memory { source: source.clone(), ..Memory::default() });
    let result =
        run_child(&program("copy"), b"please".to_vec(), Arc::clone(&host) as _, limits(60_000))
            .await
            .unwrap();
    assert_eq!(result, (source.len() as u64).to_le_bytes());
    assert!(*host.written.lock().unwrap() == source, "the copy is the source");
    assert_eq!(*host.events.lock().unwrap(), [b"please".to_vec()]);
}

#[tokio::test]
async fn a_failure_arrives_as_the_child_said_it() {
    let end = run_child(&program("fail"), Vec::new(), Arc::new(Memory::default()), limits(60_000))
        .await
        .unwrap_err();
    let ChildEnd::Failed(failure) = end else { panic!("{end}") };
    assert_eq!((failure.kind, failure.message.as_str()), (FailureKind::BadInput, "not a video"));
}

#[tokio::test]
async fn a_crash_is_told_with_the_last_words() {
    let end = run_child(&program("crash"), Vec::new(), Arc::new(Memory::default()), limits(60_000))
        .await
        .unwrap_err();
    let ChildEnd::Crashed { stderr, .. } = &end else { panic!("{end}") };
    assert!(stderr.contains("something unspeakable"), "{end}");
}

#[tokio::test]
async fn a_silent_child_is_killed() {
    let host = Arc::new(Memory::default());
    let end = run_child(&program("hang"), Vec::new(), Arc::clone(&host) as _, limits(700))
        .await
        .unwrap_err();
    assert!(matches!(end, ChildEnd::Hung { silent_ms: 700, .. }), "{end}");
    wait_until_gone(child_id(&host)).await;
}

#[tokio::test]
async fn dropping_the_work_kills_the_child() {
    let host = Arc::new(Memory::default());
    let work = tokio::spawn({
        let host: Arc<dyn Host> = Arc::clone(&host) as _;
        async move { run_child(&program("orphan"), Vec::new(), host, limits(60_000)).await }
    });
    host.told.notified().await;
    let id = child_id(&host);
    work.abort();
    assert!(work.await.unwrap_err().is_cancelled());
    wait_until_gone(id).await;
}

fn child_id(host: &Memory) -> u32 {
    u32::from_le_bytes(host.events.lock().unwrap()[0].clone().try_into().unwrap())
}

/// Waits until the process is dead (a zombie that its parent has not collected counts as dead).
async fn wait_until_gone(id: u32) {
    let stat = PathBuf::from(format!("/proc/{id}/stat"));
    let alive = || {
        std::fs::read_to_string(&stat)
            .is_ok_and(|text| !text.rsplit(')').next().unwrap_or_default().trim().starts_with('Z'))
    };
    let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
    while alive() {
        assert!(tokio::time::Instant::now() < deadline, "the child {id} lives on");
        tokio::task::yield_now().await;
    }
}

/// Has a child behind `walls` try every way out; returns what was open, and what it says of its walls.
async fn escaped(walls: Walls) -> (Vec<String>, WallsReport) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("victim"), "v").unwrap();
    let request = (listener.local_addr().unwrap(), folder.path());
    let request = postcard::to_stdvec(&request).unwrap();
    let host = Arc::new(Memory::default());
    let answer =
        run_child(&walled("escape", walls), request, Arc::clone(&host) as _, limits(60_000))
            .await
            .unwrap();
    let tried: Vec<Attempt> = postcard::from_bytes(&answer).unwrap();
    assert!(tried.len() > 10, "{tried:?}");
    for attempt in &tried {
        println!("{attempt}");
    }
    let open = tried.into_iter().filter(|attempt| attempt.refused.is_none());
    let report = host.walls.lock().unwrap().clone().unwrap();
    println!("{report}");
    (open.map(|attempt| attempt.what).collect(), report)
}

/// Whether this kernel has what walls are made of; a test that needs it says where it has not.
fn is_without(report: &WallsReport) -> bool {
    // The test runner has threads of its own, which the real engine has not.
    let without = !WallsReport { alone: true, ..report.clone() }.is_whole();
    if without {
        println!("skipped: {report}");
    }
    without
}

#[tokio::test]
async fn behind_walls_every_way_out_is_refused() {
    let (open, report) = escaped(WallsPolicy::default().processor(Vec::new())).await;
    if !is_without(&report) {
        assert!(open.is_empty(), "{open:?}");
    }
}

#[tokio::test]
async fn on_a_card_what_no_driver_needs_is_refused_too() {
    let (open, report) = escaped(WallsPolicy::default().card(Vec::new())).await;
    if !is_without(&report) {
        // A driver speaks to its own processes over sockets of this machine.
        assert_eq!(open, ["open a Unix socket"]);
    }
}

#[tokio::test]
async fn without_walls_the_same_ways_are_open() {
    let walls = Walls { mode: WallsMode::Off, ..Walls::default() };
    let (open, report) = escaped(walls).await;
    assert!(report.is_off());
    for what in
        ["read /etc/passwd", "write a file", "connect over TCP", "send over UDP", "run a program"]
    {
        assert!(open.iter().any(|one| one == what), "{what} proves nothing: {open:?}");
    }
}

#[tokio::test]
async fn a_breach_is_deadly_where_that_is_set() {
    let policy = WallsPolicy { breach: Breach::Kill, ..WallsPolicy::default() };
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let request = (listener.local_addr().unwrap(), std::env::temp_dir());
    let request = postcard::to_stdvec(&request).unwrap();
    let program = walled("escape", policy.processor(Vec::new()));
    let host = Arc::new(Memory::default());
    let end = run_child(&program, request, Arc::clone(&host) as _, limits(60_000)).await;
    let report = host.walls.lock().unwrap().clone().unwrap();
    if !is_without(&report) {
        let end = end.unwrap_err().to_string();
        assert!(end.contains("SIGSYS"), "{end}");
    }
}

#[tokio::test]
async fn a_child_that_eats_is_ended_by_what_it_may_have() {
    let policy = WallsPolicy { memory_bytes: Some(256 << 20), ..WallsPolicy::default() };
    // On the processor the kernel refuses; on a card the parent looks.
    for walls in [policy.processor(Vec::new()), policy.card(Vec::new())] {
        let host = Arc::new(Memory::default());
        let end = run_child(&walled("eat", walls), Vec::new(), host, limits(60_000)).await;
        let end = end.unwrap_err();
        assert!(matches!(end, ChildEnd::Overate { memory_mib: 256, .. }), "{end}");
        assert!(end.to_string().contains("`walls.memory`"), "{end}");
    }
}

#[tokio::test]
async fn a_child_that_reads_in_circles_is_ended_though_it_is_never_silent() {
    let host = Arc::new(Memory { source: vec![7; 1 << 16], ..Memory::default() });
    let end = run_child(&program("spin"), Vec::new(), host, limits(60_000)).await.unwrap_err();
    assert!(matches!(end, ChildEnd::Spun { .. }), "{end}");
    assert!(end.to_string().contains("of 65536 without any progress"), "{end}");
}

#[tokio::test]
async fn marks_of_tests_can_be_left_where_the_parent_says_and_nowhere_else() {
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let policy = WallsPolicy { marks: vec![folder.path().to_owned()], ..WallsPolicy::default() };
    let host = Arc::new(Memory::default());
    for place in [folder.path(), other.path()] {
        let program = walled("touch", policy.processor(Vec::new()));
        let path = place.join("mark").display().to_string();
        let host = Arc::clone(&host) as _;
        run_child(&program, path.into_bytes(), host, limits(60_000)).await.unwrap();
    }
    let report = host.walls.lock().unwrap().clone().unwrap();
    assert!(folder.path().join("mark").exists());
    assert!(is_without(&report) || !other.path().join("mark").exists());
}

#[tokio::test]
async fn what_a_parent_left_open_is_closed() {
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("secret");
    std::fs::write(&secret, "s").unwrap();
    // A shell hands it on, as a parent does that forgets to mark it.
    let shell = format!("exec 9<'{}'; exec \"$0\" \"$@\"", secret.display());
    let inner = program("steal");
    let mut arguments = vec!["-c".to_owned(), shell, inner.executable.display().to_string()];
    arguments.extend(inner.arguments.clone());
    let program = ChildProgram { executable: "/bin/sh".into(), arguments, ..inner };
    let host = Arc::new(Memory::default());
    let answer = run_child(&program, Vec::new(), host, limits(60_000)).await.unwrap();
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.starts_with("Err"), "{answer}");
}
