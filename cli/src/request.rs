//! From what was typed to a `JobRequest`: names resolved, masks, logos and plans read, options of a later
//! version refused by name.

use std::path::Path;

use cleanplate_proto::MESSAGE_BYTES_MAX;
use cleanplate_types::encode::EncoderName;
use cleanplate_types::model::{Detector, ModelRef};
use cleanplate_types::overlay::Fill;
use cleanplate_types::request::{DETECTORS_MAX, Detect, EncoderChoice, JobRequest, Review};

use crate::arguments::{JobArguments, WhatArguments};
use crate::exit::Refusal;
use crate::{logo, mask, models, plan_file};

/// Bytes of masks, logos and plan that fit one message with all the rest of a request.
const PICTURE_BYTES_MAX: usize = MESSAGE_BYTES_MAX / 2;

/// What differs between the subcommands that make a request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terms {
    /// What `--restart-on-encoder-loss` is where it is not given.
    pub(crate) restart_default: bool,
    /// What happens between plan and encode.
    pub(crate) review: Review,
    /// Keep what was learned after the job has ended.
    pub(crate) keep_plan: bool,
}

/// Makes the request.
///
/// # Errors
/// A refusal with status 2 names the option and what it may be.
pub(crate) async fn build(
    input: String,
    output: String,
    job: &JobArguments,
    terms: Terms,
) -> Result<JobRequest, Refusal> {
    if job.mixed_encoders {
        return Err(later("--mixed-encoders"));
    }
    let what = &job.what;
    let masks = what.mask.iter().map(|path| mask::read(path)).collect::<Result<_, _>>();
    let logos = what.overlay.iter().map(|typed| logo::read(typed)).collect::<Result<_, _>>();
    let told = what.plan.as_deref().map(plan_file::read).transpose();
    let (detect, detectors) = detect(what).await?;
    let (fill, painter) = fill(&job.fill).await?;
    let request = JobRequest {
        input,
        output,
        regions: what.region.clone(),
        masks: masks.map_err(wrong)?,
        logos: logos.map_err(wrong)?,
        told: told.map_err(wrong)?,
        detect,
        detectors,
        fill,
        painter,
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
        restart_on_encoder_loss: job.restart_on_encoder_loss.unwrap_or(terms.restart_default),
        audit: job.audit,
        review: terms.review,
        keep_plan: terms.keep_plan,
        copy_untouched: job.copy_untouched,
    };
    fits(&request)?;
    Ok(request)
}

/// Takes the file for a plan, where one is asked for and can be written.
///
/// # Errors
/// A refusal with status 2.
pub(crate) fn plan_target(what: &WhatArguments) -> Result<Option<&Path>, Refusal> {
    let path = what.save_plan.as_deref();
    path.map(plan_file::check_target).transpose().map_err(wrong)?;
    Ok(path)
}

fn wrong(error: impl std::error::Error) -> Refusal {
    Refusal::usage(error.to_string())
}

fn later(option: &str) -> Refusal {
    Refusal::usage(format!("{option} is not in this version"))
}

/// Refuses pictures that are too large together: each alone may be as large as it likes.
fn fits(request: &JobRequest) -> Result<(), Refusal> {
    let masks = request.masks.iter().map(|mask| mask.mask.bits.len());
    let logos = request.logos.iter().map(|logo| logo.rgba.len());
    let told = request.told.iter().flat_map(|told| {
        let masks = told.plan.overlays.iter().map(|overlay| overlay.mask.bits.len());
        masks.chain([told.mattes.len()])
    });
    let bytes: usize = masks.chain(logos).chain(told).sum();
    if bytes > PICTURE_BYTES_MAX {
        return Err(Refusal::usage(format!(
            "masks, logos and plan are {} MiB together, and {} MiB are the most; give fewer, or say where \
             some of them lie by --region",
            bytes.div_ceil(1 << 20),
            PICTURE_BYTES_MAX >> 20
        )));
    }
    Ok(())
}

