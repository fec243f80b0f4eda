//! Measures the finder and the fill on real clips, with overlays burned in by the ffmpeg command.
//!
//! `cargo run --release --example evaluate -- DIR` where `DIR` holds `clean/` and `overlay/`; it
//! prints one row a case: what was found, how it meets the truth, and the PSNR inside the true mask.
//! Further arguments keep only the cases whose name holds one of them; `--stills FOLDER` writes a
//! picture a case: with the overlay, then filled.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use cleanplate_plate::fill::Filler;
use cleanplate_plate::find::{Params, SamplePlan, Window, reduce};
use cleanplate_types::frames::FrameRange;
use cleanplate_types::overlay::{Finding, OverlayPlan};
use cleanplate_types::picture::{PixelLayout, PlaneMut, PlaneRef, PlanesMut, PlanesRef};
use cleanplate_types::time::Timebase;

type Failure = Box<dyn std::error::Error>;

/// Frames of a window at least, as in production, and most frames of a clip that are decoded.
const WINDOW_FRAMES: u64 = 600;
const FRAMES_MAX: usize = 1200;

/// A clip decoded to 8-bit 4:2:0.
struct Clip {
    width: u32,
    height: u32,
    /// Frames in so many seconds.
    rate: (u64, u64),
    frames: Vec<Vec<u8>>,
}

#[expect(clippy::print_stdout, reason = "the table is what it is for")]
fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let root = arguments.next().ok_or("usage: evaluate DIR [--stills FOLDER] [CASE…]")?;
    let mut wanted: Vec<String> = arguments.collect();
    let mut stills = None;
    if let Some(at) = wanted.iter().position(|word| word == "--stills") {
        let words: Vec<String> = wanted.drain(at..(at + 2).min(wanted.len())).collect();
        stills = words.into_iter().nth(1);
    }
    let stills = stills.as_deref().map(Path::new);
    let is_wanted = |name: &str| wanted.is_empty() || wanted.iter().any(|part| name.contains(part));
    let work = std::env::temp_dir().join(format!("cleanplate-evaluate-{}", std::process::id()));
    std::fs::create_dir_all(&work)?;
    for path in files(&Path::new(&root).join("clean"))? {
        let name = path.file_name().unwrap_or_default().display().to_string();
        let size = size(&path)?;
        let mut clean = None;
        for (kind, filter) in overlays(size) {
            let name = format!("{name} {kind}");
            if is_wanted(&name) {
                if clean.is_none() {
                    clean = Some(decode(&path)?);
                }
                let Some(clean) = &clean else { continue };
                let (burned, truth) = burn(&path, clean, &filter, &work)?;
                println!("{name:48} {}", judge(&burned, clean, &truth)?);
                write_still(stills, &name, &burned)?;
            }
        }
    }
    for folder in ["clean", "overlay"] {
        for path in files(&Path::new(&root).join(folder))? {
            let name = format!("{folder}/{}", path.file_name().unwrap_or_default().display());
            if is_wanted(&name) {
                let clip = decode(&path)?;
                println!("{name:48} {}", describe(&find(&clip)?, &clip));
                write_still(stills, &name, &clip)?;
            }
        }
    }
    std::fs::remove_dir_all(&work)?;
    Ok(())
}

/// The files of a folder, in order; none where there is no such folder.
fn files(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let mut paths: Vec<_> = std::fs::read_dir(folder)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    paths.sort();
    Ok(paths)
}

