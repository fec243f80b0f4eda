//! Cards through a management library made for the test: two cards, one of them with the memory
//! that an RTX 4090 reports.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use cleanplate_types::tier::CardLoad;
use cleanplate_vision::{CardMeter, Found, find_cards_by};

/// The functions that are asked, and no more: a missing one is an error of its call alone.
const LIBRARY: &str = r#"
#include <stdio.h>
#include <string.h>
typedef struct { int index; } device;
static device cards[2] = {{0}, {1}};
int nvmlInit_v2(void) { return INIT; }
int nvmlShutdown(void) { return 0; }
const char *nvmlErrorString(int code) { return code ? "fake" : "success"; }
int nvmlSystemGetDriverVersion(char *text, unsigned size) { snprintf(text, size, "535.129.03"); return 0; }
int nvmlDeviceGetCount_v2(unsigned *count) { *count = COUNT; return 0; }
int nvmlDeviceGetHandleByIndex_v2(unsigned index, device **out) { *out = &cards[index]; return 0; }
int nvmlDeviceGetName(device *card, char *text, unsigned size) {
    snprintf(text, size, card->index ? "NVIDIA GeForce RTX 3060" : "NVIDIA GeForce RTX 4090");
    return 0;
}
int nvmlDeviceGetUUID(device *card, char *text, unsigned size) { snprintf(text, size, "GPU-%da", card->index); return 0; }
typedef struct { unsigned version; unsigned long long total, reserved, free, used; } memory;
int nvmlDeviceGetMemoryInfo_v2(device *card, memory *out) {
    out->total = (card->index ? 12288ULL : 24564ULL) << 20;
    out->free = out->total;
    out->used = 3ULL << 30;
    out->reserved = 0;
    return 0;
}
int nvmlDeviceGetHandleByUUID(const char *uuid, device **out) {
    int index;
    if (sscanf(uuid, "GPU-%da", &index) != 1 || index > 1) return 6;
    *out = &cards[index];
    return 0;
}
int nvmlDeviceGetTemperature(device *card, int sensor, unsigned *out) { *out = 61 + card->index; return sensor; }
typedef struct { unsigned gpu, memory; } rates;
int nvmlDeviceGetUtilizationRates(device *card, rates *out) { out->gpu = 87; return card->index ? 3 : 0; }
"#;

fn library(folder: &Path, init: i32, count: u32) -> PathBuf {
    let source = folder.join("nvml.c");
    std::fs::write(&source, LIBRARY).expect("a temporary folder can be written");
    let path = folder.join("libnvidia-ml.so.1");
    let status = Command::new("cc")
        .args(["-shared", "-fPIC", "-o"])
        .arg(&path)
        .arg(&source)
        .arg(format!("-DINIT={init}"))
        .arg(format!("-DCOUNT={count}"))
        .status()
        .expect("a C compiler is installed by `make test`");
    assert!(status.success(), "the library of the test is C that compiles");
    path
}

#[test]
fn every_card_comes_with_its_name_its_memory_and_its_row() {
    let folder = tempfile::tempdir().unwrap();
    let path = library(folder.path(), 0, 2);
    let Found::Cards(cards) = find_cards_by(path.as_os_str(), None) else {
        panic!("two cards are there");
    };
    let [first, second] = cards.as_slice() else { panic!("two cards are there") };
    assert_eq!((first.ordinal, first.uuid.as_str()), (0, "GPU-0a"));
    assert_eq!((first.name.as_str(), first.vram_mib), ("NVIDIA GeForce RTX 4090", 24_564));
    assert_eq!((first.card().tier().name, second.card().tier().name), ("24", "10"));
    assert_eq!(second.driver, "535.129.03");

    let Found::Cards(chosen) = find_cards_by(path.as_os_str(), Some("GPU-1a")) else {
        panic!("one card is left");
    };
    assert_eq!(chosen, std::slice::from_ref(second));
}

#[test]
fn a_card_tells_what_it_is_doing_as_far_as_its_driver_does() {
    let folder = tempfile::tempdir().unwrap();
    let path = library(folder.path(), 0, 2);
    let load = |uuid| CardMeter::open_by(path.as_os_str(), uuid).unwrap().load();
    let used_mib = Some(3 << 10);
    let first = CardLoad { busy_percent: Some(87), celsius: Some(61), used_mib };
    assert_eq!(load("GPU-0a"), first);
    assert_eq!(load("GPU-1a"), CardLoad { busy_percent: None, celsius: Some(62), used_mib });
    assert!(CardMeter::open_by(path.as_os_str(), "GPU-9a").unwrap_err().contains("GPU-9a"));
}

#[test]
fn no_card_comes_with_its_reason() {
    let folder = tempfile::tempdir().unwrap();
    let why = |path: &OsStr, visible| match find_cards_by(path, visible) {
        Found::None { why } => why,
        Found::Cards(cards) => panic!("{cards:?}"),
    };
    // NVML_ERROR_DRIVER_NOT_LOADED.
    let unloaded = library(folder.path(), 9, 0);
    assert!(why(unloaded.as_os_str(), None).contains("not loaded"));
    let other = tempfile::tempdir().unwrap();
    let empty = library(other.path(), 0, 0);
    assert!(why(empty.as_os_str(), None).contains("knows no card"));
    let third = tempfile::tempdir().unwrap();
    let two = library(third.path(), 0, 2);
    assert!(why(two.as_os_str(), Some("7")).contains("CUDA_VISIBLE_DEVICES"));
}
