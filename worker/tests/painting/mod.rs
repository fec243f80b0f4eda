//! Segments whose frames a model paints by itself. The models are written here; where there is no ONNX Runtime to run
//! them, each test says so.

use std::path::{Path, PathBuf};
use std::process::Command;

use cleanplate_plate::blend;
use cleanplate_plate::matte::Coding;
use cleanplate_plate::mattes::Mattes;
use cleanplate_plate::restore::Restorer;
use cleanplate_store::{Store, kinds};
use cleanplate_types::digest::Sha;
use cleanplate_types::failure::{FailureKind, Stage};
use cleanplate_types::frames::FrameRange;
use cleanplate_types::model::{ModelClass, ModelRef, Painting};
use cleanplate_types::object::ObjectRef;
use cleanplate_types::overlay::{Fill, Mask, Overlay, OverlayOrigin, OverlayPlan};
use cleanplate_types::picture::{PixelLayout, PlaneMut, PlaneRef, PlanesMut, PlanesRef, Rect};
use cleanplate_vision::{
    Inpainter, Model, ModelsFolder, PAINT_DEVICE, Picture, RgbPicture, Runtime, RuntimePlaces,
};

use super::fleet::{Fixture, Session, clip};
use super::{brief, bytes_of, failure, intake, libx264, parts, segment};

#[path = "../../../common/vision/tests/zoo/fillers.rs"]
#[expect(dead_code, reason = "some of its models are for the models' own tests alone")]
mod fillers;
#[path = "../../../common/vision/tests/zoo/onnx.rs"]
#[expect(
    dead_code,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "some of its types are for the models' own tests alone; its constants are small whole numbers"
)]
mod onnx;

use fillers::{Does, Filler, LAMA};

/// The runtime of this machine; where there is none, that is printed, and the test is over.
#[expect(clippy::print_stdout, reason = "whoever runs the tests is told what was not tested")]
fn runtime() -> Option<PathBuf> {
    let named = std::env::var_os("CLEANPLATE_MODELS_FOLDER").map(ModelsFolder::new);
    let folder = named.or_else(ModelsFolder::of_this_user);
    let folder = folder.map_or_else(|| PathBuf::from("/nonexistent"), |it| it.path().to_owned());
    match Runtime::load(&RuntimePlaces::of_this_machine(None, &folder)) {
        Ok(runtime) => Some(runtime.path().to_owned()),
        Err(error) => {
            println!("skipped: {error}");
            None
        }
    }
}

/// A worker that is attached, and a job whose overlay `filler` is to paint.
struct Painted {
    _fixture: Fixture,
    session: Session,
    store: Store,
    brief: ObjectRef,
}

/// Takes in the clip that `make` makes, and plans it in cells of 30 frames: frames 10 to 70 show the overlay.
async fn planned(
    runtime: PathBuf,
    filler: Filler,
    make: impl Fn(&Path),
    class: Option<ModelClass>,
) -> Painted {
    let mut fixture = Fixture::start_with_models(2, runtime).await;
    let path = fixture.folder.path().join("clip.mp4");
    make(&path);
    let mut session = fixture.session().await;
    session.welcome(&fixture.store()).await;
    let store = Store::open(fixture.store().to_str().unwrap()).unwrap();
    let looked = intake(&mut session, 1, &path).await;
    let own = ModelClass(session.hello.model_classes[0].clone());
    let (mut brief, _) = brief(&store, &looked, &libx264(&session), (30, "ultrafast")).await;
    let bytes = filler.model();
    let file = fixture.folder.path().join("painter.onnx");
    std::fs::write(&file, &bytes).unwrap();
    let url = format!("file://{}", file.display());
    let model = ModelRef { url, sha: Sha::of(&bytes), bytes: bytes.len() as u64 };
    brief.plan.overlays[0].fill = Fill::Fetch;
    brief.spec.painting = Some(Painting { model, class: class.unwrap_or(own) });
    let object = store.put_value("jobs/job/painted", kinds::BRIEF, &brief).await.unwrap();
    Painted { _fixture: fixture, session, store, brief: object }
}

/// A still picture with noise that is another in every frame.
fn noisy(path: &Path) {
    made(path, "smptebars=size=320x240:rate=25:duration=4", "noise=alls=6:allf=t");
}

fn made(path: &Path, source: &str, filter: &str) {
    let status = Command::new("ffmpeg")
        .args(["-v", "error", "-y", "-f", "lavfi", "-i", source, "-vf", filter])
        .args(["-c:v", "libx264", "-preset", "veryfast", "-crf", "12", "-g", "50"])
        .args(["-pix_fmt", "yuv420p"])
        .arg(path)
        .status()
        .expect("ffmpeg is installed");
    assert!(status.success());
}

