//! A migration that was given to anybody is never changed: another database than the one that it made would be
//! what the next one is applied to.

use std::collections::BTreeMap;
use std::path::Path;

use sha2::{Digest as _, Sha256};

/// Every migration, by its path and the hash of its text. New ones are added below, with the hash that the test
/// prints; a line that is here stays as it is.
const GIVEN: [(&str, &str); 5] = [
    (
        "postgres/0001_journal.sql",
        "a7755d97fede911a99edeaef86ca3eeb1c2e0078c5c1a6badd67d94935517528",
    ),
    (
        "postgres/0002_leader_connection.sql",
        "2619829a3e0fb19611233982541b706ec4485bf52965af5e71d9d4ac0a7a565c",
    ),
    ("postgres/0003_store.sql", "de2e834610d05fc988b4c6c1e1060e1a5e98ecc55c63d67ff5bfb5c0f1593005"),
    ("sqlite/0001_journal.sql", "0b99b19575dc08d166660036c4539f32b26a4f0cf6b2dc4817134b8cc65e7526"),
    ("sqlite/0002_store.sql", "a352cf286cc06cc76ab68232a5c58b712ddf9c44decea68a50596b0bc2a6048e"),
];

#[test]
fn a_migration_that_was_given_to_anybody_keeps_its_text() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
    let mut found = BTreeMap::new();
    for database in std::fs::read_dir(&folder).unwrap().map(Result::unwrap) {
        for file in std::fs::read_dir(database.path()).unwrap().map(Result::unwrap) {
            let bytes = std::fs::read(file.path()).unwrap();
            let hash: String =
                Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
            let path = file.path().strip_prefix(&folder).unwrap().display().to_string();
            found.insert(path, hash);
        }
    }
    let given = GIVEN.map(|(path, hash)| (path.to_owned(), hash.to_owned()));
    assert_eq!(found, BTreeMap::from(given));
}
