// Sets of samples: from rectangles, ellipses and bit masks in luma samples to the samples of a plane;
// grown, and joined.
#include "kernel.h"

#define SHAPE_RECTANGLE 0
#define SHAPE_ELLIPSE 1
#define SHAPE_BITS 2

typedef struct {
    Set out;                    // On the plane.
    u64 bits;                   // Bit mask of the rectangle: rows from whole bytes, lowest bit first.
    u32 x, y, width, height;    // The rectangle in luma samples.
    u32 picture_width, picture_height;
    u32 shift_x, shift_y;       // log2 of luma columns and rows that share a sample of the plane.
    u32 shape;
    u32 keep;                   // Whether what is in `out` stays in.
} ShapeArgs;

// Twice the distance from the middle of `size` samples to the nearest corner of sample `at`.
INLINE long long near_corner(u32 at, u32 size) {
    long long off = 2 * (long long)at + 1 - (long long)size;
    if (off < 0) off = -off;
    return off < 1 ? 0 : off - 1;
}

// Whether any part of a sample lies in the ellipse that touches the sides of the rectangle: where
// u^2 h^2 + v^2 w^2 <= w^2 h^2 for its nearest corner. Sides are at most 2^15, so all of it fits.
INLINE u32 in_ellipse(u32 x, u32 y, u32 width, u32 height) {
    long long right = near_corner(x, width) * height, down = near_corner(y, height) * width;
    long long all = (long long)width * height;
    return right * right + down * down <= all * all;
}

KERNEL(mask_shape, ShapeArgs) {
    if (x >= a->out.width || y >= a->out.height) return;
    u8 *cell = AT(u8, a->out.cells) + (u64)y * a->out.width + x;
    u32 right = lesser(a->x + a->width, a->picture_width);
    u32 bottom = lesser(a->y + a->height, a->picture_height);
    u32 from_x = greater((a->out.left + x) << a->shift_x, a->x);
    u32 from_y = greater((a->out.top + y) << a->shift_y, a->y);
    u32 to_x = lesser((a->out.left + x + 1) << a->shift_x, right);
    u32 to_y = lesser((a->out.top + y + 1) << a->shift_y, bottom);
    u32 covered = a->keep ? *cell : 0;
    for (u32 row = from_y; row < to_y; row++) {
        for (u32 column = from_x; column < to_x; column++) {
            u32 at_x = column - a->x, at_y = row - a->y;
            if (a->shape == SHAPE_RECTANGLE) covered = 1;
            else if (a->shape == SHAPE_ELLIPSE) covered |= in_ellipse(at_x, at_y, a->width, a->height);
            else {
                u64 byte = (u64)at_y * ((a->width + 7) / 8) + at_x / 8;
                covered |= (AT(const u8, a->bits)[byte] >> (at_x % 8)) & 1;
            }
        }
    }
    *cell = (u8)covered;
}

typedef struct {
    Set from;
    Set out;
    u32 by;  // Rows and columns.
} GrowArgs;

// Every sample at most `by` rows and columns away from one of the set.
KERNEL(mask_grow, GrowArgs) {
    if (x >= a->out.width || y >= a->out.height) return;
    u32 column = a->out.left + x, row = a->out.top + y, covered = 0;
    for (u32 v = row - lesser(a->by, row); v <= row + a->by; v++)
        for (u32 u = column - lesser(a->by, column); u <= column + a->by; u++)
            covered |= has(&a->from, u, v);
    AT(u8, a->out.cells)[(u64)y * a->out.width + x] = (u8)covered;
}

#define JOIN_ADD 0
#define JOIN_REMOVE 1
#define JOIN_KEEP 2

typedef struct {
    Set into;
    Set other;
    u32 how;
} JoinArgs;

KERNEL(mask_join, JoinArgs) {
    if (x >= a->into.width || y >= a->into.height) return;
    u8 *cell = AT(u8, a->into.cells) + (u64)y * a->into.width + x;
    u32 other = has(&a->other, a->into.left + x, a->into.top + y);
    if (a->how == JOIN_ADD) *cell |= (u8)other;
    else if (a->how == JOIN_REMOVE) *cell &= (u8)!other;
    else *cell &= (u8)other;
}