/// Filters that draw an overlay.
fn overlays((w, h): (u32, u32)) -> Vec<(&'static str, String)> {
    let (lw, lh) = (w * 18 / 100 / 2 * 2, h * 14 / 100 / 2 * 2);
    let (x, y) = (w - lw - w / 25, h / 18);
    let badge = |alpha: &str| {
        let (cx, cy, r) = (x + lh / 2, y + lh / 2, lh * 3 / 10);
        let (bx, by, bw, bh) = (x + lh, y + lh * 35 / 100, lw - lh - lh / 4, lh * 3 / 10);
        format!(
            "drawbox=x={x}:y={y}:w={lw}:h={lh}:c=0x203060@{alpha}:t=fill,\
             drawbox=x={}:y={}:w={}:h={}:c=0xffb020@{alpha}:t=fill,\
             drawbox=x={bx}:y={by}:w={bw}:h={bh}:c=white@{alpha}:t=fill",
            cx - r,
            cy - r,
            2 * r,
            2 * r
        )
    };
    let font = h / 12;
    let logo = concat!(env!("CARGO_MANIFEST_DIR"), "/../../assets/demo/logo.png");
    vec![
        ("demo", format!("movie={logo}[logo];[in][logo]overlay=x=W-w-24:y=20")),
        (
            "timestamp",
            format!(
                "drawtext=text='%{{pts\\:hms}}':fontsize={font}:fontcolor=white:\
                 box=1:boxcolor=black:boxborderw=6:x=w/20:y=h*0.85"
            ),
        ),
        ("opaque", badge("1")),
        ("grey", format!("drawbox=x={x}:y={y}:w={lw}:h={lh}:c=0x808080@1:t=fill")),
        ("semi45 badge", badge("0.45")),
        (
            "semi45 text",
            format!("drawtext=text='CHANNEL 7':fontsize={font}:fontcolor=white@0.45:x={x}:y={y}"),
        ),
        (
            "semi50 bottom left",
            format!("drawtext=text='plate.tv':fontsize={font}:fontcolor=white@0.5:x=w/20:y=h*0.85"),
        ),
        (
            "opaque text",
            format!("drawtext=text='SAMPLE':fontsize={font}:fontcolor=yellow:x=w/20:y=h/18"),
        ),
    ]
}

/// The clip with the overlay, encoded by x264 at crf 18, and where the overlay is (luma places).
fn burn(
    path: &Path,
    clean: &Clip,
    filter: &str,
    work: &Path,
) -> Result<(Clip, Vec<bool>), Failure> {
    let burned = work.join("burned.mp4");
    let status = ffmpeg()
        .args(["-y", "-i"])
        .arg(path)
        .args(["-vf", filter, "-an", "-pix_fmt", "yuv420p", "-c:v", "libx264"])
        .args(["-preset", "veryfast", "-crf", "18"])
        .arg(&burned)
        .status()?;
    let size = format!("{}x{}", clean.width, clean.height);
    let mut truth = vec![false; (clean.width * clean.height) as usize];
    for colour in ["black", "white"] {
        let source = format!("color={colour}:s={size}:d=0.04:r=25,format=yuv420p");
        let out = ffmpeg()
            .args(["-f", "lavfi", "-i", &source, "-vf", filter, "-frames:v", "1"])
            .args(["-f", "rawvideo"])
            .args(["-pix_fmt", "yuv420p", "-"])
            .stderr(Stdio::inherit())
            .output()?;
        let plain: u8 = if colour == "black" { 16 } else { 235 };
        for (truth, level) in truth.iter_mut().zip(&out.stdout) {
            *truth |= level.abs_diff(plain) > 6;
        }
    }
    if !status.success() {
        return Err("ffmpeg could not burn the overlay".into());
    }
    Ok((decode(&burned)?, truth))
}

