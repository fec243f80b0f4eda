//! The argument structures of the kernels, field by field as `kernels/*.cu` declare them.
//!
//! Owns which kernel takes which; the kernels' sources own what the fields mean. Addresses are of the
//! card's memory.

/// A kernel, by the name that it has in its source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kernel {
    CopyPlane,
    MaskShape,
    MaskGrow,
    MaskJoin,
    PixelateSum,
    PixelateWrite,
    InvertLoad,
    InvertJudge,
    InvertSettle,
    InvertSolve,
    InvertCheck,
    InvertFollow,
    InvertWeigh,
    InvertStore,
    InvertNamed,
    MembraneBegin,
    MembraneRing,
    MembranePull,
    MembraneGather,
    MembraneBetween,
    MembraneRelax,
    MembraneDefect,
    MembraneClear,
    MembraneFill,
    GrainBegin,
    GrainMeasure,
    GrainRank,
    Warp,
    TensorPlace,
}

/// What is compiled from one source.
pub(super) struct Module {
    pub(super) name: &'static str,
    pub(super) ptx: &'static str,
    pub(super) kernels: &'static [(Kernel, &'static str)],
}

macro_rules! module {
    ($name:literal: $($kernel:ident $function:literal),+) => {
        Module {
            name: $name,
            ptx: include_str!(concat!("../../kernels/ptx/", $name, ".ptx")),
            kernels: &[$((Kernel::$kernel, $function)),+],
        }
    };
}

/// All of them; kernels in the order of [`Kernel`].
pub(super) const MODULES: [Module; 8] = [
    module!("planes": CopyPlane "copy_plane"),
    module!("mask": MaskShape "mask_shape", MaskGrow "mask_grow", MaskJoin "mask_join"),
    module!("pixelate": PixelateSum "pixelate_sum", PixelateWrite "pixelate_write"),
    module!("invert":
        InvertLoad "invert_load", InvertJudge "invert_judge", InvertSettle "invert_settle",
        InvertSolve "invert_solve", InvertCheck "invert_check", InvertFollow "invert_follow",
        InvertWeigh "invert_weigh", InvertStore "invert_store", InvertNamed "invert_named"),
    module!("membrane":
        MembraneBegin "membrane_begin", MembraneRing "membrane_ring",
        MembranePull "membrane_pull", MembraneGather "membrane_gather",
        MembraneBetween "membrane_between", MembraneRelax "membrane_relax",
        MembraneDefect "membrane_defect", MembraneClear "membrane_clear",
        MembraneFill "membrane_fill"),
    module!("grain":
        GrainBegin "grain_begin", GrainMeasure "grain_measure", GrainRank "grain_rank"),
    module!("warp": Warp "warp"),
    module!("tensor": TensorPlace "tensor_place"),
];

/// Declares argument structures and the kernels that take them.
macro_rules! arguments {
    ($($(#[$doc:meta])* $name:ident for [$($kernel:ident),+] { $($field:ident: $type:ty),+ $(,)? })+) => {
        $(
            $(#[$doc])*
            #[repr(C)]
            #[derive(Debug, Clone, Copy)]
            pub(super) struct $name { $(pub(super) $field: $type),+ }

            impl Arguments for $name {
                const KERNELS: &'static [Kernel] = &[$(Kernel::$kernel),+];
            }
        )+
    };
}

/// A structure that some kernels take.
pub(super) trait Arguments: Copy {
    /// Those kernels.
    const KERNELS: &'static [Kernel];
}

/// One plane of a picture.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub(super) struct Plane {
    pub(super) base: u64,
    pub(super) pitch: u32,
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) step: u32,
    pub(super) bytes: u32,
    pub(super) shift: u32,
}

/// A set of samples of a plane.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub(super) struct Set {
    pub(super) cells: u64,
    pub(super) left: u32,
    pub(super) top: u32,
    pub(super) width: u32,
    pub(super) height: u32,
}

/// Two samples, one on each side of an edge of an overlay.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub(super) struct Pair {
    pub(super) open: u32,
    pub(super) covered: u32,
    pub(super) open_alpha: f32,
    pub(super) open_paint: f32,
    pub(super) alpha: f32,
    pub(super) paint: f32,
}

/// Samples of a square of a matte, and its pairs.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub(super) struct Square {
    pub(super) left: u32,
    pub(super) top: u32,
    pub(super) right: u32,
    pub(super) bottom: u32,
    pub(super) from: u32,
    pub(super) to: u32,
}

/// One plane of a matte.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub(super) struct Matte {
    pub(super) alpha: u64,
    pub(super) paint: u64,
    pub(super) plan: u64,
    pub(super) origins: u64,
    pub(super) seen: u64,
    pub(super) restored: u64,
    pub(super) weight: u64,
    pub(super) left: u32,
    pub(super) top: u32,
    pub(super) width: u32,
    pub(super) height: u32,
}

/// By what an overlay's strength is judged on one plane.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Judge {
    pub(super) seen: u64,
    pub(super) judges: u64,
    pub(super) plain: u64,
    pub(super) opaque: u64,
    pub(super) shown: u64,
    pub(super) costs: u64,
    pub(super) judge_count: u32,
    pub(super) plain_count: u32,
    pub(super) opaque_count: u32,
    pub(super) padding: u32,
}

