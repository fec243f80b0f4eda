//! The command line: every subcommand with its options and its help.
//!
//! Owns the syntax. What an option means for a job is said in `request`; options of a later version
//! are taken here and refused there by name, so that no script is misunderstood in silence.

#![expect(clippy::doc_markdown, reason = "these comments are help texts, read on a terminal")]

use std::convert::Infallible;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use cleanplate_coordinator::StateUrl;
use cleanplate_types::request::Region;

mod job;
mod review;
mod token;
mod verify;

pub(crate) use job::{JobArguments, WhatArguments};
pub(crate) use review::{ApproveArguments, PlanArguments, PreviewArguments};
pub(crate) use token::{NewTokenArguments, TokenCommand};
pub(crate) use verify::VerifyArguments;

/// Removes burned-in overlays (logos, timestamps, captions, marks) from video.
#[derive(Debug, Parser)]
#[command(
    name = "cleanplate",
    version,
    propagate_version = true,
    after_help = "Start here: cleanplate run INPUT -o OUTPUT",
    after_long_help = "Exit status: 0 done (also when there is nothing to remove: the output is then \
        a stream copy), 2 usage, 3 the input cannot be processed, 4 the machine lacks something, 5 \
        the detector abstained, 6 cancelled, 130 Ctrl-C, 143 SIGTERM (coordinator and worker end in \
        order and with 0), 1 anything else.\n\n\
        Settings: flag over environment (CLEANPLATE_*) over cleanplate.toml."
)]
pub(crate) struct Arguments {
    /// The settings file; by default cleanplate.toml here, then in ~/.config/cleanplate.
    #[arg(long, global = true, value_name = "FILE", env = "CLEANPLATE_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// Say more of what is done, on standard error; twice says all (or CLEANPLATE_LOG=debug).
    #[arg(long, short, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Clean one file on this machine: coordinator and worker in one process, nothing to start.
    #[command(after_help = "Examples:\n  \
        cleanplate run in.mp4 -o out.mp4\n  \
        cleanplate run in.mp4 -o out.mp4 --region 1500,60,300,120\n  \
        cleanplate run in.mkv -o out.mkv --region 0,0,200,80@00:00:10-00:01:30 --fill pixelate\n  \
        cleanplate run in.mp4 -o s3://bucket/out.mp4 --mask where.png --encoder libx265\n  \
        cleanplate run in.mp4 -o out.mp4 --overlay logo.png@40,-6\n  \
        cleanplate run one.mp4 -o out1.mp4 --save-plan show.plan\n  \
        cleanplate run two.mp4 -o out2.mp4 --plan show.plan\n\n\
        The state of the run lies beside the output, in OUTPUT.cleanplate (for an output by URL in \
        ~/.local/state/cleanplate), and goes when the movie is there. A run that was stopped or \
        killed is taken up by the same command.")]
    Run(Box<RunArguments>),
    /// Serve workers and clients.
    #[command(after_help = "Examples:\n  \
        cleanplate coordinator\n  \
        cleanplate coordinator --listen 0.0.0.0:7700 --state sqlite:/var/lib/cleanplate/journal.db \
        --store s3://bucket/cleanplate   (with tls.cert, tls.key and access.tokens in cleanplate.toml)\n\n\
        SIGTERM and Ctrl-C end it in order; a coordinator that was killed goes on where it was when \
        it is started again on the same --state and --store. With --state postgres://... several may run: \
        one leads, the others stand by.")]
    Coordinator(CoordinatorArguments),
    /// Work for a coordinator; one a machine.
    #[command(after_help = "Examples:\n  \
        cleanplate worker --coordinator https://head:7700 --join-token-file /run/secrets/join\n  \
        cleanplate worker --slots 4 --idle-exit 300\n  \
        cleanplate worker --card 'RTX 4090:24'   (a rehearsal: pretends the card)\n\n\
        Ctrl-C: it finishes what it holds, then ends. SIGTERM: it finishes what it can within \
        worker.grace (25 s), gives the rest back, then ends. Either twice: it ends at once, and \
        others get what it held.")]
    Worker(WorkerArguments),
    /// Work as a container of a serverless endpoint of RunPod: take its jobs, each of which is a time of work for a
    /// coordinator.
    #[command(after_help = "Examples:\n  \
        cleanplate runpod   (the entry of the image; RunPod sets RUNPOD_*, the endpoint CLEANPLATE_*)\n  \
        cleanplate runpod --encoder h264_nvenc   (unfit where the card has no NVENC)\n\n\
        A job's input: {\"idle_exit_seconds\": 120}; all keys and the output are in docs/runpod.md. SIGTERM: it finishes \
        what it can within worker.grace, posts what was done, then ends.")]
    Runpod(RunpodArguments),
    /// Queue a job; prints its id and nothing else.
    #[command(after_help = "Examples:\n  \
        cleanplate submit in.mp4 out.mp4\n  \
        cleanplate watch $(cleanplate submit s3://bucket/in.mp4 s3://bucket/out.mp4)\n  \
        cleanplate submit in.mp4 out.mp4 --review   (then: preview --job ID, approve or reject ID)")]
    Submit(Box<SubmitArguments>),
    /// List jobs, or show one with its attempts and their trails.
    #[command(after_help = "Examples:\n  \
        cleanplate jobs\n  \
        cleanplate jobs --show 4f2a\n  \
        cleanplate jobs --owner archive --state failed --limit 20\n  \
        cleanplate jobs --json | jq 'select(.outcome == null)'")]
    Jobs(JobsArguments),
    /// Follow a job to its end; ends with the job's exit status.
    ///
    /// Ctrl-C ends the watching, not the job.
    Watch(JobArgument),
    /// Cancel a job.
    Cancel(JobArgument),
    /// Queue a failed or cancelled job again; a failed one keeps what it had committed.
    Retry(JobArgument),
    /// Change the priority of a job, queued or running; what is leased stays leased.
    #[command(
        after_help = "Examples:\n  cleanplate priority 4f2a 10\n  cleanplate priority 4f2a -5"
    )]
    Priority(PriorityArguments),
    /// Show what would be removed and what would come out: stills before and after, and the masks.
    #[command(after_help = review::EXAMPLES)]
    Preview(Box<PreviewArguments>),
    /// Let the plan of a job pass that waits for a review.
    #[command(after_help = "Examples:\n  \
        cleanplate approve 4f2a\n  \
        cleanplate approve 4f2a --drop 1   (all but overlay 1 are removed)")]
    Approve(ApproveArguments),
    /// End a job that waits for a review: its plan is wrong.
    Reject(JobArgument),
    /// Write what a job learned of its overlays to a file, for `--plan`.
    ///
    /// Works once it is settled what the job removes, and after its end where it was submitted with
    /// --keep-plan.
    Plan(PlanArguments),
    /// List workers: card, tier, slots, encoders, speed.
    Workers(ClientArguments),
    /// Give a worker no more work; it ends when it has finished what it holds.
    #[command(
        after_help = "Examples:\n  cleanplate drain gpu-7\n  cleanplate drain gpu-7 --within 60"
    )]
    Drain(DrainArguments),
    /// Ask a coordinator whether it lives; ends with 0 where it does. For probes.
    #[command(after_help = "Examples:\n  \
        cleanplate health   (of the coordinator that these settings are of)\n  \
        cleanplate health http://127.0.0.1:7701 --leads")]
    Health(HealthArguments),
    /// Make a token for clients or workers of a coordinator.
    #[command(subcommand)]
    Token(TokenCommand),
    /// Say what a source is, and how each tier would cut it.
    #[command(after_help = "Examples:\n  \
        cleanplate probe in.mp4\n  \
        cleanplate probe s3://bucket/in.mkv --cell-frames 60 --json")]
    Probe(ProbeArguments),
    /// Say what survived from a video in another that was made from it, and what changed.
    #[command(after_help = verify::EXAMPLES)]
    Verify(Box<VerifyArguments>),
    /// Check FFmpeg, NVDEC, NVENC, CUDA, ONNX Runtime, storage and coordinator.
    #[command(after_help = "Examples:\n  \
        cleanplate doctor\n  \
        cleanplate doctor --encoder h264_nvenc --store s3://bucket/cleanplate\n\n\
        What is missing comes with its remedy. The exit status is 4 only where something that was \
        asked for (--encoder, --store, --coordinator, or by the settings) cannot work.")]
    Doctor(DoctorArguments),
    /// Media work in a process of its own; started by cleanplate itself.
    #[command(hide = true)]
    Engine(EngineArguments),
}

