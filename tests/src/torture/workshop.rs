//! Where clips are made, once, and kept beside the binary under a name that says the recipe.
//!
//! Owns what recipes may use: `base.nut` (150 frames of the Mandelbrot zoom, 160x96, 25 a second, 4:4:4 in
//! 12 bits), `tone.wav` (6 s), `subs.srt`, `subs.ass`, `marks.txt` (chapters), `note.txt`, `cover.png`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use sha2::{Digest as _, Sha256};

use super::kind::{Kind, Step};
use crate::binary::cleanplate;

/// What every clip is made of.
const MATERIAL: [&str; 3] = [
    "-f lavfi -i mandelbrot=size=160x96:rate=25 -frames:v 150 -pix_fmt yuv444p12le -c:v rawvideo base.nut",
    "-f lavfi -i sine=frequency=330:sample_rate=48000:duration=6 -c:a pcm_s16le tone.wav",
    "-f lavfi -i testsrc2=size=64x64:rate=1 -frames:v 1 cover.png",
];

const SUBTITLES: &str = "1\n00:00:00,320 --> 00:00:01,000\nfirst\n\n2\n00:00:01,480 --> 00:00:02,200\n<i>second</i>\n\n3\n00:00:02,280 --> 00:00:02,800\nthird\n";

const CHAPTERS: &str = ";FFMETADATA1\ntitle=a title = with signs\nartist=nobody\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=1200\ntitle=one\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=1200\nEND=2960\ntitle=two\n";

const STYLED: &str = "[Script Info]\nScriptType: v4.00+\n\n[V4+ Styles]\nFormat: Name, Fontname, Fontsize\nStyle: Default,Serif,20\n\n[Events]\nFormat: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\nDialogue: 0,0:00:00.40,0:00:01.20,Default,,0,0,0,,{\\b1}bold{\\b0} words\nDialogue: 0,0:00:01.60,0:00:02.40,Default,,0,0,0,,more\n";

/// The clip of `kind`, made where it is not there yet.
#[must_use]
pub fn clip(kind: &Kind) -> PathBuf {
    let folder = folder();
    let recipe = Sha256::digest(format!("{MATERIAL:?} {:?}", stated(kind)));
    let recipe: String = recipe.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    let extension = Path::new(kind.file).extension().and_then(|name| name.to_str());
    let extension = extension.expect("a clip's name says its container");
    let path = folder.join(format!("{}-{recipe}.{extension}", kind.name));
    if !path.is_file() {
        let own = tempfile::tempdir_in(&folder).expect("the build folder can be written");
        make(kind, own.path());
        keep(&own.path().join(kind.file), &path);
    }
    path
}

/// The recipe in words that change when it does; edits by their place.
fn stated(kind: &Kind) -> Vec<String> {
    let word = |step: &Step| match step {
        Step::Ffmpeg(command) => (*command).to_owned(),
        Step::Edit(name, _) => format!("edit {name} {}", super::bytes::VERSION),
        Step::Join(names) => names.join(" + "),
    };
    kind.steps.iter().map(word).collect()
}

fn folder() -> PathBuf {
    let folder = cleanplate().with_file_name("torture-clips");
    fs::create_dir_all(&folder).expect("the build folder can be written");
    folder
}

/// Makes `kind` in `folder`.
fn make(kind: &Kind, folder: &Path) {
    for name in material() {
        let target = name.file_name().expect("material has a name");
        std::os::unix::fs::symlink(&name, folder.join(target)).expect("links can be made");
    }
    for (name, text) in [
        ("subs.srt", SUBTITLES),
        ("marks.txt", CHAPTERS),
        ("subs.ass", STYLED),
        ("note.txt", "a note\n"),
    ] {
        fs::write(folder.join(name), text).expect("the build folder can be written");
    }
    for step in kind.steps {
        match step {
            Step::Ffmpeg(command) => ffmpeg(folder, command, kind.name),
            Step::Edit(name, edit) => {
                let path = folder.join(name);
                let bytes = fs::read(&path).expect("an earlier step made the file");
                fs::write(&path, edit(bytes)).expect("the build folder can be written");
            }
            Step::Join(names) => {
                let (target, parts) = names.split_last().expect("a join has names");
                let read = |part: &&str| fs::read(folder.join(part)).expect("a part is there");
                let whole: Vec<u8> = parts.iter().flat_map(read).collect();
                fs::write(folder.join(target), whole).expect("the build folder can be written");
            }
        }
    }
}

/// What all recipes share, made once.
fn material() -> Vec<PathBuf> {
    let folder = folder();
    let made = MATERIAL.iter().map(|command| {
        let name = command.rsplit(' ').next().expect("a command names its output");
        let path = folder.join(name);
        if !path.is_file() {
            let own = tempfile::tempdir_in(&folder).expect("the build folder can be written");
            ffmpeg(own.path(), command, "material");
            keep(&own.path().join(name), &path);
        }
        path
    });
    made.collect()
}

fn ffmpeg(folder: &Path, command: &str, what: &str) {
    let output = Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-y"])
        .args(command.split_whitespace())
        .current_dir(folder)
        .output()
        .expect("ffmpeg is installed by `make test`");
    assert!(
        output.status.success(),
        "{what}: ffmpeg {command} failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Keeps `made` as `path`; where two make it at once the first one stays, since a source must not change.
fn keep(made: &Path, path: &Path) {
    match fs::hard_link(made, path) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
            panic!("{}: {error}", path.display())
        }
        Ok(()) | Err(_) => {}
    }
}
