//! Real clips, where a folder of them lies beside the repository: counts and times as ffmpeg's.

use std::path::Path;

use crate::clips::scanned;
use crate::reference::{assert_range, plain, shown};

/// Columns of the folder's list: file, errors, exit status, and what ffmpeg shows.
const COLUMNS: [&str; 6] = [
    "file",
    "decode_errors",
    "src_frames_copyts_passthrough",
    "src_first_pts",
    "src_last_pts",
    "src_timebase",
];

/// Clips that ffmpeg shows although their pictures change or their frames have no time of their own,
/// or whose only picture is a cover.
const REFUSED: [&str; 5] = [
    "audio_with_cover_art.m4a",
    "reschange_h264_848_to_424.h264",
    "reschange_h264_inband_mp4.mp4",
    "reschange_vp8_9_sizes.webm",
    "reschange_vp9_500f.ivf",
];

#[test]
fn whole_real_clips_have_the_frames_that_ffmpeg_shows() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let Ok(list) = std::fs::read_to_string(folder.join("EXPECT.tsv")) else {
        println!("skipped: no folder of real clips at {}", folder.display());
        return;
    };
    let mut lines = list.lines().map(|line| line.split('\t').collect::<Vec<_>>());
    let header = lines.next().unwrap();
    let places = COLUMNS.map(|name| header.iter().position(|column| *column == name).unwrap());
    let mut checked = 0;
    for row in lines {
        let [file, errors, frames, first, last, timebase] = places.map(|place| row[place]);
        let path = folder.join(file);
        if errors == "y" || !path.exists() {
            continue;
        }
        let result = scanned(&path);
        if REFUSED.iter().any(|name| file.ends_with(name)) {
            assert!(result.is_err(), "{file} is refused");
            continue;
        }
        let table = result.unwrap_or_else(|error| panic!("{file}: {error}")).table;
        let found = [
            table.pts.len().to_string(),
            table.pts[0].0.to_string(),
            table.pts[table.pts.len() - 1].0.to_string(),
            table.timebase.to_string(),
        ];
        assert_eq!(found, [frames, first, last, timebase], "{file}");
        checked += 1;
    }
    println!("{checked} clips");
}

/// Clips with open groups of pictures, leading pictures, fields, edit lists.
const HARD: [&str; 6] = [
    "overlay/foreman_elemental_logo_hevc_cra.mp4",
    "hostile/opengop_hevc_iphone_dv84.mp4",
    "hostile/elst_iphone_preroll_opengop.mp4",
    "hostile/opengop_h264_mbaff_crop.mp4",
    "hostile/opengop_mpeg2_scte20.ts",
    "hostile/vp9_show_existing_frame.webm",
];

#[test]
fn ranges_of_hard_real_clips_are_exact() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    for name in HARD {
        let path = folder.join(name);
        if !path.exists() {
            println!("skipped: no {}", path.display());
            continue;
        }
        let (scanned, shown) = (scanned(&path).unwrap(), shown(&path));
        let end = scanned.table.range().end;
        for start in (0..end).step_by(23) {
            assert_range(&path, &scanned, &shown, plain(start, (start + 2).min(end)));
        }
    }
}
