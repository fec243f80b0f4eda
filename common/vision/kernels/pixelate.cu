// Coarse blocks: each shows the mean of all that lies in it, where a set covers it. Sums are whole numbers,
// so their order does not matter.
#include "kernel.h"

typedef struct {
    Plane plane;
    Set covered;
    u64 sums;                      // u64 for each block, 0 before `pixelate_sum`.
    u32 left, top, width, height;  // What the blocks share out, in samples of the plane.
    u32 columns, rows;             // Blocks across and down.
} PixelateArgs;

// The block of place `at` of `length`, of which block i of `count` begins at length * i / count.
INLINE u32 block_at(u32 at, u32 length, u32 count) {
    return (u32)(((u64)at * count + count - 1) / length);
}

INLINE u32 edge_at(u32 block, u32 length, u32 count) { return (u32)((u64)length * block / count); }

KERNEL(pixelate_sum, PixelateArgs) {
    if (x >= a->width || y >= a->height) return;
    u32 block = block_at(y, a->height, a->rows) * a->columns + block_at(x, a->width, a->columns);
    ADD64(AT(u64, a->sums) + block, load(&a->plane, a->left + x, a->top + y));
}

KERNEL(pixelate_write, PixelateArgs) {
    if (x >= a->width || y >= a->height) return;
    if (!has(&a->covered, a->left + x, a->top + y)) return;
    u32 column = block_at(x, a->width, a->columns), row = block_at(y, a->height, a->rows);
    u64 wide = edge_at(column + 1, a->width, a->columns) - edge_at(column, a->width, a->columns);
    u64 high = edge_at(row + 1, a->height, a->rows) - edge_at(row, a->height, a->rows);
    u64 sum = AT(const u64, a->sums)[row * a->columns + column], count = wide * high;
    store(&a->plane, a->left + x, a->top + y, (u32)((sum + count / 2) / count));
}