#[tokio::test]
async fn frames_that_are_painted_are_the_same_however_the_job_is_cut() {
    let Some(runtime) = runtime() else { return };
    let mut job = planned(runtime, LAMA, noisy, None).await;
    job.session.grant(2, segment(&job.brief, 0, 4)).await;
    let (whole, trail) = parts(&mut job.session, 2).await;
    let filled = trail.iter().find(|line| line.stage == "fill" && line.event == "finished");
    let filled = &filled.unwrap().detail;
    assert!(filled.contains("of 60 frames painted by `painter.onnx`"), "{filled}");
    assert!(filled.contains("60 of them blended"), "{filled}");
    let mut cut = Vec::new();
    for (lease, first) in (3..).zip(0..4) {
        job.session.grant(lease, segment(&job.brief, first, 1)).await;
        cut.extend(parts(&mut job.session, lease).await.0);
    }
    let mut painted = 0;
    for (one, other) in whole.iter().zip(&cut) {
        let ((one, bytes), (other, others)) =
            (bytes_of(&job.store, one).await, bytes_of(&job.store, other).await);
        assert_eq!(
            (one.cell, one.packets, one.decoded),
            (other.cell, other.packets, other.decoded)
        );
        assert!(bytes == others, "cell {}", one.cell);
        assert_eq!(one.restored, other.restored);
        assert_eq!(one.restored.synthesised, one.restored.samples());
        painted += one.restored.painted_frames;
    }
    assert_eq!((whole.len(), cut.len(), painted), (4, 4, 60));
}

#[tokio::test]
async fn a_model_that_does_wrong_is_found_where_the_job_begins_and_no_cell_is_handed_in() {
    let Some(runtime) = runtime() else { return };
    for (does, word) in [(Does::Ignore, "mask"), (Does::NotANumber, "NaN")] {
        let filler = Filler { does, ..LAMA };
        let mut job = planned(runtime.clone(), filler, |path| clip(path, 100), None).await;
        job.session.grant(2, segment(&job.brief, 0, 1)).await;
        let refused = failure(&mut job.session, 2).await;
        assert_eq!(refused.kind, FailureKind::BadRequest, "{refused}");
        assert!(refused.message.contains(word), "{refused}");
    }
}

#[tokio::test]
async fn a_painting_that_is_refused_in_mid_segment_fails_it_and_names_the_frame() {
    let Some(runtime) = runtime() else { return };
    let filler = Filler { does: Does::NotANumberInTheDark, ..LAMA };
    let dark = |path: &Path| {
        let grey = "color=c=0xB0B0B0:size=320x240:rate=25:duration=4";
        made(path, grey, "eq=brightness='-gte(n,40)':eval=frame");
    };
    let mut job = planned(runtime, filler, dark, None).await;
    job.session.grant(2, segment(&job.brief, 0, 1)).await;
    assert_eq!(parts(&mut job.session, 2).await.0.len(), 1, "its frames are bright");
    job.session.grant(3, segment(&job.brief, 1, 1)).await;
    let refused = failure(&mut job.session, 3).await;
    assert_eq!((refused.kind, refused.stage), (FailureKind::BadRequest, Stage::Fill), "{refused}");
    assert!(refused.message.contains("NaN"), "{refused}");
    assert_eq!(refused.frames, Some(FrameRange::new(40, 41)), "{refused}");
}

#[tokio::test]
async fn a_machine_of_another_class_than_the_jobs_paints_nothing() {
    let Some(runtime) = runtime() else { return };
    let class = ModelClass("another machine".to_owned());
    let mut job = planned(runtime, LAMA, |path| clip(path, 100), Some(class)).await;
    job.session.grant(2, segment(&job.brief, 0, 1)).await;
    let refused = failure(&mut job.session, 2).await;
    assert_eq!(refused.kind, FailureKind::WorkerLacks, "{refused}");
    assert!(refused.message.contains("another machine"), "{refused}");
}

const WIDTH: u32 = 160;
const HEIGHT: u32 = 96;
const REGION: Rect = Rect { x: 60, y: 30, width: 32, height: 24 };

fn layout() -> PixelLayout {
    PixelLayout {
        name: "yuv420p".to_owned(),
        depth: 8,
        planes: 3,
        chroma_shift_x: 1,
        chroma_shift_y: 1,
        full_range: false,
    }
}

