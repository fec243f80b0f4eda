//! A card's memory: given back when it is dropped, refused when it is used up, and what then.

use std::sync::Arc;

use cleanplate_types::picture::{PixelLayout, Rect};
use cleanplate_vision::cuda::{CudaError, Device, DevicePicture, DeviceTensor, Number, Packing};

use super::driver::with_cards;
use super::scene::{Random, Scene};

/// 64 MiB in all, 25 of them free.
const SMALL: &str = "small:64:25";

fn layout() -> PixelLayout {
    PixelLayout {
        name: "nv12".to_owned(),
        depth: 8,
        planes: 3,
        chroma_shift_x: 1,
        chroma_shift_y: 1,
        full_range: false,
    }
}

#[test]
fn what_is_dropped_is_free_again() {
    with_cards("memory::what_is_dropped_is_free_again", SMALL, &[], || {
        let device = Device::open(0).unwrap();
        let before = device.memory().unwrap();
        assert_eq!((before.free_bytes, before.total_bytes), (25 << 20, 64 << 20));
        let picture =
            DevicePicture::new(&device, &layout(), (1920, 1080), Packing::Interleaved).unwrap();
        let held = before.free_bytes - device.memory().unwrap().free_bytes;
        assert_eq!(held, picture.bytes(), "a picture says what it holds");
        drop(picture);
        assert_eq!(device.memory().unwrap(), before);
    });
}

#[test]
fn memory_outlives_whoever_opened_the_card() {
    with_cards("memory::memory_outlives_whoever_opened_the_card", SMALL, &[], || {
        let scene = Scene::any(&mut Random(5), &[10]);
        let picture = {
            let device = Device::open(0).unwrap();
            scene.on_card(&device, Packing::Planar).unwrap()
        };
        // The card is still open: the picture holds what it needs of it.
        let mut back = scene.clone();
        picture.download(&mut back.muts()).unwrap();
        assert_eq!(back, scene);
    });
}

#[test]
fn a_part_keeps_the_picture_that_it_is_of() {
    with_cards("memory::a_part_keeps_the_picture_that_it_is_of", SMALL, &[], || {
        let device = Device::open(0).unwrap();
        let before = device.memory().unwrap();
        let scene = Scene::any(&mut Random(9), &[8]);
        let whole = Rect { x: 0, y: 0, width: scene.size.0, height: scene.size.1 };
        let mut picture = scene.on_card(&device, Packing::Planar).unwrap();
        let part = picture.part(whole).unwrap();
        assert!(picture.upload(&scene.refs()).is_err(), "what a part may look at does not change");
        drop(picture);
        assert_eq!(part.bytes(), 0);
        assert_eq!(scene.back(&device, &part).unwrap(), scene);
        assert!(part.part(Rect { width: scene.size.0 + 1, ..whole }).is_err());
        assert!(part.part(Rect { width: 0, ..whole }).is_err());
        drop(part);
        assert_eq!(device.memory().unwrap(), before);
    });
}

#[test]
fn a_card_that_is_full_says_how_much_was_asked_for_and_is_free() {
    let name = "memory::a_card_that_is_full_says_how_much_was_asked_for_and_is_free";
    with_cards(name, SMALL, &[], || {
        let device = Device::open(0).unwrap();
        let asked = DeviceTensor::new(&device, 32, (640, 640), Number::Half);
        let error = asked.unwrap_err();
        assert!(error.is_out_of_memory());
        let wanted_bytes = 32 * 3 * 640 * 640 * 2;
        assert_eq!(error, CudaError::OutOfMemory { wanted_bytes, free_bytes: 25 << 20 });
        // Nothing is broken by it.
        DeviceTensor::new(&device, 4, (640, 640), Number::Half).unwrap();
    });
}

#[test]
fn a_batch_that_does_not_fit_is_halved_until_it_does() {
    let name = "memory::a_batch_that_does_not_fit_is_halved_until_it_does";
    with_cards(name, SMALL, &[], || {
        let device = Device::open(0).unwrap();
        let before = device.memory().unwrap();
        let (batch, pictures, tensor, refused) = fitting(&device, 32);
        // Eight pictures of 640 by 640 (0.7 MiB each) and their tensors (2.3 MiB each) are 24.4 MiB.
        assert_eq!((batch, refused), (8, 2));
        assert_eq!(pictures.len(), 8);
        assert_eq!(tensor.shape(), [8, 3, 640, 640]);
        drop((pictures, tensor));
        assert_eq!(device.memory().unwrap(), before, "tries that failed hold nothing");
    });
}

/// Pictures and a tensor for the largest batch that fits, and how many were refused before.
fn fitting(device: &Arc<Device>, most: u32) -> (u32, Vec<DevicePicture>, DeviceTensor, u32) {
    let (mut batch, mut refused) = (most, 0);
    loop {
        match all(device, batch) {
            Ok((pictures, tensor)) => return (batch, pictures, tensor, refused),
            Err(error) => {
                assert!(error.is_out_of_memory() && batch > 1, "{error}");
                (batch, refused) = (batch / 2, refused + 1);
            }
        }
    }
}

fn all(device: &Arc<Device>, batch: u32) -> Result<(Vec<DevicePicture>, DeviceTensor), CudaError> {
    let picture = |_| DevicePicture::new(device, &layout(), (640, 640), Packing::Interleaved);
    let pictures: Result<Vec<_>, _> = (0..batch).map(picture).collect();
    Ok((pictures?, DeviceTensor::new(device, batch, (640, 640), Number::Half)?))
}
