//! The lists against honest places, and against a corpus of places that are not what they seem.

use proptest::prelude::*;

use super::*;

fn places(sources: &[&str], destinations: &[&str]) -> Places {
    let list = |texts: &[&str]| {
        texts.iter().map(|text| Place::parse(text, &WebSettings::default()).unwrap()).collect()
    };
    let alice = Lists { sources: list(sources), destinations: list(destinations) };
    Places::Listed {
        usual: Lists::default(),
        owners: [("alice".to_owned(), alice)].into(),
        never: vec![Place::of_store("s3://media/farm").unwrap()],
    }
}

fn usual() -> Places {
    places(
        &[
            "s3://media/in",
            "file:///data/in/",
            "https://cdn.example.com/films/",
            "gs://g",
            "az://a/x",
        ],
        &["s3://media/out/", "/data/out"],
    )
}

#[test]
fn what_is_listed_may_be_used_by_its_owner_as_it_is_listed() {
    let places = usual();
    for url in [
        "s3://media/in/a.mp4",
        "s3://media/in/deep/er/a b%20#1.mp4",
        "file:///data/in/a.mp4",
        "file:///data/in/%C3%BC%20x.mp4",
        "https://cdn.example.com/films/a.mp4?sig=1",
        "gs://g/a",
        "az://a/x/y",
    ] {
        assert_eq!(places.check("alice", Use::Source, url), Ok(()), "{url}");
        assert!(places.check("bob", Use::Source, url).is_err(), "{url}: nobody listed it for bob");
        assert!(places.check("", Use::Source, url).is_err(), "{url}");
        assert!(places.check("alice", Use::Destination, url).is_err(), "{url}: to be read only");
    }
    assert_eq!(places.check("alice", Use::Destination, "s3://media/out/a.mp4"), Ok(()));
    assert_eq!(places.check("alice", Use::Destination, "file:///data/out/a.mp4"), Ok(()));
    assert_eq!(Places::Any.check("bob", Use::Source, "s3://any/thing"), Ok(()));
}

/// Places that lie outside of all lists, or are written so that somebody might take them for inside.
const HOSTILE: [&str; 62] = [
    "",
    "s3://",
    "s3://media",
    "s3://media/",
    "s3://media/inner/a.mp4",
    "s3://media/in2",
    "s3://media/IN/a.mp4",
    "s3://media/in/../secret",
    "s3://media/in/..",
    "s3://media/in/./a",
    "s3://media/in//a",
    "s3://media//in/a",
    "s3://media/in/%2e%2e/secret",
    "s3://media/in/%2E%2E/secret",
    "s3://media/in/.%2e/secret",
    "s3://media/in/%252e%252e/secret",
    "s3://media/in/%25252e%25252e/secret",
    "s3://media/in/..%2fsecret",
    "s3://media/in/a%2f..%2f..%2fsecret",
    "s3://media/in/a%5c..%5csecret",
    "s3://media/in\\..\\secret",
    "s3://media/in/a\nb",
    "s3://media/in/a\0b",
    "s3://media/in/%00",
    "s3://media/farm/jobs/x",
    "s3://other/in/a.mp4",
    "s3://media.evil/in/a.mp4",
    "s3://media@evil/in/a.mp4",
    "s3://user:pass@media/in/a.mp4",
    "s3://media:80/in/a.mp4",
    "s3://../in/a.mp4",
    "S3://media/in/a.mp4",
    "gs://media/in/a.mp4",
    "az://media/in/a.mp4",
    "file:///data/in/../../etc/shadow",
    "file:///data/in/%2e%2e/%2e%2e/etc/shadow",
    "file:///data/in/..%2f..%2fetc/shadow",
    "file:///data/in%2f..%2f..%2fetc/shadow",
    "file:///data/inner/a.mp4",
    "file:///data",
    "file:///",
    "file:///etc/passwd",
    "file:///proc/self/environ",
    "file:///dev/zero",
    "file://host/data/in/a.mp4",
    "file:///data/in\\..\\..\\etc",
    "/etc/passwd",
    "data/in/a.mp4",
    "https://cdn.example.com/other/a.mp4",
    "https://cdn.example.com/films/../other/a.mp4",
    "https://cdn.example.com/films/%2e%2e/other/a.mp4",
    "https://cdn.example.com.evil.example/films/a.mp4",
    "https://cdn.example.com@evil.example/films/a.mp4",
    "https://evil.example/films/a.mp4",
    "https://cdn.example.com:8443/films/a.mp4",
    "https://user:pass@cdn.example.com/films/a.mp4",
    "https://cdn.example.com\\@evil.example/films/a.mp4",
    "http://cdn.example.com/films/a.mp4",
    "ftp://cdn.example.com/films/a.mp4",
    "concat:/etc/passwd|/etc/shadow",
    "data:video/mp4;base64,AAAA",
    "gopher://127.0.0.1:6379/_FLUSHALL",
];

#[test]
fn nothing_of_the_corpus_of_hostile_places_is_let_in() {
    let places = usual();
    for url in HOSTILE {
        for used in [Use::Source, Use::Destination] {
            let error = places.check("alice", used, url).err();
            let error = error.unwrap_or_else(|| panic!("{url:?} was let in"));
            let said = error.to_string();
            assert!(!said.contains("pass@"), "{said}");
        }
    }
}

