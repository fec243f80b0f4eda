// Takes an overlay off: how strongly it shows, the blend solved for the background, what is left of it
// found, the amplified noise held down. The arithmetic, and the order of every sum, is that of the
// engine's Inverter.
#include "kernel.h"

#define STRENGTH_ONE 64
#define STRENGTHS 65
#define ALPHA_MAX 0.88f
#define ALPHA_CHECKED_MAX 0.85f
#define BEYOND 12.0f
#define WHITEST 255.0f
#define PAIRS_MIN 12
#define ALIKE 6.0f
#define NOISE 1.5f
#define DOUBT 3.0f
#define FAINT (STRENGTH_ONE / 4)
#define DOUBT_FAINT 24.0f
#define JUMP_MIN 4.0f
#define STEP_MAX 48.0f
#define SHARE_MIN 0.2f
#define DOUBTS 4.0f
#define CODES_MIN 6.0f
#define OPAQUE_ALIKE 16.0f
#define OPAQUE_MIN 64
#define SHOWN_MIN 0.9f
#define HIDDEN_MAX 0.25f
#define REACH 2

#define ORIGIN_UNTOUCHED 0
#define ORIGIN_INVERTED 1
#define ORIGIN_LEFT 2

// Two samples, one on each side of an edge of the overlay.
typedef struct {
    u32 open, covered;
    float open_alpha, open_paint, alpha, paint;
} Pair;

// One plane of the matte: addresses of as many numbers as its rectangle has samples.
typedef struct {
    u64 alpha;     // float
    u64 paint;     // float
    u64 plan;      // u8: what can be inverted at full strength
    u64 origins;   // u8
    u64 seen;      // float, 8-bit codes
    u64 restored;  // float
    u64 weight;    // float
    u32 left, top, width, height;
} Matte;

// By what the strength is judged on one plane.
typedef struct {
    u64 seen;      // float
    u64 judges;    // Pair
    u64 plain;     // two u32 each: samples that no overlay touches
    u64 opaque;    // u32: samples that hide all
    u64 shown;     // float: what those show
    u64 costs;     // float for each strength
    u32 judge_count, plain_count, opaque_count;
    u32 padding;
} Judge;

typedef struct {
    Plane plane;
    Matte matte;
    float scale;
    u32 padding;
} LoadArgs;

KERNEL(invert_load, LoadArgs) {
    if (x >= a->matte.width || y >= a->matte.height) return;
    u32 value = load(&a->plane, a->matte.left + x, a->matte.top + y);
    AT(float, a->matte.seen)[(u64)y * a->matte.width + x] = (float)value * a->scale;
}

// The natural logarithm of a positive number to four digits.
INLINE float logarithm(float value) {
    u32 bits = bits_of(value);
    float exponent = (float)(bits >> 23) - 127.0f;
    float fraction = float_of((bits & 0x007fffffu) | 0x3f800000u);
    const float root = 1.41421356237309504880f;
    float ratio = (fraction - root) / (fraction + root);
    float square = ratio * ratio;
    float series = ratio * (2.0f + square * (2.0f / 3.0f + square * (2.0f / 5.0f)));
    return (exponent + 0.5f) * 0.693147180559945309417f + series;
}

typedef struct {
    Judge planes[3];
    u32 plane_count;
    u32 padding;
} JudgeArgs;

// How unlikely the frame is if the overlay shows with strength x on plane y.
KERNEL(invert_judge, JudgeArgs) {
    if (x >= STRENGTHS || y >= a->plane_count) return;
    const Judge *judge = &a->planes[y];
    const float *seen = AT(const float, judge->seen);
    const u32 *plain = AT(const u32, judge->plain);
    float apart = 0.0f;
    for (u32 at = 0; at < judge->plain_count; at++)
        apart += magnitude(seen[plain[2 * at]] - seen[plain[2 * at + 1]]);
    float roughness =
        judge->plain_count == 0 ? 8.0f : most(apart / (float)judge->plain_count, 1.0f);
    const Pair *pairs = AT(const Pair, judge->judges);
    float part = (float)x / (float)STRENGTH_ONE;
    float sum = 0.0f;
    for (u32 at = 0; at < judge->judge_count; at++) {
        const Pair pair = pairs[at];
        float open = (seen[pair.open] - part * pair.open_paint) / (1.0f - part * pair.open_alpha);
        float pass = 1.0f - part * pair.alpha;
        float miss = magnitude(seen[pair.covered] - pass * open - part * pair.paint);
        float scale = pass * roughness + NOISE;
        sum += miss / scale + logarithm(scale);
    }
    AT(float, judge->costs)[x] = sum / ALIKE;
}