/// A known sample beside a hole.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub(super) struct Ring {
    pub(super) x: u32,
    pub(super) y: u32,
    pub(super) known: u32,
}

/// What was found of the grain around a hole.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub(super) struct GrainFound {
    pub(super) bends: u64,
    pub(super) slopes: u64,
    pub(super) level: u32,
    pub(super) count: u32,
}

/// One grid of the membrane.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub(super) struct Grid {
    pub(super) right: u64,
    pub(super) down: u64,
    pub(super) weight: u64,
    pub(super) inverse: u64,
    pub(super) share: u64,
    pub(super) values: u64,
    pub(super) load: u64,
    pub(super) next: u64,
    pub(super) width: u32,
    pub(super) height: u32,
}

arguments! {
    CopyArgs for [CopyPlane] { from: Plane, to: Plane, only: Set }
    ShapeArgs for [MaskShape] {
        out: Set,
        bits: u64,
        x: u32,
        y: u32,
        width: u32,
        height: u32,
        picture_width: u32,
        picture_height: u32,
        shift_x: u32,
        shift_y: u32,
        shape: u32,
        keep: u32,
    }
    GrowArgs for [MaskGrow] { from: Set, out: Set, by: u32 }
    JoinArgs for [MaskJoin] { into: Set, other: Set, how: u32 }
    PixelateArgs for [PixelateSum, PixelateWrite] {
        plane: Plane,
        covered: Set,
        sums: u64,
        left: u32,
        top: u32,
        width: u32,
        height: u32,
        columns: u32,
        rows: u32,
    }
    LoadArgs for [InvertLoad] { plane: Plane, matte: Matte, scale: f32, padding: u32 }
    JudgeArgs for [InvertJudge] { planes: [Judge; 3], plane_count: u32, padding: u32 }
    SettleArgs for [InvertSettle] {
        planes: [Judge; 3],
        plane_count: u32,
        padding: u32,
        strength: u64,
    }
    SolveArgs for [InvertSolve, InvertWeigh] { matte: Matte, strength: u64 }
    CheckArgs for [InvertCheck] {
        matte: Matte,
        squares: u64,
        pairs: u64,
        strength: u64,
        square_count: u32,
        padding: u32,
    }
    FollowArgs for [InvertFollow] { matte: Matte, luma: Matte, shift_x: u32, shift_y: u32 }
    StoreArgs for [InvertStore] {
        matte: Matte,
        plane: Plane,
        strength: u64,
        sigma: f32,
        unit: f32,
        top: f32,
        padding: u32,
    }
    NamedArgs for [InvertNamed] { matte: Matte, out: Set, origin: u32, padding: u32 }
    RingArgs for [MembraneBegin, MembraneRing] {
        plane: Plane,
        ring: u64,
        means: u64,
        range: u64,
        count: u32,
        top: u32,
    }
    PullArgs for [MembranePull] { grid: Grid, pulls: u64, means: u64 }
    StepArgs for [MembraneGather, MembraneBetween] {
        finer: Grid,
        coarser: Grid,
        from: u64,
        weight: f32,
        adds: u32,
    }
    GridArgs for [MembraneRelax, MembraneDefect, MembraneClear] { grid: Grid }
    FillArgs for [MembraneFill] {
        plane: Plane,
        hole: Set,
        values: u64,
        range: u64,
        grain: u64,
        index: u64,
        number: u32,
        depth: u32,
        low: u32,
        high: u32,
        top: u32,
        has_ring: u32,
    }
    GrainArgs for [GrainBegin, GrainMeasure, GrainRank] {
        plane: Plane,
        places: u64,
        levels: u64,
        found: u64,
        count: u32,
        rank: u32,
    }
    WarpArgs for [Warp] {
        values: u64,
        doubts: u64,
        one: u64,
        other: u64,
        doubt_one: u64,
        doubt_other: u64,
        wanted: Set,
        xx: f32,
        xy: f32,
        x: f32,
        yx: f32,
        yy: f32,
        y: f32,
        share: f32,
        wide: u32,
        left: u32,
        top: u32,
        width: u32,
        height: u32,
        luma_wide: u32,
        shift_x: u32,
        shift_y: u32,
        luma_count: u32,
        is_luma: u32,
        padding: u32,
    }
    TensorArgs for [TensorPlace] {
        planes: [Plane; 3],
        out: u64,
        plane_count: u32,
        depth: u32,
        shift_x: u32,
        shift_y: u32,
        x: u32,
        y: u32,
        width: u32,
        height: u32,
        columns: u32,
        rows: u32,
        at_x: u32,
        at_y: u32,
        wide: u32,
        high: u32,
        luma: i32,
        red_v: i32,
        green_u: i32,
        green_v: i32,
        blue_u: i32,
        offset: i32,
        scale: f32,
        shift: f32,
        is_rgb: u32,
        blue_first: u32,
        is_half: u32,
        padding: u32,
    }
}

#[cfg(test)]
mod tests;