/// What to look for: what stays in place, where nothing says what to remove.
async fn detect(what: &WhatArguments) -> Result<(Vec<Detect>, Vec<Detector>), Refusal> {
    let refines = !what.detect_class.is_empty() || what.detect_score.is_some();
    if refines && !what.detect.iter().any(|name| models::is_own(name)) {
        return Err(Refusal::usage(
            "--detect-class and --detect-score are for a model of your own: --detect MODEL.onnx",
        ));
    }
    if what.detect.is_empty() {
        let told = !what.region.is_empty()
            || !what.mask.is_empty()
            || !what.overlay.is_empty()
            || what.plan.is_some();
        let wanted = if told { Vec::new() } else { vec![Detect::Static] };
        return Ok((wanted, Vec::new()));
    }
    let mut wanted = Vec::new();
    let mut detectors: Vec<Detector> = Vec::new();
    let mut none = false;
    for name in &what.detect {
        match name.as_str() {
            "static" if !wanted.contains(&Detect::Static) => wanted.push(Detect::Static),
            "static" => {}
            "none" => none = true,
            other => match models::detector(other, what).await? {
                Some(detector) if detectors.contains(&detector) => {}
                Some(detector) => detectors.push(detector),
                None => {
                    return Err(Refusal::usage(format!(
                        "--detect is `{other}`; it must be static (what stays in place), text, faces, none, or \
                         an ONNX detector, by a path or URL that ends with {}",
                        models::SUFFIX
                    )));
                }
            },
        }
    }
    if none && (!wanted.is_empty() || !detectors.is_empty()) {
        return Err(Refusal::usage("--detect none and another --detect contradict each other"));
    }
    if detectors.len() > DETECTORS_MAX {
        return Err(Refusal::usage(format!("more than {DETECTORS_MAX} detectors in one job")));
    }
    Ok((wanted, detectors))
}

