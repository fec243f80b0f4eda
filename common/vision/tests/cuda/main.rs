//! The device layer and the kernels without a card: a driver and a management library made for the test,
//! with host memory for the card's and the kernels' own sources compiled as C.
//!
//! What this shows: that kernels give the engine's bits, that memory is owned and given back, what becomes
//! of running out of it, how cards are told apart and chosen. It cannot show races of streams, and nothing
//! of NVDEC or NVENC; `make gpu-check` does, on a card.

mod blocks;
mod cards;
mod copies;
mod driver;
mod grounds;
mod holes;
mod inversions;
mod memory;
mod ptx;
mod scene;
mod sets;
mod tensors;

use cleanplate_vision::cuda::Device;
use driver::with_cards;

const ONE_CARD: &str = "NVIDIA GeForce RTX 4090:24564";
/// How often each comparison draws pictures anew.
const ROUNDS: u64 = 300;

/// Runs a comparison on the card made for the test.
macro_rules! compares {
    ($($name:ident: $module:ident;)+) => {
        $(
            #[test]
            fn $name() {
                with_cards(stringify!($name), ONE_CARD, &[], || {
                    let device = Device::open(0).unwrap();
                    println!("{}", $module::check(&device, ROUNDS).unwrap());
                });
            }
        )+
    };
}

compares! {
    pictures_come_back_as_they_were_in_every_packing: copies;
    sets_are_those_that_the_engine_covers: sets;
    blocks_are_the_engines_bit_for_bit: blocks;
    membrane_and_grain_are_the_engines_bit_for_bit: holes;
    inversion_is_the_engines_bit_for_bit: inversions;
    backgrounds_are_laid_as_the_engine_lays_them_bit_for_bit: grounds;
    tensors_are_those_of_the_formula_bit_for_bit: tensors;
}
