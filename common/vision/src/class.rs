//! The class of this machine's processor, for models that run on every frame.
//!
//! ONNX Runtime picks its kernels by the instructions that a processor has, and a sum in another order is another
//! sum: the same model gives other bits on a machine with AVX-512 than on one without. So what its kernels may go by
//! is named, with the runtime's version and the number of threads. A name too many costs a job some workers; one
//! too few would cost it its bytes.
//!
//! Owns those words. Refuses to read them.

use cleanplate_types::model::ModelClass;

use crate::session::Device;

/// Threads of a model that runs on every frame. One: segments are side by side on all cores already.
const PAINT_THREADS: usize = 1;

/// What a model that runs on every frame of a segment is run on.
pub const PAINT_DEVICE: Device = Device::Cpu { threads: PAINT_THREADS };

/// The class of this machine's processor under ONNX Runtime of that `version`, run on [`PAINT_DEVICE`].
#[must_use]
pub fn processor_class(version: &str) -> ModelClass {
    let (name, features) = (std::env::consts::ARCH, features().join(" "));
    ModelClass(format!("ONNX Runtime {version}, {name} ({features}), threads: {PAINT_THREADS}"))
}

#[cfg(target_arch = "x86_64")]
fn features() -> Vec<&'static str> {
    let all = [
        ("avx", is_x86_feature_detected!("avx")),
        ("avx2", is_x86_feature_detected!("avx2")),
        ("fma", is_x86_feature_detected!("fma")),
        ("f16c", is_x86_feature_detected!("f16c")),
        ("avxvnni", is_x86_feature_detected!("avxvnni")),
        ("avx512f", is_x86_feature_detected!("avx512f")),
        ("avx512bw", is_x86_feature_detected!("avx512bw")),
        ("avx512dq", is_x86_feature_detected!("avx512dq")),
        ("avx512vl", is_x86_feature_detected!("avx512vl")),
        ("avx512vnni", is_x86_feature_detected!("avx512vnni")),
        ("avx512bf16", is_x86_feature_detected!("avx512bf16")),
    ];
    all.into_iter().filter_map(|(name, is_there)| is_there.then_some(name)).collect()
}

#[cfg(target_arch = "aarch64")]
fn features() -> Vec<&'static str> {
    use std::arch::is_aarch64_feature_detected;
    let all = [
        ("fp16", is_aarch64_feature_detected!("fp16")),
        ("dotprod", is_aarch64_feature_detected!("dotprod")),
        ("i8mm", is_aarch64_feature_detected!("i8mm")),
        ("bf16", is_aarch64_feature_detected!("bf16")),
        ("sve", is_aarch64_feature_detected!("sve")),
    ];
    all.into_iter().filter_map(|(name, is_there)| is_there.then_some(name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_runtime_is_another_class_and_the_same_one_is_the_same() {
        let class = processor_class("1.22.0");
        assert_eq!(class, processor_class("1.22.0"));
        assert_ne!(class, processor_class("1.23.0"));
        assert!(class.0.contains(std::env::consts::ARCH), "{class}");
    }
}
