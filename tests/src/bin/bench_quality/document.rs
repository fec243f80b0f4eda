//! Puts what was measured into docs/quality.md, between marks that say who writes there.

use std::process::Command;

use cleanplate_tests::binary;

/// Replaces the block `part` of the page by `text`, with date, machine, revision and what was `picked`.
pub(crate) fn put(part: &str, picked: &str, text: &str) {
    let path = binary::repository().join("docs/quality.md");
    let page = std::fs::read_to_string(&path).expect("docs/quality.md is there");
    let text = format!("{}{picked}\n\n{}", taken(), text.trim());
    let page = replaced(&page, part, &text)
        .unwrap_or_else(|| panic!("docs/quality.md has no block for {part}"));
    std::fs::write(&path, page).expect("docs/quality.md can be written");
    println!("\nwritten into {}", path.display());
}

fn replaced(page: &str, part: &str, text: &str) -> Option<String> {
    let (begin, end) = (format!("<!-- {part}: begin -->"), format!("<!-- {part}: end -->"));
    let (before, rest) = page.split_once(&begin)?;
    let (_, after) = rest.split_once(&end)?;
    Some(format!("{before}{begin}\n{text}\n{end}{after}"))
}

/// When, on what, of what.
fn taken() -> String {
    let said = |program: &str, arguments: &[&str]| {
        let output = Command::new(program).args(arguments).output().ok();
        let text = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
        text.unwrap_or_default()
    };
    let cpus = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let cpu = cpus.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    let cpu = cpu.map_or("an unknown CPU", |(_, name)| name.trim());
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let version = said("ffmpeg", &["-version"]);
    let ffmpeg = version.split_whitespace().nth(2).unwrap_or("unknown").to_owned();
    let repository = binary::repository();
    let revision = said("git", &["-C", crate::text(&repository), "rev-parse", "--short", "HEAD"]);
    format!(
        "Taken {} at {revision}: {cores} cores of {cpu}, FFmpeg {ffmpeg}.",
        said("date", &["-u", "+%Y-%m-%d"])
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_replaced_and_nothing_else() {
        let page =
            "a\n<!-- x: begin -->\nold\n<!-- x: end -->\nb\n<!-- y: begin -->\n<!-- y: end -->\n";
        let want =
            "a\n<!-- x: begin -->\nnew\n<!-- x: end -->\nb\n<!-- y: begin -->\n<!-- y: end -->\n";
        assert_eq!(replaced(page, "x", "new").as_deref(), Some(want));
        assert_eq!(replaced(page, "z", "new"), None);
    }
}
