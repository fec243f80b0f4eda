//! Who keeps what: the context for its frames, the pool for its bound, the host's frame beside the card's.

use std::sync::Arc;

use cleanplate_media::device::{CardError, DevicePool};
use cleanplate_types::picture::Rect;
use cleanplate_types::time::Pts;

use crate::driver::with_card;
use crate::picture::{Random, layout, noise};
use crate::{card, shared};

#[test]
fn whoever_owns_the_context_lives_until_its_last_frame_is_gone() {
    with_card(
        "owning::whoever_owns_the_context_lives_until_its_last_frame_is_gone",
        1 << 14,
        || {
            let owner: Arc<String> = Arc::new("the device".to_owned());
            let alive = Arc::downgrade(&owner);
            let host = noise(&mut Random(5), 10, (64, 48));
            let frame = {
                let card = shared(owner).unwrap();
                let pool = DevicePool::new(&card, &layout(10), (64, 48), 1).unwrap();
                pool.upload(&host).unwrap()
            };
            // Neither the context nor the pool has another friend than the frame.
            assert!(alive.upgrade().is_some());
            assert_eq!(frame.download(Pts(7)).unwrap().content_sha(), host.content_sha());
            drop(frame);
            assert!(alive.upgrade().is_none(), "the last frame lets the owner go");
        },
    );
}

#[test]
fn without_a_driver_the_card_is_refused_in_its_words_and_its_owner_let_go() {
    let owner = Arc::new(());
    let alive = Arc::downgrade(&owner);
    // This process was not given the driver of the tests.
    if let Err(error) = shared(owner) {
        let text = error.to_string();
        assert!(text.contains("the test's card") && text.contains("libcuda"), "{text}");
        assert!(alive.upgrade().is_none());
    } else {
        println!("skipped: this machine has a CUDA driver");
    }
}

#[test]
fn a_pool_whose_frames_are_all_held_says_so_and_goes_on_when_one_is_given_back() {
    let name =
        "owning::a_pool_whose_frames_are_all_held_says_so_and_goes_on_when_one_is_given_back";
    with_card(name, 1 << 14, || {
        let pool = DevicePool::new(&card(), &layout(8), (64, 48), 3).unwrap();
        let host = noise(&mut Random(6), 8, (64, 48));
        let mut held: Vec<_> = (0..3).map(|_| pool.upload(&host).unwrap()).collect();
        assert_eq!(pool.held(), 3);
        let error = pool.upload(&host).unwrap_err();
        assert!(matches!(error, CardError::PoolFull { frames_max: 3, .. }), "{error}");
        assert!(
            error.to_string().contains("the test's card") && error.to_string().contains("fewer")
        );
        held.pop();
        assert_eq!(pool.held(), 2);
        held.push(pool.upload(&host).unwrap());
    });
}

#[test]
fn a_card_without_memory_says_for_what_and_what_can_be_done() {
    // A frame of 640 by 360 takes 360 rows of 1024 bytes, and half of that again: 540 KiB.
    with_card("owning::a_card_without_memory_says_for_what_and_what_can_be_done", 1200, || {
        let pool = DevicePool::new(&card(), &layout(8), (640, 360), 9).unwrap();
        let host = noise(&mut Random(7), 8, (640, 360));
        let held = [pool.upload(&host).unwrap(), pool.upload(&host).unwrap()];
        let error = pool.upload(&host).unwrap_err();
        assert!(matches!(error, CardError::OutOfMemory { held: 2, .. }), "{error}");
        let text = error.to_string();
        assert!(
            text.contains("the test's card: no memory for one more frame of 640x360 nv12"),
            "{text}"
        );
        assert!(text.contains("run fewer slots"), "{text}");
        // What failed is not counted, and what was given back is used again.
        assert_eq!(pool.held(), 2);
        drop(held);
        for _ in 0..100 {
            pool.upload(&host).unwrap();
        }
        assert_eq!(pool.held(), 0);
    });
}

#[test]
fn a_picture_that_is_changed_leaves_the_card() {
    with_card("owning::a_picture_that_is_changed_leaves_the_card", 1 << 14, || {
        let pool = DevicePool::new(&card(), &layout(8), (64, 48), 2).unwrap();
        let mut host = noise(&mut Random(8), 8, (64, 48));
        let on_card = pool.upload(&host).unwrap();
        host.lay_on_card(on_card);
        assert!(host.on_card().is_some() && host.twin().unwrap().on_card().is_none());
        drop(host.planes_mut().unwrap());
        assert!(host.on_card().is_none(), "the card's samples are not the picture's any more");
        assert_eq!(pool.held(), 0);
        // Whoever keeps both the same takes the card's off first.
        let on_card = pool.upload(&host).unwrap();
        host.lay_on_card(on_card);
        let mut on_card = host.take_on_card().unwrap();
        drop(host.planes_mut().unwrap());
        on_card.upload_region(&host, Rect { x: 0, y: 0, width: 2, height: 2 }).unwrap();
        host.lay_on_card(on_card);
        assert!(host.on_card().is_some() && pool.held() == 1);
    });
}