/// How to fill; a model paints what no frame shows.
async fn fill(name: &str) -> Result<(Fill, Option<ModelRef>), Refusal> {
    if models::is_own(name) {
        return Ok((Fill::Auto, Some(models::pinned("--fill", name).await?)));
    }
    let fill = Fill::ALL.into_iter().find(|fill| fill.as_str() == name).ok_or_else(|| {
        let names = Fill::ALL.map(Fill::as_str).join(", ");
        let suffix = models::SUFFIX;
        Refusal::usage(format!(
            "--fill is `{name}`; it must be one of {names}, or an ONNX model (a path or URL that ends with {suffix})"
        ))
    })?;
    Ok((fill, None))
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
    use cleanplate_types::overlay::{Mask, OverlayPlan};
    use cleanplate_types::picture::Rect;
    use cleanplate_types::request::ToldPlan;

    use cleanplate_types::model::DetectorKind;

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
        let terms = Terms { restart_default: true, review: Review::Go, keep_plan: false };
        let (input, output) = ("file:///in.mp4".to_owned(), "file:///out.mp4".to_owned());
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        runtime.expect("it can be made").block_on(build(input, output, &run.job, terms))
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
        let refusal = ask(&["--mixed-encoders"]).unwrap_err();
        assert_eq!(refusal.status, Status::Usage);
        assert!(refusal.message.ends_with("is not in this version"), "{}", refusal.message);
    }

    #[test]
    fn what_refines_a_model_is_refused_where_there_is_none() {
        for arguments in [
            &["--detect-score", "0.4"][..],
            &["--region", "1,1,8,8", "--detect-class", "logo"],
            &["--detect", "text", "--detect-class", "logo"],
        ] {
            assert_eq!(ask(arguments).unwrap_err().status, Status::Usage, "{arguments:?}");
        }
    }

    #[test]
    fn detectors_are_taken_once_each_and_not_beside_none() {
        let request = ask(&["--detect", "text", "--detect", "faces", "--detect", "text"]).unwrap();
        let kinds: Vec<DetectorKind> = request.detectors.iter().map(|it| it.what).collect();
        assert_eq!(kinds, [DetectorKind::Text, DetectorKind::Faces]);
        assert!(request.detect.is_empty() && !request.is_passthrough());
        assert!(ask(&["--detect", "none", "--detect", "text"]).is_err());
        let refusal = ask(&["--detect", "text", "--detect-score", "0.3"]).unwrap_err();
        assert!(refusal.message.contains("MODEL.onnx"), "{}", refusal.message);
        let refusal = ask(&["--detect", "/absent/marks.onnx"]).unwrap_err();
        assert!(refusal.message.contains("/absent/marks.onnx"), "{}", refusal.message);
    }

    #[test]
    fn a_plan_or_a_logo_tells_what_to_remove_and_nothing_is_looked_for_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let logo = folder.path().join("logo.png");
        let file = std::fs::File::create(&logo).unwrap();
        let mut encoder = png::Encoder::new(file, 1, 1);
        encoder.set_color(png::ColorType::Rgba);
        encoder.write_header().unwrap().write_image_data(&[1, 2, 3, 4]).unwrap();
        let typed = format!("{}@5,-6", logo.display());
        let request = ask(&["--overlay", &typed]).unwrap();
        assert_eq!((request.detect.len(), request.logos.len()), (0, 1));
        assert_eq!(request.logos[0].at, Some((5, -6)));
        let plan = folder.path().join("show.plan");
        let overlay = cleanplate_types::overlay::Overlay {
            origin: cleanplate_types::overlay::OverlayOrigin::Plan,
            mask: Mask::full(Rect { x: 1, y: 1, width: 1, height: 1 }),
            when: Vec::new(),
            fill: Fill::Auto,
            hides: false,
        };
        let told = OverlayPlan::new(8, 8, vec![overlay]);
        plan_file::write(&plan, &ToldPlan { plan: told, mattes: Vec::new() }).unwrap();
        let request = ask(&["--plan", plan.to_str().unwrap()]).unwrap();
        assert_eq!((request.detect.len(), request.told.unwrap().plan.width), (0, 8));
        let both = ask(&["--plan", plan.to_str().unwrap(), "--detect", "static"]).unwrap();
        assert_eq!(both.detect, [Detect::Static]);
        let thesis = folder.path().join("thesis.json");
        std::fs::write(&thesis, "{}").unwrap();
        let refusal = ask(&["--plan", thesis.to_str().unwrap()]).unwrap_err();
        assert_eq!(refusal.status, Status::Usage);
        assert!(refusal.message.contains("not a plan file"), "{}", refusal.message);
    }

    #[test]
    fn every_fill_of_this_version_is_taken() {
        for fill in Fill::ALL {
            assert_eq!(ask(&["--fill", fill.as_str()]).unwrap().fill, fill);
        }
    }

    #[test]
    fn pictures_that_do_not_fit_one_message_are_refused_together() {
        let mut request = ask(&[]).unwrap();
        let logo = cleanplate_types::request::UserLogo {
            width: 1_000,
            height: 1_000,
            rgba: vec![0; 4_000_000],
            at: None,
        };
        request.logos = vec![logo.clone(); 2];
        assert!(fits(&request).is_ok());
        request.logos.push(logo);
        let refusal = fits(&request).unwrap_err();
        assert!(refusal.message.contains("12 MiB together"), "{}", refusal.message);
    }

    #[test]
    fn a_lost_encoder_restarts_in_run_unless_told_otherwise() {
        assert!(ask(&[]).unwrap().restart_on_encoder_loss);
        assert!(!ask(&["--restart-on-encoder-loss=false"]).unwrap().restart_on_encoder_loss);
    }

    #[test]
    fn names_that_mean_nothing_are_refused_with_those_that_do() {
        assert!(ask(&["--fill", "magic"]).unwrap_err().message.contains("membrane, pixelate"));
        assert!(ask(&["--detect", "foo"]).unwrap_err().message.contains("static"));
        assert!(ask(&["--encoder", "x264"]).unwrap_err().message.contains("libx264"));
    }
}