INLINE u32 strength_where(const Judge *judge, u32 is_full) {
    if (judge->judge_count < PAIRS_MIN) return is_full ? STRENGTH_ONE : 0;
    const float *cost = AT(const float, judge->costs);
    u32 coarse = 0;
    for (u32 at = 8; at <= STRENGTH_ONE; at += 8)
        if (cost[at] < cost[coarse]) coarse = at;
    u32 from = coarse < 7 ? 0 : coarse - 7;
    u32 to = lesser(coarse + 7, STRENGTH_ONE);
    u32 best = from;
    for (u32 at = from + 1; at <= to; at++)
        if (cost[at] < cost[best]) best = at;
    if (is_full && cost[STRENGTH_ONE] - cost[best] < DOUBT) return STRENGTH_ONE;
    if (cost[0] - cost[best] < (best < FAINT ? DOUBT_FAINT : DOUBT)) return 0;
    return best;
}

// The share of the samples that hide all which show the overlay's own value; below 0 where they are few.
INLINE float share_shown(const Judge *judge) {
    if (judge->opaque_count < OPAQUE_MIN) return -1.0f;
    const float *seen = AT(const float, judge->seen);
    const u32 *places = AT(const u32, judge->opaque);
    const float *shown = AT(const float, judge->shown);
    u32 count = 0;
    for (u32 at = 0; at < judge->opaque_count; at++)
        count += magnitude(seen[places[at]] - shown[at]) <= OPAQUE_ALIKE;
    return (float)count / (float)judge->opaque_count;
}

typedef struct {
    Judge planes[3];
    u32 plane_count;
    u32 padding;
    u64 strength;  // u32
} SettleArgs;

// One place: decides by the costs.
KERNEL(invert_settle, SettleArgs) {
    if (x != 0 || y != 0) return;
    u32 *strength = AT(u32, a->strength);
    float share = share_shown(&a->planes[0]);
    if (share < 0.0f) {
        *strength = strength_where(&a->planes[0], 1);
        return;
    }
    if (share > HIDDEN_MAX) {
        u32 told = 0, is_told = 0;
        for (u32 at = 1; at < a->plane_count; at++) {
            float other = share_shown(&a->planes[at]);
            if (other < 0.0f || other > HIDDEN_MAX) continue;
            told = greater(told, strength_where(&a->planes[at], 0));
            is_told = 1;
        }
        if (is_told) {
            *strength = told;
            return;
        }
    }
    *strength = share >= SHOWN_MIN ? STRENGTH_ONE : strength_where(&a->planes[0], share > HIDDEN_MAX);
}

typedef struct {
    Matte matte;
    u64 strength;
} SolveArgs;

KERNEL(invert_solve, SolveArgs) {
    if (x >= a->matte.width || y >= a->matte.height) return;
    u64 at = (u64)y * a->matte.width + x;
    u32 strength = *AT(const u32, a->strength);
    float seen = AT(const float, a->matte.seen)[at];
    u8 origin = strength == 0 ? ORIGIN_UNTOUCHED : AT(const u8, a->matte.plan)[at];
    float part = (float)strength / (float)STRENGTH_ONE;
    float alpha = AT(const float, a->matte.alpha)[at];
    float gain = 1.0f / most(1.0f - part * alpha, 1.0f - ALPHA_MAX);
    float offset = part * AT(const float, a->matte.paint)[at] * gain;
    float restored = seen * gain - offset;
    if (origin == ORIGIN_INVERTED && !(restored >= -BEYOND && restored <= WHITEST + BEYOND))
        origin = ORIGIN_LEFT;
    AT(u8, a->matte.origins)[at] = origin;
    AT(float, a->matte.restored)[at] = origin == ORIGIN_INVERTED ? restored : seen;
}

typedef struct {
    u32 left, top, right, bottom;  // Samples of the square.
    u32 from, to;                  // Its pairs.
} Square;

typedef struct {
    Matte matte;
    u64 squares;  // Square
    u64 pairs;    // Pair
    u64 strength;
    u32 square_count;
    u32 padding;
} CheckArgs;

// Leaves the samples of squares in which the overlay can still be seen. Reads `restored`, which it does
// not change, so squares do not depend on each other.
KERNEL(invert_check, CheckArgs) {
    if (x >= a->square_count || y != 0) return;
    const Square square = AT(const Square, a->squares)[x];
    const Pair *pairs = AT(const Pair, a->pairs);
    const float *restored = AT(const float, a->matte.restored);
    u32 strength = *AT(const u32, a->strength);
    if (strength == 0) return;
    float part = (float)strength / (float)STRENGTH_ONE;
    float product = 0.0f, jumps = 0.0f, steps = 0.0f, count = 0.0f;
    for (u32 at = square.from; at < square.to; at++) {
        const Pair pair = pairs[at];
        if (pair.alpha > ALPHA_CHECKED_MAX) continue;
        float open = restored[pair.open], covered = restored[pair.covered];
        float grey = 0.5f * (open + covered);
        float jump = pair.paint - pair.open_paint - (pair.alpha - pair.open_alpha) * grey;
        jump = part * jump;
        float step = between(covered - open, -STEP_MAX, STEP_MAX);
        product += jump * step;
        jumps += jump * jump;
        steps += step * step;
        count += 1.0f;
    }
    if (count < (float)PAIRS_MIN || jumps < count * JUMP_MIN * JUMP_MIN) return;
    float slope = magnitude(product / jumps);
    float doubt = square_root(steps / count * ALIKE / jumps);
    float codes = slope * square_root(jumps / count);
    if (!(slope > SHARE_MIN && slope > DOUBTS * doubt && codes > CODES_MIN)) return;
    u8 *origins = AT(u8, a->matte.origins);
    for (u32 row = square.top; row < square.bottom; row++)
        for (u32 column = square.left; column < square.right; column++) {
            u64 at = (u64)row * a->matte.width + column;
            if (origins[at] == ORIGIN_INVERTED) origins[at] = ORIGIN_LEFT;
        }
}

