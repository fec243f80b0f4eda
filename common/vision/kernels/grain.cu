// How the samples around a hole flicker from column to column: sums, and a quantile that is found by
// counting, since its places are few.
#include "grain.h"

typedef struct {
    Plane plane;
    u64 places;  // two u32 each: column and row of the middle of three known samples in a row
    u64 levels;  // u32 for each
    u64 found;   // GrainFound
    u32 count;
    u32 rank;    // Of the quantile, from 0.
} GrainArgs;

// One place: makes the sums ready.
KERNEL(grain_begin, GrainArgs) {
    if (x != 0 || y != 0) return;
    GrainFound *found = AT(GrainFound, a->found);
    found->bends = 0;
    found->slopes = 0;
    found->level = 0;
    found->count = a->count;
}

KERNEL(grain_measure, GrainArgs) {
    if (x >= a->count || y != 0) return;
    u32 column = AT(const u32, a->places)[2 * x], row = AT(const u32, a->places)[2 * x + 1];
    int before = (int)load(&a->plane, column - 1, row);
    int here = (int)load(&a->plane, column, row);
    int after = (int)load(&a->plane, column + 1, row);
    int bend = 2 * here - before - after, slope = here - before;
    if (bend < 0) bend = -bend;
    if (slope < 0) slope = -slope;
    AT(u32, a->levels)[x] = lesser((u32)bend, 65535);
    GrainFound *found = AT(GrainFound, a->found);
    ADD64(&found->bends, bend);
    ADD64(&found->slopes, slope);
}

// The level that has `rank` others below it: all places that hold it write the same.
KERNEL(grain_rank, GrainArgs) {
    if (x >= a->count || y != 0) return;
    const u32 *levels = AT(const u32, a->levels);
    u32 own = levels[x], below = 0, same = 0;
    for (u32 at = 0; at < a->count; at++) {
        below += levels[at] < own;
        same += levels[at] == own;
    }
    if (below <= a->rank && a->rank < below + same) AT(GrainFound, a->found)->level = own;
}