/// Options of `run`.
#[derive(Debug, Args)]
pub(crate) struct RunArguments {
    /// The video: a path or a URL (file, s3).
    pub(crate) input: String,
    /// Where the clean video goes: a path or a URL (file, s3).
    #[arg(short, long, value_name = "OUTPUT")]
    pub(crate) output: String,
    /// Segments worked on side by side; by default one a core.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub(crate) workers: Option<u32>,
    /// Pretend a card: NAME:GIB. For rehearsals.
    #[arg(long, value_name = "NAME:GIB")]
    pub(crate) card: Option<String>,
    /// What to remove and how.
    #[command(flatten)]
    pub(crate) job: JobArguments,
    /// One JSON object a line on standard output.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Options of `coordinator`.
#[derive(Debug, Args)]
pub(crate) struct CoordinatorArguments {
    /// Where to listen [default: 127.0.0.1:7700].
    #[arg(long, value_name = "ADDR:PORT")]
    pub(crate) listen: Option<String>,
    /// Where others find it, where that is not what --listen says: what a coordinator that stands by tells of
    /// the one that leads.
    #[arg(long, value_name = "URL")]
    pub(crate) advertise: Option<String>,
    /// Where probes ask for health, without a token and without TLS; where nothing is said they ask at --listen.
    #[arg(long, value_name = "ADDR:PORT")]
    pub(crate) probe_listen: Option<String>,
    /// Let whoever reaches the address do everything: beyond loopback, without TLS or without tokens.
    #[arg(long)]
    pub(crate) insecure: bool,
    /// The journal: sqlite:PATH or postgres://USER@HOST/DATABASE [default: sqlite:cleanplate-journal.db].
    #[arg(long, value_name = "URL", value_parser = |text: &str| Ok::<_, Infallible>(StateUrl::of(text)))]
    pub(crate) state: Option<StateUrl>,
    /// The store: a folder, file:// or s3:// [default: cleanplate-store].
    #[arg(long, value_name = "URL")]
    pub(crate) store: Option<String>,
    /// Begin with another store than the journal's though jobs are open: theirs is lost, and what they miss
    /// they fail for, to be retried.
    #[arg(long)]
    pub(crate) new_store: bool,
}

/// Options of `worker`.
#[derive(Debug, Args)]
pub(crate) struct WorkerArguments {
    /// Where the coordinator is; several, divided by commas, are tried in turn
    /// [default: http://127.0.0.1:7700] [env: CLEANPLATE_COORDINATOR].
    #[arg(long, value_name = "URL[,URL...]")]
    pub(crate) coordinator: Option<String>,
    /// The file of the join token that is exchanged for a credential [env: CLEANPLATE_JOIN_TOKEN, the token itself].
    #[arg(long, value_name = "FILE")]
    pub(crate) join_token_file: Option<PathBuf>,
    /// Where to keep what does not fit in memory.
    #[arg(long, value_name = "DIR")]
    pub(crate) scratch: Option<PathBuf>,
    /// Pretend a card: NAME:GIB. For rehearsals.
    #[arg(long, value_name = "NAME:GIB")]
    pub(crate) card: Option<String>,
    /// Segments worked on side by side.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub(crate) slots: Option<u32>,
    /// End after so many seconds without work.
    #[arg(long, value_name = "SECONDS")]
    pub(crate) idle_exit: Option<u64>,
    /// Its name in logs and lists.
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
}

/// Options of `runpod`.
#[derive(Debug, Args)]
pub(crate) struct RunpodArguments {
    /// Work without a card; else a container without one is unfit.
    #[arg(long)]
    pub(crate) cpu: bool,
    /// Be unfit without this encoder.
    #[arg(long, value_name = "NAME")]
    pub(crate) encoder: Option<String>,
}

/// What every client takes.
#[derive(Debug, Args)]
pub(crate) struct ClientArguments {
    /// Where the coordinator is; of several, divided by commas, the one that leads is found
    /// [default: http://127.0.0.1:7700] [env: CLEANPLATE_COORDINATOR].
    #[arg(long, value_name = "URL[,URL...]")]
    pub(crate) coordinator: Option<String>,
    /// The file of the token that is shown to it [env: CLEANPLATE_TOKEN, the token itself].
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// One JSON object a line on standard output.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Options of `health`.
#[derive(Debug, Args)]
pub(crate) struct HealthArguments {
    /// Where it answers probes; by default what `coordinator.probe_listen` says, else `coordinator.listen`.
    pub(crate) url: Option<String>,
    /// It must lead too: one that stands by ends with 1.
    #[arg(long)]
    pub(crate) leads: bool,
    /// The file of a token, where probes need one.
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// One JSON object on standard output.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Options of `submit`.
#[derive(Debug, Args)]
pub(crate) struct SubmitArguments {
    /// The video: a URL, or a path that every worker sees. With a slash at the end it is a folder, and each video
    /// below it becomes a job; asked again, only what is missing does.
    pub(crate) input: String,
    /// Where the clean video goes: a URL, or a path that the coordinator sees. A folder where the input is one.
    pub(crate) output: String,
    /// Of a folder, only files that this pattern fits (*, ?, ** across folders). Repeatable.
    #[arg(long, value_name = "PATTERN", help_heading = "A whole folder")]
    pub(crate) include: Vec<String>,
    /// Of a folder, the ending of all outputs, such as mkv; each keeps its own where it is not given.
    #[arg(long, value_name = "ENDING", help_heading = "A whole folder")]
    pub(crate) container: Option<String>,
    /// Of a folder, only say what would be done.
    #[arg(long, help_heading = "A whole folder")]
    pub(crate) dry_run: bool,
    /// What to remove and how.
    #[command(flatten)]
    pub(crate) job: JobArguments,
    /// Make a preview and wait until somebody approves or rejects it, before anything is encoded.
    #[arg(long, help_heading = "How to treat the job")]
    pub(crate) review: bool,
    /// Keep what was learned of the overlays after the job has ended, for `cleanplate plan ID -o FILE`.
    #[arg(long, help_heading = "How to treat the job")]
    pub(crate) keep_plan: bool,
    /// Which coordinator.
    #[command(flatten)]
    pub(crate) client: ClientArguments,
}

/// Options of `jobs`.
#[derive(Debug, Args)]
pub(crate) struct JobsArguments {
    /// Show this job with its attempts and their trails.
    #[arg(long, value_name = "ID")]
    pub(crate) show: Option<String>,
    /// List so many jobs, newest first.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) limit: u32,
    /// List only the jobs of this owner.
    #[arg(long, value_name = "NAME", conflicts_with = "show")]
    pub(crate) owner: Option<String>,
    /// List only the jobs in this state. A job that waits for a review is running too.
    #[arg(long, value_name = "STATE", conflicts_with = "show", value_parser = JOB_STATES)]
    pub(crate) state: Option<String>,
    /// Which coordinator.
    #[command(flatten)]
    pub(crate) client: ClientArguments,
}

/// The states by which `jobs` chooses.
const JOB_STATES: [&str; 8] =
    ["queued", "running", "review", "done", "previewed", "abstained", "failed", "cancelled"];

/// A job, for the subcommands that take one.
#[derive(Debug, Args)]
pub(crate) struct JobArgument {
    /// The job's id, as `submit` printed it.
    #[arg(value_name = "ID")]
    pub(crate) job: String,
    /// Which coordinator.
    #[command(flatten)]
    pub(crate) client: ClientArguments,
}

/// Options of `priority`.
#[derive(Debug, Args)]
pub(crate) struct PriorityArguments {
    /// The job's id, as `submit` printed it.
    #[arg(value_name = "ID")]
    pub(crate) job: String,
    /// Higher goes first; jobs have 0 unless they were submitted with another.
    #[arg(value_name = "N", allow_negative_numbers = true)]
    pub(crate) priority: i32,
    /// Which coordinator.
    #[command(flatten)]
    pub(crate) client: ClientArguments,
}

/// Options of `drain`.
#[derive(Debug, Args)]
pub(crate) struct DrainArguments {
    /// The worker's name, as `workers` lists it.
    pub(crate) worker: String,
    /// Let it finish what it can in so many seconds; the rest it gives back, and others get it.
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub(crate) within: Option<u64>,
    /// Which coordinator.
    #[command(flatten)]
    pub(crate) client: ClientArguments,
}

/// Options of `probe`.
#[derive(Debug, Args)]
pub(crate) struct ProbeArguments {
    /// The video: a path or a URL.
    pub(crate) input: String,
    /// Cut cells of this length.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) cell_frames: Option<u32>,
    /// One JSON object on standard output.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Options of `doctor`.
#[derive(Debug, Args)]
pub(crate) struct DoctorArguments {
    /// Ask for this store: write, read and delete a small object there.
    #[arg(long, value_name = "URL")]
    pub(crate) store: Option<String>,
    /// Ask for this coordinator.
    #[arg(long, value_name = "URL")]
    pub(crate) coordinator: Option<String>,
    /// Ask for this encoder: without it the exit status is 4.
    #[arg(long, value_name = "NAME")]
    pub(crate) encoder: Option<String>,
    /// Pretend a card: NAME:GIB. For rehearsals.
    #[arg(long, value_name = "NAME:GIB")]
    pub(crate) card: Option<String>,
    /// One JSON object a line on standard output.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Which engine.
#[derive(Debug, Args)]
pub(crate) struct EngineArguments {
    /// Whose work: worker, check, stitch, probe, verify, or `nvdec CLIP`.
    pub(crate) whose: String,
    /// What it is about, where it is started by hand.
    pub(crate) subject: Option<PathBuf>,
}

/// Takes a region; for clap.
fn region(text: &str) -> Result<Region, crate::region::RegionError> {
    crate::region::parse(text)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_contradicts_itself_nowhere() {
        Arguments::command().debug_assert();
    }
}