fn judge(burned: &Clip, clean: &Clip, truth: &[bool]) -> Result<String, Failure> {
    let finding = find(burned)?;
    let text = describe(&finding, burned);
    let Finding::Overlays { plan, .. } = finding else {
        return Ok(format!("MISSED: {text}"));
    };
    let mask = union(&plan);
    let count = |test: &dyn Fn(usize) -> bool| (0..mask.len()).filter(|at| test(*at)).count();
    let both = count(&|at| mask[at] && truth[at]);
    let (found, real) = (count(&|at| mask[at]), count(&|at| truth[at]));
    let boxed = box_area(truth, burned.width as usize);
    let mut filler = Filler::new(&layout(), &plan);
    let (mut before, mut after, mut samples) = (0_u64, 0_u64, 0_u64);
    for (index, (frame, clean)) in (0..).zip(burned.frames.iter().zip(&clean.frames)).step_by(7) {
        let mut filled = frame.clone();
        filler.apply(index, PlanesMut::Eight(planes_mut(&mut filled, burned)))?;
        for at in (0..truth.len()).filter(|at| truth[*at]) {
            let error = |level: u8| u64::from(level.abs_diff(clean[at])).pow(2);
            before += error(frame[at]);
            after += error(filled[at]);
            samples += 1;
        }
    }
    let psnr = |sum: u64| 10.0 * (65025.0 * samples as f64 / sum.max(1) as f64).log10();
    Ok(format!(
        "recall {:.4} iou {:.2} area/box {:.2} psnr {:.1} -> {:.1} {text}",
        both as f64 / real as f64,
        both as f64 / (found + real - both) as f64,
        found as f64 / boxed as f64,
        psnr(before),
        psnr(after),
    ))
}

/// A frame from the middle, as it is and filled, one above the other.
fn write_still(folder: Option<&Path>, name: &str, clip: &Clip) -> Result<(), Failure> {
    let (Some(folder), Finding::Overlays { plan, .. }) = (folder, find(clip)?) else {
        return Ok(());
    };
    std::fs::create_dir_all(folder)?;
    let index = clip.frames.len() / 2;
    let before = &clip.frames[index];
    let mut after = before.clone();
    let planes = PlanesMut::Eight(planes_mut(&mut after, clip));
    Filler::new(&layout(), &plan).apply(index as u64, planes)?;
    let path = folder.join(format!("{}.png", name.replace(['/', ' '], "_")));
    let mut child = ffmpeg()
        .args(["-y", "-f", "rawvideo", "-pix_fmt", "yuv420p"])
        .args(["-s", &format!("{}x{}", clip.width, clip.height), "-i", "-"])
        .args(["-vf", "tile=1x2", "-frames:v", "1"])
        .arg(path)
        .stdin(Stdio::piped())
        .spawn()?;
    let mut input = child.stdin.take().ok_or("no pipe to ffmpeg")?;
    input.write_all(before)?;
    input.write_all(&after)?;
    drop(input);
    child.wait()?;
    Ok(())
}

fn box_area(truth: &[bool], width: usize) -> usize {
    let places = || (0..truth.len()).filter(|at| truth[*at]);
    let columns = places().map(|at| at % width);
    let rows = places().map(|at| at / width);
    let size = |min: Option<usize>, max: Option<usize>| max.unwrap_or(0) + 1 - min.unwrap_or(0);
    size(columns.clone().min(), columns.max()) * size(rows.clone().min(), rows.max())
}

fn union(plan: &OverlayPlan) -> Vec<bool> {
    let mut mask = vec![false; (plan.width * plan.height) as usize];
    for overlay in &plan.overlays {
        let bounds = overlay.mask.bounds;
        for (x, y) in (0..bounds.height).flat_map(|y| (0..bounds.width).map(move |x| (x, y))) {
            if overlay.mask.covers(x, y) {
                mask[((bounds.y + y) * plan.width + bounds.x + x) as usize] = true;
            }
        }
    }
    mask
}

fn describe(finding: &Finding, clip: &Clip) -> String {
    let size = format!("[{}x{} {} frames]", clip.width, clip.height, clip.frames.len());
    match finding {
        Finding::Nothing => format!("nothing {size}"),
        Finding::Abstained { why } => format!("abstained: {why} {size}"),
        Finding::Overlays { plan, .. } | Finding::Learned { plan, .. } => {
            let boxes: Vec<String> = plan
                .overlays
                .iter()
                .map(|overlay| {
                    let b = overlay.mask.bounds;
                    let always = if overlay.when.len() == 1 { "" } else { " part-time" };
                    format!("{},{},{},{}{always}", b.x, b.y, b.width, b.height)
                })
                .collect();
            format!("found {} {size}", boxes.join("; "))
        }
    }
}

