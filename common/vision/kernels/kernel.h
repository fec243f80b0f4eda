// What all kernels share: how a kernel is declared, how a plane is read and written.
//
// The sources are the part that C and CUDA C++ have in common. NVRTC makes PTX of them for the card, a
// C compiler makes functions of the same names for tests: `name(args, columns, rows)` then visits every
// place of the grid in turn. So kernels know one place each, share nothing with their neighbours but
// through whole-number atomics, and contract no multiplication with an addition (--fmad=false,
// -ffp-contract=off): both give the same bits.
//
// Memory is named by 64-bit addresses in the argument structures; the Rust side mirrors those structures
// field by field (common/vision/src/cuda/args.rs).
#ifndef CLEANPLATE_KERNEL_H
#define CLEANPLATE_KERNEL_H

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

#ifdef __CUDACC__
#define INLINE static __device__ __forceinline__
#define TABLE static __device__ const
#define KERNEL(name, Args)                                                                        \
    INLINE void name##_at(const Args *a, u32 x, u32 y);                                           \
    extern "C" __global__ void name(const Args args) {                                            \
        name##_at(&args, blockIdx.x * blockDim.x + threadIdx.x,                                   \
                  blockIdx.y * blockDim.y + threadIdx.y);                                         \
    }                                                                                             \
    INLINE void name##_at(const Args *a, u32 x, u32 y)
#define ADD32(address, value) ((void)atomicAdd((address), (u32)(value)))
#define ADD64(address, value) ((void)atomicAdd((address), (u64)(value)))
#define LEAST32(address, value) ((void)atomicMin((address), (value)))
#define MOST32(address, value) ((void)atomicMax((address), (value)))
INLINE u32 bits_of(float value) { return __float_as_uint(value); }
INLINE float float_of(u32 bits) { return __uint_as_float(bits); }
INLINE float square_root(float value) { return __fsqrt_rn(value); }
#else
#define INLINE static inline
#define TABLE static const
#define KERNEL(name, Args)                                                                        \
    INLINE void name##_at(const Args *a, u32 x, u32 y);                                           \
    void name(const Args *args, u32 columns, u32 rows);                                           \
    void name(const Args *args, u32 columns, u32 rows) {                                          \
        for (u32 y = 0; y < rows; y++)                                                            \
            for (u32 x = 0; x < columns; x++) name##_at(args, x, y);                              \
    }                                                                                             \
    INLINE void name##_at(const Args *a, u32 x, u32 y)
#define ADD32(address, value) ((void)(*(address) += (u32)(value)))
#define ADD64(address, value) ((void)(*(address) += (u64)(value)))
#define LEAST32(address, value) ((void)(*(address) = *(address) < (value) ? *(address) : (value)))
#define MOST32(address, value) ((void)(*(address) = *(address) > (value) ? *(address) : (value)))
INLINE u32 bits_of(float value) { u32 bits; __builtin_memcpy(&bits, &value, 4); return bits; }
INLINE float float_of(u32 bits) { float value; __builtin_memcpy(&value, &bits, 4); return value; }
INLINE float square_root(float value) { return __builtin_sqrtf(value); }
#endif

// The memory at an address of the argument structures.
#define AT(type, address) ((type *)(address))

INLINE float least(float a, float b) { return a < b ? a : b; }
INLINE float most(float a, float b) { return a > b ? a : b; }
INLINE float between(float value, float low, float high) {
    return value < low ? low : value > high ? high : value;
}
INLINE float magnitude(float value) { return float_of(bits_of(value) & 0x7fffffffu); }
INLINE u32 lesser(u32 a, u32 b) { return a < b ? a : b; }
INLINE u32 greater(u32 a, u32 b) { return a > b ? a : b; }

// One plane of a picture, as the decoder lays it out.
typedef struct {
    u64 base;    // Address of the first sample.
    u32 pitch;   // Bytes from one row to the next.
    u32 width;   // Samples in a row.
    u32 height;  // Number of rows.
    u32 step;    // Stored samples from one to the next: 1, or 2 where U and V alternate.
    u32 bytes;   // Of a stored sample: 1 or 2.
    u32 shift;   // Bits below the value: 6 in P010, else 0.
} Plane;

INLINE u32 load(const Plane *plane, u32 x, u32 y) {
    u64 row = plane->base + (u64)y * plane->pitch;
    u64 place = (u64)x * plane->step;
    if (plane->bytes == 1) return AT(const u8, row)[place];
    return (u32)AT(const u16, row)[place] >> plane->shift;
}

INLINE void store(const Plane *plane, u32 x, u32 y, u32 value) {
    u64 row = plane->base + (u64)y * plane->pitch;
    u64 place = (u64)x * plane->step;
    if (plane->bytes == 1) AT(u8, row)[place] = (u8)value;
    else AT(u16, row)[place] = (u16)(value << plane->shift);
}

// A set of samples of a plane: one byte for each sample of a rectangle, 0 or 1, row by row.
typedef struct {
    u64 cells;  // Address of the first byte.
    u32 left, top, width, height;
} Set;

INLINE u32 has(const Set *set, u32 x, u32 y) {
    // What lies left of or above the rectangle wraps around, and is outside too.
    u32 column = x - set->left, row = y - set->top;
    if (column >= set->width || row >= set->height) return 0;
    return AT(const u8, set->cells)[(u64)row * set->width + column];
}

#endif
