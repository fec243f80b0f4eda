//! From what was typed to a `JobRequest`: names resolved, masks read, options of a later version
//! refused by name.

use cleanplate_types::encode::EncoderName;
use cleanplate_types::overlay::Fill;
use cleanplate_types::request::{Detect, EncoderChoice, FillChoice, JobRequest};

use crate::arguments::JobArguments;
use crate::exit::Refusal;

/// Makes the request. `restart_default` is what `--restart-on-encoder-loss` is where it is not
/// given.
///
/// # Errors
/// A refusal with status 2 names the option and what it may be.
pub(crate) fn build(
    input: String,
    output: String,
    job: &JobArguments,
    restart_default: bool,
) -> Result<JobRequest, Refusal> {
    refuse_later_options(job)?;
    let masks = job.mask.iter().map(|path| crate::mask::read(path)).collect::<Result<_, _>>();
    Ok(JobRequest {
        input,
        output,
        regions: job.region.clone(),
        masks: masks.map_err(|error| Refusal::usage(error.to_string()))?,
        detect: detect(job)?,
        fill: fill(&job.fill)?,
        encoder: encoder(&job.encoder)?,
        quality: job.quality,
        preset: job.preset.clone(),
        lossless: job.lossless,
        cell_frames: job.cell_frames,
        segment_frames: job.segment_frames,
        priority: job.priority,
        owner: job.owner.clone(),
        on_damage: job.on_damage.into(),
        allow_unchanged: job.allow_unchanged,
        allow_metadata_loss: job.allow_metadata_loss,
        restart_on_encoder_loss: job.restart_on_encoder_loss.unwrap_or(restart_default),
        audit: job.audit,
    })
}

fn later(option: &str) -> Refusal {
    Refusal::usage(format!("{option} is not in this version"))
}

fn refuse_later_options(job: &JobArguments) -> Result<(), Refusal> {
    let given = [
        ("--overlay", !job.overlay.is_empty()),
        ("--plan", job.plan.is_some()),
        ("--save-plan", job.save_plan.is_some()),
        ("--mixed-encoders", job.mixed_encoders),
        ("--copy-untouched", job.copy_untouched),
    ];
    match given.into_iter().find(|(_, given)| *given) {
        Some((option, _)) => Err(later(option)),
        None => Ok(()),
    }
}

/// What to look for: what stays in place, where nothing says what to remove.
fn detect(job: &JobArguments) -> Result<Vec<Detect>, Refusal> {
    if job.detect.is_empty() {
        let told = !job.region.is_empty() || !job.mask.is_empty();
        return Ok(if told { Vec::new() } else { vec![Detect::Static] });
    }
    let mut wanted = Vec::new();
    let mut none = false;
    for what in &job.detect {
        match what.as_str() {
            "static" if !wanted.contains(&Detect::Static) => wanted.push(Detect::Static),
            "static" => {}
            "none" => none = true,
            other => return Err(later(&format!("--detect {other}"))),
        }
    }
    if none && !wanted.is_empty() {
        return Err(Refusal::usage("--detect none and --detect static contradict each other"));
    }
    Ok(wanted)
}

fn fill(name: &str) -> Result<FillChoice, Refusal> {
    match name {
        "auto" => Ok(FillChoice::Auto),
        "membrane" => Ok(FillChoice::Forced(Fill::Membrane)),
        "pixelate" => Ok(FillChoice::Forced(Fill::Pixelate)),
        "invert" | "fetch" => Err(later(&format!("--fill {name}"))),
        model if model.ends_with(".onnx") => Err(later(&format!("--fill {model}"))),
        other => Err(Refusal::usage(format!(
            "--fill is `{other}`; it must be auto, membrane or pixelate"
        ))),
    }
}

/// Takes `auto` or an encoder's name.
///
/// # Errors
/// A refusal with status 2 lists the names.
pub(crate) fn encoder(name: &str) -> Result<EncoderChoice, Refusal> {
    if name == "auto" {
        return Ok(EncoderChoice::Auto);
    }
    EncoderName::parse(name).map(EncoderChoice::Named).ok_or_else(|| {
        let names = EncoderName::ALL.map(EncoderName::as_str).join(", ");
        Refusal::usage(format!("--encoder is `{name}`; it must be auto or one of {names}"))
    })
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::arguments::{Arguments, Command};
    use crate::exit::Status;

    #[expect(clippy::unwrap_in_result, reason = "what the test types is right")]
    fn ask(options: &[&str]) -> Result<JobRequest, Refusal> {
        let mut typed = vec!["cleanplate", "run", "in.mp4", "-o", "out.mp4"];
        typed.extend(options);
        let typed = Arguments::try_parse_from(typed).expect("the command line is right");
        let Command::Run(run) = typed.command else {
            panic!("`run` is parsed as `run`");
        };
        build("file:///in.mp4".to_owned(), "file:///out.mp4".to_owned(), &run.job, true)
    }

    #[test]
    fn static_is_looked_for_only_where_nothing_is_told() {
        assert_eq!(ask(&[]).unwrap().detect, [Detect::Static]);
        assert_eq!(ask(&["--region", "1,1,2,2"]).unwrap().detect, []);
        assert!(ask(&["--detect", "none"]).unwrap().is_passthrough());
        let both = ask(&["--region", "1,1,2,2", "--detect", "static"]).unwrap();
        assert_eq!((both.regions.len(), both.detect.len()), (1, 1));
        assert!(ask(&["--detect", "none", "--detect", "static"]).is_err());
    }

    #[test]
    fn options_of_a_later_version_are_refused_by_name_and_never_ignored() {
        let later: [&[&str]; 11] = [
            &["--overlay", "logo.png"],
            &["--plan", "plan.json"],
            &["--save-plan", "plan.json"],
            &["--mixed-encoders"],
            &["--copy-untouched"],
            &["--detect", "text"],
            &["--detect", "faces"],
            &["--detect", "model.onnx"],
            &["--fill", "invert"],
            &["--fill", "fetch"],
            &["--fill", "lama.onnx"],
        ];
        for options in later {
            let refusal = ask(options).unwrap_err();
            assert_eq!(refusal.status, Status::Usage, "{options:?}");
            assert!(refusal.message.ends_with("is not in this version"), "{}", refusal.message);
            assert!(refusal.message.contains(options[0]), "{}", refusal.message);
        }
    }

    #[test]
    fn a_lost_encoder_restarts_in_run_unless_told_otherwise() {
        assert!(ask(&[]).unwrap().restart_on_encoder_loss);
        assert!(!ask(&["--restart-on-encoder-loss=false"]).unwrap().restart_on_encoder_loss);
    }

    #[test]
    fn names_that_mean_nothing_are_refused_with_those_that_do() {
        assert!(ask(&["--fill", "magic"]).unwrap_err().message.contains("membrane"));
        assert!(ask(&["--encoder", "x264"]).unwrap_err().message.contains("libx264"));
    }
}