fn find(clip: &Clip) -> Result<Finding, Failure> {
    let total = clip.frames.len() as u64;
    let mut evidence = Vec::new();
    let count = (total / WINDOW_FRAMES).max(1);
    for at in 0..count {
        let frames = FrameRange::new(total * at / count, total * (at + 1) / count);
        let mut window = Window::new(&layout(), clip.width, clip.height, frames);
        let (rate, seconds) = clip.rate;
        let second = Timebase::new(1, 1).ok_or("1/1 is a timebase")?;
        for index in SamplePlan::new(total).at_rate(rate, seconds, second).samples(frames, &[]) {
            let frame = &clip.frames[usize::try_from(index)?];
            window.add(index, PlanesRef::Eight(planes_ref(frame, clip)))?;
        }
        evidence.push(window.finish());
    }
    Ok(reduce(&evidence, total, &Params::default()))
}

fn layout() -> PixelLayout {
    PixelLayout {
        name: String::from("yuv420p"),
        depth: 8,
        planes: 3,
        chroma_shift_x: 1,
        chroma_shift_y: 1,
        full_range: false,
    }
}

fn sizes(clip: &Clip) -> [(u32, u32); 3] {
    [0, 1, 2].map(|plane| layout().plane_size(plane, clip.width, clip.height))
}

fn planes_ref<'a>(frame: &'a [u8], clip: &Clip) -> Vec<PlaneRef<'a, u8>> {
    let mut rest = frame;
    sizes(clip)
        .into_iter()
        .map(|(width, height)| {
            let (samples, after) = rest.split_at((width * height) as usize);
            rest = after;
            PlaneRef { samples, stride: width as usize, width, height }
        })
        .collect()
}

fn planes_mut<'a>(frame: &'a mut [u8], clip: &Clip) -> Vec<PlaneMut<'a, u8>> {
    let mut rest = frame;
    let mut planes = Vec::new();
    for (width, height) in sizes(clip) {
        let (samples, after) = rest.split_at_mut((width * height) as usize);
        rest = after;
        planes.push(PlaneMut { samples, stride: width as usize, width, height });
    }
    planes
}

fn ffmpeg() -> Command {
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "fatal", "-nostdin", "-threads", "2"]);
    command
}

/// Width and height of the video.
fn size(path: &Path) -> Result<(u32, u32), Failure> {
    let probe = Command::new("ffprobe")
        .args(["-v", "fatal", "-select_streams", "v:0", "-of", "csv=p=0"])
        .args(["-show_entries", "stream=width,height"])
        .arg(path)
        .output()?;
    let text = String::from_utf8(probe.stdout)?;
    let mut numbers = text.split([',', '\n']).filter_map(|part| part.trim().parse::<u32>().ok());
    Ok(numbers.next().zip(numbers.next()).ok_or("no video stream")?)
}

/// Frames in so many seconds, on average.
fn rate(path: &Path) -> Result<(u64, u64), Failure> {
    let probe = Command::new("ffprobe")
        .args(["-v", "fatal", "-select_streams", "v:0", "-of", "csv=p=0"])
        .args(["-show_entries", "stream=avg_frame_rate"])
        .arg(path)
        .output()?;
    let text = String::from_utf8(probe.stdout)?;
    let mut numbers = text.split(['/', ',', '\n']).filter_map(|part| part.trim().parse().ok());
    Ok(numbers.next().zip(numbers.next()).unwrap_or((0, 0)))
}

fn decode(path: &Path) -> Result<Clip, Failure> {
    let (width, height) = size(path)?;
    let rate = rate(path)?;
    let out = ffmpeg()
        .args(["-noautorotate", "-i"])
        .arg(path)
        .args(["-map", "0:v:0", "-frames:v", &FRAMES_MAX.to_string(), "-vsync", "passthrough"])
        .args(["-f", "rawvideo", "-pix_fmt", "yuv420p", "-"])
        .output()?;
    let chroma = width.div_ceil(2) * height.div_ceil(2);
    let size = (width * height + 2 * chroma) as usize;
    let frames = out.stdout.chunks_exact(size).map(<[u8]>::to_vec).collect();
    Ok(Clip { width, height, rate, frames })
}
