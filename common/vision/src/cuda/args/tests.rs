//! What must hold of `args`.

use super::*;

#[test]
fn kernels_are_listed_in_the_order_of_their_names_and_are_in_the_ptx() {
    let listed = MODULES.iter().flat_map(|module| module.kernels.iter().map(|(of, _)| *of));
    for (at, kernel) in listed.enumerate() {
        assert_eq!(kernel as usize, at, "{kernel:?}");
    }
    for module in &MODULES {
        let entries = module.ptx.matches(".entry ").count();
        assert_eq!(entries, module.kernels.len(), "{}", module.name);
        for (_, name) in module.kernels {
            assert!(module.ptx.contains(&format!(".entry {name}(")), "{name}");
        }
    }
}

/// Bytes of a kernel's parameters as its PTX declares them.
fn parameter_bytes(kernel: Kernel) -> usize {
    let of = |module: &'static Module| {
        module.kernels.iter().find(|(of, _)| *of == kernel).map(|(_, name)| (module, name))
    };
    let (module, name) = MODULES_STATIC.iter().find_map(of).unwrap();
    let entry = module.ptx.split(&format!(".entry {name}(")).nth(1).unwrap();
    let declared = entry.split('[').nth(1).unwrap();
    declared.split(']').next().unwrap().parse().unwrap()
}

static MODULES_STATIC: [Module; 8] = MODULES;

fn check<A: Arguments>() {
    for kernel in A::KERNELS {
        assert_eq!(parameter_bytes(*kernel), size_of::<A>(), "{kernel:?}");
    }
}

#[test]
fn structures_are_as_large_here_as_in_the_ptx() {
    check::<CopyArgs>();
    check::<ShapeArgs>();
    check::<GrowArgs>();
    check::<JoinArgs>();
    check::<PixelateArgs>();
    check::<LoadArgs>();
    check::<JudgeArgs>();
    check::<SettleArgs>();
    check::<SolveArgs>();
    check::<CheckArgs>();
    check::<FollowArgs>();
    check::<StoreArgs>();
    check::<NamedArgs>();
    check::<RingArgs>();
    check::<PullArgs>();
    check::<StepArgs>();
    check::<GridArgs>();
    check::<FillArgs>();
    check::<GrainArgs>();
    check::<WarpArgs>();
    check::<TensorArgs>();
}
