//! How long nobody grants anything when the coordinator that leads is killed.

use std::path::Path;
use std::time::Instant;

use cleanplate_tests::clips;
use cleanplate_tests::pair::Pair;
use cleanplate_tests::postgres::TestPostgres;

/// Times that the leader is killed, each in a fleet of its own.
const KILLS: usize = 5;

/// Prints the times from `kill -9` to the next grant.
pub(crate) fn kills(folder: &Path) {
    println!(
        "\n# kill -9 of the coordinator that leads to the next grant, 2 coordinators, 2 workers"
    );
    let postgres = match TestPostgres::start() {
        Ok(postgres) => postgres,
        Err(why) => {
            println!("skipped: {why}");
            return;
        }
    };
    let clip = clips::make(folder, "failover.mp4", "1280x720", 2400, &clips::X264_PLAIN);
    for kill in 1..=KILLS {
        let place = folder.join(format!("failover-{kill}"));
        std::fs::create_dir(&place).expect("a folder");
        let mut pair = Pair::start(&place, &postgres, 2);
        let output = place.join("out.mp4");
        let options = ["--region", "20,20,120,50", "--encoder", "libx264", "--cell-frames", "60"];
        // A lease of one cell: a grant takes a free slot too, and that is to come soon.
        let options = [&options[..], &["--segment-frames", "60"]].concat();
        let paths = [&clip, &output].map(|path| path.to_str().expect("a path is text"));
        let job = pair.first.submit(paths[0], paths[1], &options);
        let begun = |state: &serde_json::Value| state["frames_done"].as_u64().unwrap_or(0) > 0;
        pair.first.watch_until(&job, begun);
        let killed = Instant::now();
        pair.first.kill_coordinator();
        println!("kill {kill}: {:.1} s", pair.next_grant(killed).as_secs_f64());
    }
}
