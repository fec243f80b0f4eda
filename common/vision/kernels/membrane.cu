// The smoothest surface over a hole, by multigrid: the engine's Membrane, one cell at a time. Its sweeps
// are Jacobi's, so a cell is made of the last sweep's values alone and both give the same bits. Every
// grid has a border of one cell that is never open and holds 0.
#include "kernel.h"
#include "grain.h"

#define OMEGA 0.8f

// One grid: addresses of (width + 2) * (height + 2) floats each.
typedef struct {
    u64 right, down;      // Weight of the link to the next open cell.
    u64 weight, inverse;  // Of all links, and 1 over it; 0 where the cell is not open.
    u64 share;            // 1 over the share of the coarser grid's cells around it that are open.
    u64 values, load, next;
    u32 width, height;
} Grid;

INLINE u64 place_in(const Grid *grid, u32 x, u32 y) {
    return (u64)(y + 1) * (grid->width + 2) + x + 1;
}

// A known sample beside the hole.
typedef struct {
    u32 x, y;
    u32 known;  // Which of its nine neighbours are known, row by row from the lowest bit.
} Ring;

typedef struct {
    Plane plane;
    u64 ring;   // Ring
    u64 means;  // float for each
    u64 range;  // u32[2]: bits of the lowest and highest mean
    u32 count;
    u32 top;    // The highest code.
} RingArgs;

TABLE float BINOMIAL[9] = {1.0f, 2.0f, 1.0f, 2.0f, 4.0f, 2.0f, 1.0f, 2.0f, 1.0f};

// One place: makes the range ready.
KERNEL(membrane_begin, RingArgs) {
    if (x != 0 || y != 0) return;
    AT(u32, a->range)[0] = 0x7f800000u;
    AT(u32, a->range)[1] = 0;
}

// The mean about each sample of the ring. Means are not negative, so their bits rise as they do.
KERNEL(membrane_ring, RingArgs) {
    if (x >= a->count || y != 0) return;
    const Ring ring = AT(const Ring, a->ring)[x];
    float sum = 0.0f, weight = 0.0f;
    for (u32 bit = 0; bit < 9; bit++) {
        if (!((ring.known >> bit) & 1)) continue;
        u32 value = load(&a->plane, ring.x + bit % 3 - 1, ring.y + bit / 3 - 1);
        sum += BINOMIAL[bit] * (float)lesser(value, a->top);
        weight += BINOMIAL[bit];
    }
    float mean = sum / weight;
    AT(float, a->means)[x] = mean;
    LEAST32(AT(u32, a->range), bits_of(mean));
    MOST32(AT(u32, a->range) + 1, bits_of(mean));
}

typedef struct {
    Grid grid;
    u64 pulls;  // u32[4] for each cell without the border: members of the ring that pull at it, rising;
                // 0xffffffff where there are fewer
    u64 means;
} PullArgs;

KERNEL(membrane_pull, PullArgs) {
    if (x >= a->grid.width || y >= a->grid.height) return;
    const u32 *pulls = AT(const u32, a->pulls) + 4 * ((u64)y * a->grid.width + x);
    float load = 0.0f;
    for (u32 at = 0; at < 4 && pulls[at] != 0xffffffffu; at++)
        load += AT(const float, a->means)[pulls[at]];
    AT(float, a->grid.load)[place_in(&a->grid, x, y)] = load;
}

typedef struct {
    Grid finer;
    Grid coarser;
    u64 from;      // The finer grid's load, or what is wrong on it.
    float weight;
    u32 adds;      // For `membrane_between`.
} StepArgs;

// The coarser grid's load: sums over what each of its cells stands for.
KERNEL(membrane_gather, StepArgs) {
    if (x >= a->coarser.width || y >= a->coarser.height) return;
    const float *from = AT(const float, a->from);
    u64 near = place_in(&a->finer, 2 * x, 2 * y), far = near + a->finer.width + 2;
    u32 has_second = 2 * x + 1 < a->finer.width;
    float second = has_second ? from[near + 1] + from[far + 1] : 0.0f + 0.0f;
    AT(float, a->coarser.load)[place_in(&a->coarser, x, y)] =
        a->weight * ((from[near] + from[far]) + second);
}