/// The planes of a frame of a lamp that flickers: grey that is a few codes brighter in every other frame.
fn flickering(index: u64) -> [Vec<u8>; 3] {
    let grey = if index.is_multiple_of(2) { 118 } else { 122 };
    let chroma = (WIDTH * HEIGHT / 4) as usize;
    [vec![grey; (WIDTH * HEIGHT) as usize], vec![120; chroma], vec![134; chroma]]
}

/// Width and height of a plane, and its samples.
fn sized(planes: &[Vec<u8>; 3]) -> impl Iterator<Item = (u32, u32, &Vec<u8>)> {
    let sizes = (0..3).map(|plane| layout().plane_size(plane, WIDTH, HEIGHT));
    sizes.zip(planes).map(|((width, height), samples)| (width, height, samples))
}

fn seen(planes: &[Vec<u8>; 3]) -> PlanesRef<'_> {
    let views = sized(planes).map(|(width, height, samples)| PlaneRef {
        samples: &samples[..],
        stride: width as usize,
        width,
        height,
    });
    PlanesRef::Eight(views.collect())
}

fn open(planes: &mut [Vec<u8>; 3]) -> PlanesMut<'_> {
    let views = (0..).zip(planes).map(|(plane, samples)| {
        let (width, height) = layout().plane_size(plane, WIDTH, HEIGHT);
        PlaneMut { samples: &mut samples[..], stride: width as usize, width, height }
    });
    PlanesMut::Eight(views.collect())
}

/// Levels of luma in the middle of the region.
fn level(planes: &[Vec<u8>; 3]) -> u8 {
    planes[0][((REGION.y + REGION.height / 2) * WIDTH + REGION.x + REGION.width / 2) as usize]
}

#[test]
fn blending_calms_what_a_model_paints_of_every_frame_anew() {
    let Some(path) = runtime() else { return };
    let places = RuntimePlaces { setting: Some(path), ..RuntimePlaces::default() };
    let model = Model::open(Runtime::load(&places).unwrap(), &LAMA.model(), PAINT_DEVICE);
    let mut painter = Inpainter::new(model.unwrap()).unwrap();
    let frames = FrameRange::new(0, 12);
    let overlay = Overlay {
        origin: OverlayOrigin::Region,
        mask: Mask::full(REGION),
        when: vec![frames],
        fill: Fill::Fetch,
        hides: true,
    };
    let plan = OverlayPlan::new(WIDTH, HEIGHT, vec![overlay]);
    let coding = Coding { layout: layout(), size: (WIDTH, HEIGHT), matrix: 1, chroma_location: 1 };
    let restorer = Restorer::new(&layout(), &plan, Mattes::default(), &coding);
    let mut restorer = restorer.unwrap().painting();
    let (mut restored, mut paintings) = (Vec::new(), Vec::new());
    for index in frames.start..frames.end {
        let mut planes = flickering(index);
        restorer.apply(index, open(&mut planes)).unwrap();
        let unserved = restorer.unserved().unwrap();
        let layout = layout();
        let picture = Picture::new(seen(&planes), &layout, 1).unwrap();
        let area = painter.context(&unserved.luma, (WIDTH, HEIGHT)).unwrap();
        let rgb = RgbPicture::of(&picture, area).unwrap();
        let mut hole = unserved.luma.clone();
        (hole.bounds.x, hole.bounds.y) = (hole.bounds.x - area.x, hole.bounds.y - area.y);
        let filled = painter.fill(&rgb, &hole).unwrap().planes(&layout, 1);
        let of = (index, unserved);
        let painting = blend::Painting::new(&layout, of, &seen(&planes), (area, &filled));
        paintings.push(painting.unwrap());
        restored.push(planes);
    }
    let laid = |near: &[&blend::Painting]| {
        let levels = paintings.iter().zip(&restored).map(|(painting, planes)| {
            let mut planes = planes.clone();
            painting.lay(near, open(&mut planes));
            assert!(planes[1][0] == 120 && planes[2][0] == 134, "chroma beside it stays");
            level(&planes)
        });
        let levels: Vec<u8> = levels.collect();
        let inner = &levels[2..levels.len() - 2];
        inner.windows(2).map(|pair| u32::from(pair[0].abs_diff(pair[1]))).sum::<u32>()
    };
    let raw = laid(&[]);
    let blended = laid(&paintings.iter().collect::<Vec<_>>());
    assert!(raw >= 7 * 3, "each painting is as bright as its frame: {raw}");
    assert!(blended * 2 <= raw, "{blended} of {raw}");
}
