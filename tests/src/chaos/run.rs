//! One run: a farm, a job, and the faults of a draw, each at its moment.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::draw::{Blow, Draw, Fault, Phase};
use super::evidence::Evidence;
use super::farm::Farm;
use super::judge::{self, Ending};
use super::proxy::Mode;
use crate::cluster::send;
use crate::postgres::TestPostgres;
use crate::tiny_disk::TinyDisk;

/// How often the job is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// How often those who died are started again, and the living are noted: it reads all of /proc.
const TEND_EVERY: Duration = Duration::from_millis(40);

/// How long a job may take before it is said to get nowhere. Undisturbed it takes about a second.
const PATIENCE: Duration = Duration::from_secs(120);

/// How long a process may take to end after SIGTERM, and one whose parent is gone to end by itself.
const ENDS_WITHIN: Duration = Duration::from_secs(15);

/// The disk that fills up: enough for the whole job several times.
const DISK_MEBIBYTES: u32 = 24;

/// What is common to all runs.
#[derive(Debug)]
pub(super) struct Stage {
    /// The source.
    pub(super) clip: PathBuf,
    /// What the job is asked.
    pub(super) options: Vec<&'static str>,
    /// The movie of an undisturbed run.
    pub(super) movie: Vec<u8>,
}

/// What came of a run.
#[derive(Debug)]
pub(super) struct Ran {
    /// How the job ended.
    pub(super) ending: Ending,
    /// What fell, and when.
    pub(super) landed: Vec<(Fault, Phase)>,
    /// Faults whose moment never came.
    pub(super) missed: Vec<(Fault, Phase)>,
    /// Everything that is not as it should be.
    pub(super) wrong: Vec<String>,
    /// The ends of all logs.
    pub(super) logs: String,
}

/// Something that is undone after a while.
#[derive(Debug, PartialEq, Eq)]
enum Undo {
    /// SIGCONT.
    Continue(u32),
    /// The proxy passes on again.
    Pass,
    /// There is space again.
    Free,
    /// The database runs again.
    Run,
}

/// Whom and what a run acts on.
struct Scene<'a> {
    farm: Farm,
    disk: Option<TinyDisk>,
    postgres: Option<&'a TestPostgres>,
    due: Vec<(Instant, Undo)>,
}

/// Performs a run in `folder`.
///
/// # Errors
/// Why this machine cannot perform it.
pub(super) fn perform(
    draw: &Draw,
    stage: &Stage,
    folder: &Path,
    postgres: Option<&TestPostgres>,
) -> Result<Ran, String> {
    let disk = draw.fills_a_disk().then(|| TinyDisk::mount(DISK_MEBIBYTES)).transpose()?;
    let place = disk.as_ref().map_or(folder, TinyDisk::path).to_owned();
    let (store, movies) = (place.join("store"), place.join("movies"));
    std::fs::create_dir_all(&movies).expect("the run's folder can be written");
    let output = movies.join("out.mp4");
    let state = match (draw.postgres, postgres) {
        (true, Some(server)) => server.database(),
        (true, None) => return Err("there is no PostgreSQL".to_owned()),
        (false, _) => format!("sqlite:{}", folder.join("journal.db").display()),
    };
    let point = draw.blows.iter().find_map(|blow| blow.point.clone());
    let farm = Farm::start(folder, &store, state, draw.workers, point);
    let mut scene = Scene { farm, disk, postgres, due: Vec::new() };
    let arguments =
        [&["submit", text(&stage.clip), text(&output)][..], &stage.options[..]].concat();
    let job = scene.farm.submit(&arguments, PATIENCE)?;
    let mut evidence = Evidence::of(scene.farm.log_path("coordinator"), &store, &job);
    let mut waiting = draw.blows.clone();
    let mut landed = Vec::new();
    let in_time = scene.play(&job, &mut evidence, &mut waiting, &mut landed);
    scene.undo(None);
    let mut wrong = Vec::new();
    if !in_time {
        wrong.push(format!("the job gets nowhere: {}", scene.farm.last));
    }
    let last = scene.farm.last.clone();
    wrong.extend(scene.farm.end(ENDS_WITHIN));
    let ending = judge::ending(&last, &output, &stage.movie, &mut wrong);
    judge::leftovers(folder, &movies, &ending, &mut wrong);
    let missed = waiting.iter().map(|blow| (blow.fault, blow.phase)).collect();
    let logs = if wrong.is_empty() { String::new() } else { scene.farm.logs() };
    Ok(Ran { ending, landed, missed, wrong, logs })
}

