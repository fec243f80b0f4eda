//! Cards of many sizes, told apart by both libraries alike, and chosen by UUID.

use std::ffi::OsStr;

use cleanplate_vision::cuda::{CudaError, Device, DevicePicture, Packing, is_driver_there};
use cleanplate_vision::{Found, find_cards_by};

use super::driver::with_cards;
use super::scene::{Random, Scene};

/// Memory as the cards' own driver reports it, and the row of the tier table that it belongs to.
const FLEET: &str = "NVIDIA GeForce RTX 4090:24564;NVIDIA GeForce RTX 4080:16376;\
NVIDIA GeForce RTX 3080:10240;NVIDIA GeForce RTX 3070:8192;NVIDIA GeForce RTX 2060:6144;\
NVIDIA H100 80GB HBM3:81559;NVIDIA H200:143771";
const ROWS: [&str; 7] = ["24", "16", "10", "8", "0", "24", "24"];
const SECOND: &str = "GPU-a1a1a1a1-a1a1-a1a1-a1a1-a1a1a1a1a1a1";

#[test]
fn every_card_of_a_fleet_gets_the_row_of_its_memory() {
    with_cards("cards::every_card_of_a_fleet_gets_the_row_of_its_memory", FLEET, &[], || {
        let Found::Cards(managed) = find_cards_by(OsStr::new("libnvidia-ml.so.1"), None) else {
            panic!("seven cards are there");
        };
        let rows: Vec<&str> = managed.iter().map(|card| card.card().tier().name).collect();
        assert_eq!(rows, ROWS);
        let driven = Device::cards().unwrap();
        let named = |uuid: &String, name: &String| (uuid.clone(), name.clone());
        let one: Vec<_> = managed.iter().map(|card| named(&card.uuid, &card.name)).collect();
        let other: Vec<_> = driven.iter().map(|card| named(&card.uuid, &card.name)).collect();
        assert_eq!(one, other, "both libraries name the same cards");
        assert_eq!(driven[5].total_bytes, 81_559 << 20);
        assert_eq!(driven[5].capability, (8, 9));
    });
}

#[test]
fn a_card_is_opened_by_its_uuid_and_works() {
    with_cards("cards::a_card_is_opened_by_its_uuid_and_works", FLEET, &[], || {
        let device = Device::open_by_uuid(SECOND).unwrap();
        assert_eq!((device.card().ordinal, device.card().total_bytes), (1, 16_376 << 20));
        let scene = Scene::any(&mut Random(3), &[8]);
        let picture = scene.on_card(&device, Packing::Planar).unwrap();
        assert_eq!(scene.back(&device, &picture).unwrap(), scene);
        let absent = Device::open_by_uuid("GPU-ffff").unwrap_err();
        assert_eq!(absent, CudaError::NoSuchCard("GPU-ffff".to_owned()));
        assert!(matches!(Device::open_by_uuid(""), Err(CudaError::NoSuchCard(_))));
    });
}

#[test]
fn a_process_that_was_given_one_card_sees_it_as_the_first() {
    let name = "cards::a_process_that_was_given_one_card_sees_it_as_the_first";
    with_cards(name, FLEET, &[("CUDA_VISIBLE_DEVICES", SECOND)], || {
        let cards = Device::cards().unwrap();
        assert_eq!(cards.len(), 1);
        let device = Device::open(0).unwrap();
        assert_eq!(device.card().uuid, SECOND);
        assert_eq!(Device::open(1).unwrap_err(), CudaError::NoCard);
        let visible = Some(SECOND);
        let Found::Cards(managed) = find_cards_by(OsStr::new("libnvidia-ml.so.1"), visible) else {
            panic!("one card is left");
        };
        assert_eq!(managed[0].uuid, device.card().uuid);
    });
}

#[test]
fn a_driver_that_shows_no_card_says_so() {
    let hidden = [("CUDA_VISIBLE_DEVICES", "")];
    with_cards("cards::a_driver_that_shows_no_card_says_so", FLEET, &hidden, || {
        assert!(is_driver_there());
        assert_eq!(Device::cards().unwrap_err(), CudaError::NoCard);
        assert_eq!(Device::open(0).unwrap_err(), CudaError::NoCard);
    });
}

#[test]
fn without_a_driver_every_call_is_an_error_in_words() {
    if is_driver_there() {
        println!("skipped: this machine has a CUDA driver");
        return;
    }
    let error = Device::open(0).unwrap_err();
    assert_eq!(error, CudaError::Absent);
    assert!(error.to_string().contains("libcuda.so.1"), "{error}");
    assert_eq!(Device::cards().unwrap_err(), CudaError::Absent);
    assert_eq!(Device::open_by_uuid(SECOND).unwrap_err(), CudaError::Absent);
}

#[test]
fn what_does_not_fit_together_is_refused_before_anything_is_launched() {
    let name = "cards::what_does_not_fit_together_is_refused_before_anything_is_launched";
    with_cards(name, "test:1024", &[], || {
        let device = Device::open(0).unwrap();
        let (one, other) = (Scene::any(&mut Random(1), &[8]), Scene::any(&mut Random(2), &[10]));
        let mut picture = one.on_card(&device, Packing::Planar).unwrap();
        let refused = |result: Result<(), CudaError>| {
            assert!(matches!(result, Err(CudaError::Shape(_))), "{result:?}");
        };
        refused(picture.upload(&other.refs()));
        refused(picture.copy_into(&other.on_card(&device, Packing::Planar).unwrap(), None));
        refused(picture.copy_into(&picture, Some(&[])));
        let none = DevicePicture::new(&device, &one.layout, (0, 8), Packing::Planar);
        assert!(matches!(none, Err(CudaError::Shape(_))));
        let borrowed =
            DevicePicture::borrow(&device, &one.layout, one.size, (Packing::Planar, &[]));
        assert!(matches!(borrowed, Err(CudaError::Shape(_))));
    });
}
