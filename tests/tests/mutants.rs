//! Media files with bytes changed by seed, through the real program: each ends in a movie or in one sentence. What a
//! file makes of libav it makes of a child; the program itself neither dies nor hangs, and leaves no half movie.
//!
//! `MUTANTS=1000 SEED=7 cargo test -p cleanplate-tests --test mutants` tries more.

use std::path::{Path, PathBuf};
use std::process::Output;

use cleanplate_fuzzing::Random;
use cleanplate_tests::{binary, clips};

/// Mutants of each clip, where nothing else is said.
const USUAL: u64 = 4;

fn number(name: &str, usual: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

/// Changes `bytes` in one of the ways in which files are broken, or made to break others.
fn mutate(bytes: &mut Vec<u8>, random: &mut Random) {
    for _ in 0..=random.below(12) {
        let place = random.below(bytes.len().max(1));
        // Headers and indexes are at the ends; media is in the middle.
        let place = match random.below(4) {
            0 => place.min(4096),
            1 => bytes.len().saturating_sub(1 + place.min(4096)),
            _ => place,
        };
        let length = 1 + random.below(32);
        let end = place.saturating_add(length).min(bytes.len());
        match random.below(6) {
            0 => bytes[place] ^= 1 << random.below(8),
            1 => bytes[place] = random.next().to_le_bytes()[0],
            2 => bytes[place..end].fill([0, 0xFF, 0x80][random.below(3)]),
            3 => {
                let piece = bytes[place..end].to_vec();
                bytes.splice(place..place, piece);
            }
            4 => drop(bytes.drain(place..end)),
            _ if random.below(8) == 0 => bytes.truncate(place.max(64)),
            _ => {
                let odd =
                    [0_u32, 1, 0x7FFF_FFFF, 0x8000_0000, u32::MAX][random.below(5)].to_be_bytes();
                for (target, byte) in bytes[place..].iter_mut().zip(odd) {
                    *target = byte;
                }
            }
        }
    }
}

fn seeds(folder: &Path) -> Vec<PathBuf> {
    let make = |name: &str, options: &[&str]| clips::make(folder, name, "128x72", 24, options);
    vec![
        make("a.mp4", &clips::X264_PLAIN),
        make("b.mkv", &clips::X264_PLAIN),
        make("c.ts", &["-c:v", "mpeg2video", "-b:v", "200k"]),
        make("d.avi", &["-c:v", "mpeg4", "-b:v", "200k"]),
        make(
            "e.mov",
            &["-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=error"],
        ),
    ]
}

fn judged(input: &Path, output: &Path, ran: &Output) -> &'static str {
    let said = String::from_utf8_lossy(&ran.stderr);
    let shown = input.display();
    assert!(!said.contains("panicked"), "{shown}: {said}");
    match ran.status.code() {
        Some(0) => {
            assert!(output.exists(), "{shown}: {said}");
            "a movie"
        }
        // A bug of ours would be 1 with the word: a child that died is 1 too, and says so.
        Some(1) => {
            assert!(!output.exists(), "{shown}: {said}");
            assert!(
                said.contains("engine process") || !said.contains("internal"),
                "{shown}: {said}"
            );
            "a failure"
        }
        Some(2..=5) => {
            assert!(!output.exists(), "{shown}: {said}");
            let errors = said.lines().filter(|line| line.starts_with("error:")).count();
            assert_eq!(errors, 1, "{shown}: {said}");
            "a refusal"
        }
        other => panic!("{shown} ends with {other:?}: {said}"),
    }
}

#[test]
fn files_with_changed_bytes_end_in_a_movie_or_in_one_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let mut seeds = seeds(folder.path());
    let more = binary::repository().join("../shared/data");
    match std::fs::read_dir(&more) {
        Ok(entries) => {
            let paths = entries.filter_map(Result::ok).map(|entry| entry.path());
            let small =
                |path: &PathBuf| path.metadata().is_ok_and(|it| it.is_file() && it.len() < 4 << 20);
            let mut paths: Vec<PathBuf> = paths.filter(small).collect();
            paths.sort();
            seeds.extend(paths.into_iter().take(4));
        }
        Err(_) => println!("skipped: mutants of shared data, which is not here"),
    }
    let (count, first) = (number("MUTANTS", USUAL), number("SEED", 1));
    let mut ends = std::collections::BTreeMap::<&str, u64>::new();
    for (seed_file, path) in seeds.iter().enumerate() {
        let whole = std::fs::read(path).unwrap();
        for number in 0..count {
            let mut random = Random::new(first + number * 100 + seed_file as u64);
            let mut bytes = whole.clone();
            mutate(&mut bytes, &mut random);
            let extension = path.extension().and_then(|it| it.to_str()).unwrap_or("mp4");
            let input =
                folder.path().join(format!("mutant-{seed_file}-{}.{extension}", first + number));
            std::fs::write(&input, &bytes).unwrap();
            let output = folder.path().join("out.mkv");
            let mut arguments =
                vec!["run", input.to_str().unwrap(), "-o", output.to_str().unwrap()];
            arguments.extend(["--encoder", "libx264", "--preset", "ultrafast", "--workers", "1"]);
            // Half of them show what there is of damaged pictures, and so go further.
            let conceal = random.below(2) == 0;
            arguments.extend(["--detect", "none"]);
            arguments.extend(["--on-damage", if conceal { "conceal" } else { "fail" }]);
            let ran = binary::command(&arguments)
                .env("CLEANPLATE_WORKER_ENGINE_SILENT", "20s")
                .env("CLEANPLATE_WALLS_MEMORY", "2GiB")
                .output()
                .unwrap();
            *ends.entry(judged(&input, &output, &ran)).or_default() += 1;
            std::fs::remove_file(&output).ok();
            std::fs::remove_dir_all(folder.path().join("out.mkv.cleanplate")).ok();
            std::fs::remove_file(&input).unwrap();
        }
    }
    println!("{ends:?}");
}
