//! What `verify` found, for people and as JSON.

use cleanplate_media::verify::report::{Finding, Pictures, Report, Status};
use serde_json::{Value, json};

use super::Names;
use super::vmaf::Vmaf;
use crate::exit::Refusal;
use crate::say;

/// The sections of the table, in the order in which people need them.
const SECTIONS: [(Status, &str); 5] = [
    (Status::Lost, "LOST OR CHANGED THAT SHOULD HAVE SURVIVED"),
    (Status::NoPlace, "HAS NO PLACE IN THE OUTPUT"),
    (Status::OnPurpose, "CHANGED ON PURPOSE"),
    (Status::Noted, "DIFFERENT, NOTHING LOST"),
    (Status::Survived, "SURVIVED"),
];

/// Prints the table.
///
/// # Errors
/// Where standard output cannot be written.
pub(super) fn for_people(
    names: &Names,
    report: &Report,
    vmaf: Option<&Vmaf>,
) -> Result<(), Refusal> {
    say::line(&format!("source  {}", names.source))?;
    say::line(&format!("output  {}", names.output))?;
    for (status, title) in SECTIONS {
        let rows: Vec<Vec<String>> =
            report.findings.iter().filter(|one| one.status == status).map(row).collect();
        if !rows.is_empty() {
            say::line("")?;
            say::line(title)?;
            say::table(&rows)?;
        }
    }
    if let Some(pictures) = report.pictures.as_ref().filter(|found| found.not_compared.is_none()) {
        say::line("")?;
        say::line("PICTURES")?;
        say::table(&quality(pictures, vmaf))?;
    }
    for note in &report.notes {
        say::note(&format!("note: {note}"));
    }
    say::line("")?;
    say::line(&verdict(&report.findings))
}

fn row(finding: &Finding) -> Vec<String> {
    let aspect = finding.aspect.as_str().replace('_', " ");
    vec![format!("  {aspect}"), finding.subject.clone(), finding.detail.clone()]
}

fn quality(pictures: &Pictures, vmaf: Option<&Vmaf>) -> Vec<Vec<String>> {
    let decibels = |psnr: Option<f64>| {
        psnr.map_or_else(|| "no difference".to_owned(), |psnr| format!("{psnr:.2} dB"))
    };
    let similarity = |ssim: Option<f64>| {
        ssim.map_or_else(|| "too small".to_owned(), |ssim| format!("{ssim:.5}"))
    };
    let by_plane = |of: &dyn Fn(usize) -> String| {
        let planes = pictures.planes.iter().enumerate();
        let planes = planes.map(|(place, plane)| format!("{} {}", plane.plane, of(place)));
        planes.collect::<Vec<_>>().join(", ")
    };
    let mut rows = vec![
        vec![
            "  PSNR".to_owned(),
            decibels(pictures.psnr),
            by_plane(&|place| decibels(pictures.planes[place].psnr)),
        ],
        vec![
            "  SSIM".to_owned(),
            similarity(pictures.ssim),
            by_plane(&|place| similarity(pictures.planes[place].ssim)),
        ],
    ];
    match vmaf {
        Some(Vmaf::Score(score)) => rows.push(vec!["  VMAF".to_owned(), format!("{score:.2}")]),
        Some(Vmaf::NotThere(why)) => {
            rows.push(vec!["  VMAF".to_owned(), "not there".to_owned(), why.clone()]);
        }
        None => {}
    }
    if let Some(worst) = pictures.worst.first() {
        rows.push(vec![
            "  worst frame".to_owned(),
            worst.index.to_string(),
            format!(
                "at {:.3} s: {} samples differ, by {:.3} in the mean of all, by at most {}",
                worst.time.seconds, worst.changed, worst.mean, worst.max
            ),
        ]);
    }
    rows
}

fn verdict(findings: &[Finding]) -> String {
    match findings.iter().filter(|one| one.status == Status::Lost).count() {
        0 => "verdict: everything that should have survived did".to_owned(),
        1 => "verdict: one thing that should have survived did not".to_owned(),
        count => format!("verdict: {count} things that should have survived did not"),
    }
}

/// The object for scripts: `source`, `output`, `level` (`cheap` or `full`), `verdict` (`survived` or
/// `lost`), `vmaf` (a number, nothing where there is none) and `vmaf_not_there` (why), and the fields of
/// [`Report`].
pub(super) fn as_json(names: &Names, cheap: bool, report: &Report, vmaf: Option<&Vmaf>) -> Value {
    let (score, why) = match vmaf {
        Some(Vmaf::Score(score)) => (Some(*score), None),
        Some(Vmaf::NotThere(why)) => (None, Some(why.as_str())),
        None => (None, None),
    };
    let Report { findings, frames, streams, pictures, notes } = report;
    json!({
        "source": names.source,
        "output": names.output,
        "level": if cheap { "cheap" } else { "full" },
        "verdict": if report.survived() { "survived" } else { "lost" },
        "findings": findings,
        "frames": frames,
        "streams": streams,
        "pictures": pictures,
        "vmaf": score,
        "vmaf_not_there": why,
        "notes": notes,
    })
}
