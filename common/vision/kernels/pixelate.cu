// Coarse blocks: each shows the mean of the samples of a set that lie in it. Sums are whole numbers, so
// their order does not matter.
#include "kernel.h"

typedef struct {
    Plane plane;
    Set covered;
    u64 sums;      // u64 for each block, 0 before `pixelate_sum`.
    u64 counts;    // u32 for each block, 0 before `pixelate_sum`.
    u32 left, top;      // Corner of the first block, in samples of the plane.
    u32 step_x, step_y; // Size of a block.
    u32 columns;        // Blocks in a row of blocks.
} PixelateArgs;

INLINE u32 block_of(const PixelateArgs *a, u32 column, u32 row) {
    return (row - a->top) / a->step_y * a->columns + (column - a->left) / a->step_x;
}

KERNEL(pixelate_sum, PixelateArgs) {
    if (x >= a->covered.width || y >= a->covered.height) return;
    u32 column = a->covered.left + x, row = a->covered.top + y;
    if (!has(&a->covered, column, row)) return;
    u32 block = block_of(a, column, row);
    ADD64(AT(u64, a->sums) + block, load(&a->plane, column, row));
    ADD32(AT(u32, a->counts) + block, 1);
}

KERNEL(pixelate_write, PixelateArgs) {
    if (x >= a->covered.width || y >= a->covered.height) return;
    u32 column = a->covered.left + x, row = a->covered.top + y;
    if (!has(&a->covered, column, row)) return;
    u32 block = block_of(a, column, row);
    u64 sum = AT(const u64, a->sums)[block];
    u32 count = AT(const u32, a->counts)[block];
    store(&a->plane, column, row, (u32)((sum + count / 2) / count));
}