impl Scene<'_> {
    /// Until the job has ended; false where it does not.
    fn play(
        &mut self,
        job: &str,
        evidence: &mut Evidence,
        waiting: &mut Vec<Blow>,
        landed: &mut Vec<(Fault, Phase)>,
    ) -> bool {
        let until = Instant::now() + PATIENCE;
        let mut tended = Instant::now();
        while Instant::now() < until {
            evidence.look();
            // In their order, and one a look: what comes after sees what this one did.
            if let Some(place) = waiting.iter().position(|blow| self.falls(blow, evidence)) {
                let blow = waiting.remove(place);
                landed.push((blow.fault, blow.phase));
            }
            self.undo(Some(Instant::now()));
            if tended.elapsed() >= TEND_EVERY {
                tended = Instant::now();
                self.farm.tend();
                self.farm.follow(job);
                if !self.farm.last["outcome"].is_null() {
                    return true;
                }
            }
            std::thread::sleep(LOOK_EVERY);
        }
        false
    }

    /// Lets a fault fall if it is its moment; says whether it did.
    fn falls(&mut self, blow: &Blow, evidence: &Evidence) -> bool {
        if blow.fault == Fault::DieAtPoint {
            return self.farm.died().exists();
        }
        let moment = Duration::from_millis(blow.after_ms);
        let since = evidence.since(blow.phase, blow.nth);
        since.is_some_and(|since| since.elapsed() >= moment) && self.strike(blow).is_some()
    }

    /// Nothing where there is nobody whom it could meet, or it meets what such a fault has met already.
    fn strike(&mut self, blow: &Blow) -> Option<()> {
        let undo = match blow.fault {
            Fault::Silence | Fault::Cut if self.is_due(&Undo::Pass) => return None,
            Fault::Database if self.is_due(&Undo::Run) => return None,
            Fault::KillWorker => return kill("KILL", self.farm.worker(blow.worker)?),
            Fault::Terminate => return kill("TERM", self.farm.worker(blow.worker)?),
            Fault::KillEngine => return kill("KILL", self.farm.engine()?),
            Fault::KillCoordinator => return kill("KILL", self.farm.coordinator()?),
            Fault::KillStitch => return kill("KILL", self.farm.stitch()?),
            // It dies by itself.
            Fault::DieAtPoint => return None,
            Fault::PauseWorker => self.pause(self.farm.worker(blow.worker)?)?,
            Fault::PauseCoordinator => self.pause(self.farm.coordinator()?)?,
            Fault::Silence => {
                self.farm.proxy.set(Mode::Silent);
                Undo::Pass
            }
            Fault::Cut => {
                self.farm.proxy.set(Mode::Broken);
                Undo::Pass
            }
            Fault::FullDisk => {
                fill(&ballast(self.disk.as_ref()?));
                Undo::Free
            }
            Fault::Database => {
                self.postgres?.kill();
                Undo::Run
            }
        };
        if let Some(lasts_ms) = blow.lasts_ms {
            self.due.push((Instant::now() + Duration::from_millis(lasts_ms), undo));
        }
        Some(())
    }

    fn is_due(&self, undo: &Undo) -> bool {
        self.due.iter().any(|(_, one)| one == undo)
    }

    fn pause(&self, id: u32) -> Option<Undo> {
        let undo = Undo::Continue(id);
        (!self.is_due(&undo)).then(|| send("STOP", &[id]))?;
        Some(undo)
    }

    /// Undoes what is due by `now`, or everything.
    fn undo(&mut self, now: Option<Instant>) {
        let is_due = |(at, _): &mut (Instant, Undo)| now.is_none_or(|now| *at <= now);
        let due: Vec<_> = self.due.extract_if(.., is_due).collect();
        for (_, undo) in due {
            match undo {
                Undo::Continue(id) => send("CONT", &[id]),
                Undo::Pass => self.farm.proxy.set(Mode::Pass),
                Undo::Free => {
                    if let Some(disk) = &self.disk {
                        std::fs::remove_file(ballast(disk)).ok();
                    }
                }
                Undo::Run => {
                    if let Some(server) = self.postgres {
                        server.run();
                    }
                }
            }
        }
    }
}

fn kill(signal: &str, id: u32) -> Option<()> {
    send(signal, &[id]);
    Some(())
}

fn ballast(disk: &TinyDisk) -> PathBuf {
    disk.path().join("ballast")
}

/// Writes until there is no space left.
fn fill(path: &Path) {
    use std::io::Write as _;
    let mut file = std::fs::File::create(path).expect("a full disk has files too");
    let zeros = vec![0; 64 << 10];
    while file.write_all(&zeros).is_ok() {}
    // What is left below that goes byte by byte of a page.
    while file.write_all(&zeros[..512]).is_ok() {}
}

fn text(path: &Path) -> &str {
    path.to_str().expect("paths of tests are text")
}