// What lies between the cells of the coarser grid: set, or added.
KERNEL(membrane_between, StepArgs) {
    if (x >= a->finer.width || y >= a->finer.height) return;
    const float *coarser = AT(const float, a->coarser.values);
    u64 stride = a->coarser.width + 2;
    u64 near = (u64)(y / 2 + 1) * stride + x / 2 + 1;
    u64 far = y % 2 == 0 ? near - stride : near + stride;
    u64 beside = x % 2 == 0 ? near - 1 : near + 1, across = x % 2 == 0 ? far - 1 : far + 1;
    float own = 0.75f * coarser[near] + 0.25f * coarser[far];
    float other = 0.75f * coarser[beside] + 0.25f * coarser[across];
    float value = 0.75f * own + 0.25f * other;
    u64 at = place_in(&a->finer, x, y);
    float *values = AT(float, a->finer.values);
    if (!a->adds) values[at] = value * AT(const float, a->finer.share)[at];
    else values[at] += AT(const float, a->finer.inverse)[at] > 0.0f ? value : 0.0f;
}

INLINE float pull_of(const Grid *grid, u64 at) {
    const float *right = AT(const float, grid->right), *down = AT(const float, grid->down);
    const float *values = AT(const float, grid->values);
    u64 stride = grid->width + 2;
    float sides = right[at - 1] * values[at - 1] + right[at] * values[at + 1];
    float lines = down[at - stride] * values[at - stride] + down[at] * values[at + stride];
    return (sides + lines) + AT(const float, grid->load)[at];
}

typedef struct {
    Grid grid;
} GridArgs;

// A damped Jacobi sweep from `values` into `next`, which then change their roles.
KERNEL(membrane_relax, GridArgs) {
    if (x >= a->grid.width || y >= a->grid.height) return;
    u64 at = place_in(&a->grid, x, y);
    float value = AT(const float, a->grid.values)[at];
    float inverse = AT(const float, a->grid.inverse)[at];
    AT(float, a->grid.next)[at] =
        (1.0f - OMEGA) * value + OMEGA * (inverse * pull_of(&a->grid, at));
}

// By how much the links of each cell pull it off its value, into `next`.
KERNEL(membrane_defect, GridArgs) {
    if (x >= a->grid.width || y >= a->grid.height) return;
    u64 at = place_in(&a->grid, x, y);
    float weight = AT(const float, a->grid.weight)[at];
    AT(float, a->grid.next)[at] =
        pull_of(&a->grid, at) - weight * AT(const float, a->grid.values)[at];
}

// Sets `values` to 0.
KERNEL(membrane_clear, GridArgs) {
    if (x >= a->grid.width || y >= a->grid.height) return;
    AT(float, a->grid.values)[place_in(&a->grid, x, y)] = 0.0f;
}

typedef struct {
    Plane plane;
    Set hole;     // In the rectangle of the finest grid.
    u64 values;   // The finest grid's.
    u64 range;
    u64 grain;    // GrainFound
    u64 index;    // Of the frame.
    u32 number;   // Of the plane.
    u32 depth;
    u32 low, high;  // Codes that the format means to be used.
    u32 top;
    u32 has_ring;
} FillArgs;

// Writes the surface, and grain as strong as around it, into the hole.
KERNEL(membrane_fill, FillArgs) {
    if (x >= a->hole.width || y >= a->hole.height) return;
    u32 column = a->hole.left + x, row = a->hole.top + y;
    if (!has(&a->hole, column, row)) return;
    float low = 0.0f, high = (float)a->top;
    if (a->has_ring) {
        low = float_of(AT(const u32, a->range)[0]);
        high = float_of(AT(const u32, a->range)[1]);
    }
    float cell = (float)(a->top / 2 + 1);
    if (a->values != 0)
        cell = AT(const float, a->values)[(u64)(y + 1) * (a->hole.width + 2) + x + 1];
    float value = between(cell, low, high);
    float sigma = grain_sigma(AT(const GrainFound, a->grain), a->depth);
    if (sigma > 0.0f) {
        float floor = most(least((float)a->low, low), 0.0f);
        float ceiling = least(most((float)a->high, high), (float)a->top);
        value = between(value + sigma * grain_noise(a->index, a->number, column, row), floor, ceiling);
    }
    store(&a->plane, column, row, (u32)(value + 0.5f));
}
