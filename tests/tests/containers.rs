//! The table of containers, codecs and exactness in `docs/containers.md`: every cell is a run.
//!
//! `BLESS=1` writes the table that the runs gave; without it the table must be the one that is there.

use cleanplate_tests::binary::repository;
use cleanplate_tests::torture::table;

const HEAD: &str = "# Containers, codecs, exactness

This page is written by a test that performs every cell and compares the output with the source, frame by
frame: `BLESS=1 cargo test -p cleanplate-tests --test containers`. *Exact* means bit for bit with
`--lossless`, and every timestamp to the source's tick. What is refused is refused before any work, with exit
status 2 or 3 and a sentence that says what would be lost and which container holds it.

";

#[test]
fn the_table_of_containers_says_what_runs_do() {
    let path = repository().join("docs/containers.md");
    let found = format!("{HEAD}{}", table::all());
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, &found).unwrap();
    }
    let wrong: Vec<&str> = found.lines().filter(|line| line.contains(table::WRONG)).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    for (line, (have, want)) in written.lines().zip(found.lines()).enumerate() {
        assert_eq!(have, want, "docs/containers.md, line {}: BLESS=1 rewrites it", line + 1);
    }
    assert_eq!(written.len(), found.len(), "docs/containers.md: BLESS=1 rewrites it");
}
