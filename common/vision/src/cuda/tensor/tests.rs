//! What must hold of `tensor`.

use std::path::{Path, PathBuf};
use std::process::Command;

use cleanplate_types::picture::{PlaneRef, PlanesRef};

use super::*;
use crate::picture::Picture;
use crate::tensor::{Levels, Placement, place};

mod ffi;

/// A picture, as both are given it.
struct Drawn {
    layout: PixelLayout,
    size: (u32, u32),
    sizes: [(u32, u32); 3],
    eight: [Vec<u8>; 3],
    sixteen: [Vec<u16>; 3],
}

/// Numbers from a seed, below `end`.
fn draws(seed: u64) -> impl FnMut(u32) -> u32 {
    let mut state = seed;
    move |end| {
        state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        u32::try_from((state >> 33) % u64::from(end)).unwrap()
    }
}

impl Drawn {
    fn new(draw: &mut impl FnMut(u32) -> u32) -> Self {
        let shifts = [(1, 1), (1, 0), (0, 0)][draw(3) as usize];
        let layout = PixelLayout {
            name: "test".to_owned(),
            depth: [8, 10, 12][draw(3) as usize],
            planes: [1, 3, 3][draw(3) as usize],
            chroma_shift_x: shifts.0,
            chroma_shift_y: shifts.1,
            full_range: draw(2) == 0,
        };
        let size = (1 + draw(90), 1 + draw(70));
        let sizes = [0, 1, 2].map(|plane| layout.plane_size(plane, size.0, size.1));
        let top = 1 << layout.depth;
        let sixteen: [Vec<u16>; 3] = sizes.map(|(width, height)| {
            (0..width * height).map(|_| u16::try_from(draw(top)).unwrap()).collect()
        });
        let narrow = |code: &u16| u8::try_from(code & 255).unwrap();
        let eight = sixteen.each_ref().map(|plane| plane.iter().map(narrow).collect());
        Self { layout, size, sizes, eight, sixteen }
    }

    fn planes(&self) -> PlanesRef<'_> {
        fn of<'a, S>(samples: &'a [Vec<S>], sizes: &[(u32, u32)]) -> Vec<PlaneRef<'a, S>> {
            let all = samples.iter().zip(sizes);
            let view = |(samples, size): (&'a Vec<S>, &(u32, u32))| PlaneRef {
                samples,
                stride: size.0 as usize,
                width: size.0,
                height: size.1,
            };
            all.map(view).collect()
        }
        let count = usize::from(self.layout.planes);
        if self.layout.depth == 8 {
            return PlanesRef::Eight(of(&self.eight[..count], &self.sizes));
        }
        PlanesRef::Sixteen(of(&self.sixteen[..count], &self.sizes))
    }

    /// The planes as the kernel takes them.
    fn raw(&self) -> [Plane; 3] {
        [0, 1, 2].map(|at: usize| {
            let (width, height) = self.sizes[at];
            let (base, bytes) = if self.layout.depth == 8 {
                (self.eight[at].as_ptr().expose_provenance(), 1)
            } else {
                (self.sixteen[at].as_ptr().expose_provenance(), 2)
            };
            let (base, pitch) = (base as u64, width * bytes);
            Plane { base, pitch, width, height, step: 1, bytes, shift: 0 }
        })
    }
}

/// The kernel's source as a library for the CPU.
fn compile(folder: &Path) -> ffi::TensorKernel {
    let library = folder.join("tensor.so");
    let source = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("kernels/tensor.cu");
    let mut compiler = Command::new("cc");
    compiler.args(["-x", "c", "-std=gnu11", "-O2", "-ffp-contract=off", "-shared", "-fPIC", "-o"]);
    let status = compiler.arg(&library).arg(source).status();
    assert!(status.expect("a C compiler is installed by `make test`").success());
    ffi::TensorKernel::load(&library)
}

#[test]
fn the_kernel_gives_the_bits_that_the_cpu_gives() {
    let folder = tempfile::tempdir().unwrap();
    let kernel = compile(folder.path());
    for seed in 0..200 {
        let mut draw = draws(seed);
        let drawn = Drawn::new(&mut draw);
        let tensor = (4 + draw(60), 4 + draw(60));
        let size = (1 + draw(tensor.0), 1 + draw(tensor.1));
        let at = (draw(tensor.0 - size.0 + 1), draw(tensor.1 - size.1 + 1));
        let (x, y) = (draw(drawn.size.0), draw(drawn.size.1));
        let (width, height) = (1 + draw(drawn.size.0 - x), 1 + draw(drawn.size.1 - y));
        let from = Rect { x, y, width, height };
        let blue_first = draw(2) == 0;
        let scale = [1.0, 1.0 / 255.0, 0.017][draw(3) as usize];
        let shift = [0.0, -1.0][draw(2) as usize];
        let matrix = [0, 1, 4, 5, 6, 7, 9, 10][draw(8) as usize];

        let mut expected = vec![0.0; 3 * tensor.0 as usize * tensor.1 as usize];
        let picture = Picture::new(drawn.planes(), &drawn.layout, matrix).unwrap();
        let both = |(one, other): (u32, u32)| (one as usize, other as usize);
        let placement = Placement { from, tensor: both(tensor), at: both(at), size: both(size) };
        place(&picture, &placement, Levels { blue_first, scale, shift }, &mut expected);

        let mut found = vec![0.0_f32; expected.len()];
        let range = TensorRange { blue_first, scale, shift };
        let (out, planes) =
            (found.as_mut_ptr().expose_provenance() as u64, (&drawn.layout, drawn.raw()));
        let made = arguments(planes, matrix, &TensorPlace { from, at, size }, range);
        kernel.run(&TensorArgs { out, columns: tensor.0, rows: tensor.1, ..made });
        let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&found), bits(&expected), "seed {seed}: {:?}", drawn.layout);
    }
}