#[test]
fn even_who_may_use_all_places_uses_none_that_leads_elsewhere_or_is_the_farms_own() {
    let places = places(&["*"], &["*"]);
    assert_eq!(places.check("alice", Use::Source, "s3://any/thing"), Ok(()));
    for url in [
        "s3://media/farm/jobs/x/parts/1",
        "s3://media/in/../farm/x",
        "https://169.254.169.254/latest/meta-data/",
        "https://localhost/x",
        "https://[::ffff:127.0.0.1]/x",
        "https://user@example.com/x",
        "https://example.com:22/x",
    ] {
        assert!(places.check("alice", Use::Source, url).is_err(), "{url}");
    }
}

#[test]
fn a_refusal_names_the_setting_that_would_allow_it() {
    let said =
        |owner| usual().check(owner, Use::Destination, "s3://media/x").unwrap_err().to_string();
    let own = |owner: &str| {
        let Places::Listed { owners, .. } = usual() else { panic!("there are lists") };
        owners.contains_key(owner)
    };
    assert!(own("alice") && !own("nobody"));
    assert!(said("alice").contains("`access.owners.alice.destinations`"), "{}", said("alice"));
    assert!(said("nobody").contains("`access.destinations`"), "{}", said("nobody"));
    assert!(said("").contains("`access.destinations`"), "{}", said(""));
}

#[test]
fn a_list_that_makes_no_sense_is_none() {
    for text in [
        "",
        "in",
        "ftp://x/",
        "s3://",
        "/data/../etc",
        "s3://b/a/../c",
        "https://",
        "https://127.0.0.1/",
        "https://u:p@x.example/",
        "**",
    ] {
        assert!(Place::parse(text, &WebSettings::default()).is_err(), "{text}");
    }
}

#[test]
fn a_link_in_a_listed_folder_leads_nowhere_else() {
    let folder = tempfile::tempdir().unwrap();
    let root = std::fs::canonicalize(folder.path()).unwrap();
    let (inside, outside) = (root.join("in"), root.join("secret"));
    std::fs::create_dir(&inside).unwrap();
    std::fs::create_dir(&outside).unwrap();
    std::fs::write(outside.join("a.mp4"), b"x").unwrap();
    std::fs::write(inside.join("good.mp4"), b"x").unwrap();
    let link = |target: &Path, name: &str| {
        std::os::unix::fs::symlink(target, inside.join(name)).unwrap();
    };
    link(&outside.join("a.mp4"), "file.mp4");
    link(&outside, "folder");
    link(&outside.join("not-yet.mp4"), "dangling.mp4");
    link(&inside.join("dangling.mp4"), "twice.mp4");
    link(&inside.join("round.mp4"), "round.mp4");
    link(&inside.join("good.mp4"), "near.mp4");
    // A list may name a folder by a link of its own.
    std::os::unix::fs::symlink(&inside, root.join("alias")).unwrap();
    for named in [&inside, &root.join("alias")] {
        let listed = named.to_str().unwrap();
        let places = places(&[listed], &[listed]);
        let check = |used, name: &str| {
            places.check_here("alice", used, &Location::File(named.join(name)).url())
        };
        assert_eq!(check(Use::Source, "good.mp4"), Ok(()));
        assert_eq!(check(Use::Source, "near.mp4"), Ok(()));
        assert_eq!(check(Use::Destination, "new/out.mp4"), Ok(()));
        for name in
            ["file.mp4", "folder/a.mp4", "folder/new.mp4", "dangling.mp4", "twice.mp4", "round.mp4"]
        {
            let error = check(Use::Destination, name).unwrap_err().to_string();
            assert!(!error.contains("secret"), "where it leads is not told: {error}");
            assert!(check(Use::Source, name).is_err(), "{name}");
        }
    }
}

proptest! {
    #[test]
    fn what_is_let_in_lies_below_what_is_listed(key in "[a-c./%2eEfF\\\\]{0,24}") {
        let url = format!("s3://media/in/{key}");
        if usual().check("alice", Use::Source, &url).is_ok() {
            let plain = decoded(&key);
            prop_assert!(!plain.split(['/', '\\']).any(|part| part == ".." || part == "."), "{}", url);
        }
    }

    #[test]
    fn a_file_that_is_let_in_is_opened_below_what_is_listed(path in "[a-c./%2eEfF]{0,24}") {
        let url = format!("file:///data/in/{path}");
        if usual().check("alice", Use::Source, &url).is_ok() {
            let Location::File(opened) = Location::parse(&url).unwrap() else { unreachable!() };
            prop_assert!(opened.starts_with("/data/in"), "{:?}", opened);
            prop_assert!(opened.components().all(|part| part != Component::ParentDir), "{:?}", opened);
        }
    }

    #[test]
    fn no_text_ends_the_program(text in "\\PC{0,80}") {
        for scheme in ["", "s3://media/in/", "file:///data/in/", "https://cdn.example.com/films/"] {
            drop(usual().check_here("alice", Use::Source, &format!("{scheme}{text}")));
            drop(Place::parse(&format!("{scheme}{text}"), &WebSettings::default()));
        }
    }
}