typedef struct {
    Matte matte;  // Chroma.
    Matte luma;
    u32 shift_x, shift_y;
} FollowArgs;

// Leaves chroma that shares most of its luma with what was left.
KERNEL(invert_follow, FollowArgs) {
    if (x >= a->matte.width || y >= a->matte.height) return;
    u8 *origin = AT(u8, a->matte.origins) + (u64)y * a->matte.width + x;
    if (*origin != ORIGIN_INVERTED) return;
    u32 bottom = lesser((y + 1) << a->shift_y, a->luma.height);
    u32 right = lesser((x + 1) << a->shift_x, a->luma.width);
    u32 count = 0, left = 0;
    for (u32 row = y << a->shift_y; row < bottom; row++)
        for (u32 column = x << a->shift_x; column < right; column++) {
            count++;
            left += AT(const u8, a->luma.origins)[(u64)row * a->luma.width + column] == ORIGIN_LEFT;
        }
    if (2 * left > count) *origin = ORIGIN_LEFT;
}

KERNEL(invert_weigh, SolveArgs) {
    if (x >= a->matte.width || y >= a->matte.height) return;
    u64 at = (u64)y * a->matte.width + x;
    float part = (float)*AT(const u32, a->strength) / (float)STRENGTH_ONE;
    float pass = 1.0f - part * AT(const float, a->matte.alpha)[at];
    u32 is_left = AT(const u8, a->matte.origins)[at] == ORIGIN_LEFT;
    AT(float, a->matte.weight)[at] = is_left ? 0.0f : pass * pass;
}

typedef struct {
    Matte matte;
    Plane plane;
    u64 strength;
    float sigma;  // Of the coding noise, in 8-bit codes; 0 where unknown.
    float unit;   // One 8-bit code in codes of the plane.
    float top;    // The highest code.
    u32 padding;
} StoreArgs;

// Draws what was inverted towards the mean around it, and writes it into the plane. Sums run down each
// column first, then along the row.
KERNEL(invert_store, StoreArgs) {
    if (x >= a->matte.width || y >= a->matte.height) return;
    const u32 width = a->matte.width, height = a->matte.height;
    u64 at = (u64)y * width + x;
    u32 strength = *AT(const u32, a->strength);
    if (strength == 0 || AT(const u8, a->matte.origins)[at] != ORIGIN_INVERTED) return;
    const float *restored = AT(const float, a->matte.restored);
    const float *weights = AT(const float, a->matte.weight);
    float value = restored[at];
    if (a->sigma > 0.0f) {
        u32 from = y < REACH ? 0 : y - REACH, to = lesser(y + REACH + 1, height);
        float share = 0.0f, sum = 0.0f, square = 0.0f;
        for (u32 step = 0; step <= 2 * REACH; step++) {
            float column_share = 0.0f, column_sum = 0.0f, column_square = 0.0f;
            u32 column = x + step - REACH;
            if (column < width) {
                for (u32 row = from; row < to; row++) {
                    float weight = weights[(u64)row * width + column];
                    float around = restored[(u64)row * width + column];
                    float weighed = weight * around;
                    column_share += weight;
                    column_sum += weighed;
                    column_square += weighed * around;
                }
            }
            share += column_share;
            sum += column_sum;
            square += column_square;
        }
        share = 1.0f / most(share, 1e-6f);
        float mean = sum * share;
        float spread = most(square * share - mean * mean, 1e-3f);
        float part = (float)strength / (float)STRENGTH_ONE;
        float pass = most(1.0f - part * AT(const float, a->matte.alpha)[at], 0.1f);
        float noise = a->sigma * a->sigma * (1.0f / (pass * pass) - 1.0f);
        float keep = most((spread - noise) / spread, 0.0f);
        value = mean + keep * (value - mean);
    }
    float code = between(value * a->unit, 0.0f, a->top);
    store(&a->plane, a->matte.left + x, a->matte.top + y, (u32)(code + 0.5f));
}

typedef struct {
    Matte matte;
    Set out;     // The matte's rectangle.
    u32 origin;
    u32 padding;
} NamedArgs;

// The samples of which that became.
KERNEL(invert_named, NamedArgs) {
    if (x >= a->matte.width || y >= a->matte.height) return;
    u64 at = (u64)y * a->matte.width + x;
    AT(u8, a->out.cells)[at] = AT(const u8, a->matte.origins)[at] == a->origin;
}
