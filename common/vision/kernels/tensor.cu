// Planes of a picture to the tensor that a model takes: averaged by area, coloured, on an even grey. The
// formula is that of common/vision/src/tensor.rs: whole numbers to the last step, so both give the same.
#include "kernel.h"

#define MARGIN 114.0f
#define NEUTRAL (128 * 256)

typedef struct {
    Plane planes[3];
    u64 out;                     // float, or half where `is_half`: three channels, one after the other
    u32 plane_count;
    u32 depth;
    u32 shift_x, shift_y;
    u32 x, y, width, height;     // The part of the picture, in luma samples.
    u32 columns, rows;           // Of the tensor.
    u32 at_x, at_y, wide, high;  // Where in it.
    int luma, red_v, green_u, green_v, blue_u;  // Factors in 65536ths.
    int offset;                  // Of luma, in 256ths of a code.
    float scale, shift;          // Of a level of 0 to 255.
    u32 is_rgb;                  // Whether the planes are G, B, R.
    u32 blue_first;
    u32 is_half;
    u32 padding;
} TensorArgs;

typedef struct {
    u32 first, last, head, tail, unit;
} Span;

INLINE Span span_of(u32 index, u32 first, u32 side, u32 size, u32 shift, u32 plane) {
    u64 unit = (u64)size << shift;
    u64 low = (u64)first * size + (u64)index * side, high = low + side;
    u64 end = plane == 0 ? 0 : plane - 1;
    u64 from = low / unit, to = (high - 1) / unit;
    if (from > end) from = end;
    if (to > end) to = end;
    Span span;
    span.first = (u32)from;
    span.last = (u32)to;
    span.head = from == to ? side : (u32)((from + 1) * unit - low);
    span.tail = from == to ? 0 : (u32)(high - to * unit);
    span.unit = (u32)unit;
    return span;
}

INLINE u32 weight_of(const Span *span, u32 at) {
    return at == span->first ? span->head : at == span->last ? span->tail : span->unit;
}

// The average of a plane over what a sample of the tensor covers, in 256ths of a code of 8 bits.
INLINE long long average(const TensorArgs *a, u32 number, u32 x, u32 y) {
    const Plane *plane = &a->planes[number];
    Span across = span_of(x, a->x, a->width, a->wide, number == 0 ? 0 : a->shift_x, plane->width);
    Span down = span_of(y, a->y, a->height, a->high, number == 0 ? 0 : a->shift_y, plane->height);
    u64 sum = 0;
    for (u32 row = down.first; row <= down.last; row++) {
        u64 line = 0;
        for (u32 column = across.first; column <= across.last; column++)
            line += (u64)load(plane, column, row) * weight_of(&across, column);
        sum += line * weight_of(&down, row);
    }
    u64 total = (u64)a->width * a->height;
    return (long long)((((sum << 8) >> (a->depth - 8)) + total / 2) / total);
}

INLINE int level_of(long long sum) {
    long long level = (sum + (1 << 15)) >> 16;
    return level < 0 ? 0 : level > 255 * 256 ? 255 * 256 : (int)level;
}

// The nearest half, ties to even, as its bits.
INLINE u16 half_of(float value) {
    u32 bits = bits_of(value);
    u32 sign = (bits >> 16) & 0x8000u, rest = bits & 0x7fffffffu;
    if (rest > 0x7f800000u) return (u16)(sign | 0x7e00u);
    if (rest >= 0x477ff000u) return (u16)(sign | 0x7c00u);
    if (rest < 0x38800000u) {
        // Below the least normal half: in steps of 2^-24.
        if (rest < 0x33000000u) return (u16)sign;
        u32 shift = 126 - (rest >> 23), whole = (rest & 0x007fffffu) | 0x00800000u;
        u32 kept = whole >> shift, lost = whole & ((1u << shift) - 1), tie = 1u << (shift - 1);
        kept += lost > tie || (lost == tie && (kept & 1));
        return (u16)(sign | kept);
    }
    u32 kept = (rest - 0x38000000u) >> 13, lost = rest & 0x1fffu;
    kept += lost > 0x1000u || (lost == 0x1000u && (kept & 1));
    return (u16)(sign | kept);
}

INLINE void put(const TensorArgs *a, u32 channel, u32 x, u32 y, float value) {
    u64 at = ((u64)channel * a->rows + y) * a->columns + x;
    if (a->is_half) AT(u16, a->out)[at] = half_of(value);
    else AT(float, a->out)[at] = value;
}

KERNEL(tensor_place, TensorArgs) {
    if (x >= a->columns || y >= a->rows) return;
    u32 column = x - a->at_x, row = y - a->at_y;
    if (column >= a->wide || row >= a->high) {
        float margin = MARGIN * a->scale;
        for (u32 channel = 0; channel < 3; channel++) put(a, channel, x, y, margin + a->shift);
        return;
    }
    long long qy = average(a, 0, column, row), qu = NEUTRAL, qv = NEUTRAL;
    if (a->plane_count == 3) {
        qu = average(a, 1, column, row);
        qv = average(a, 2, column, row);
    }
    long long sums[3];
    if (a->is_rgb) {
        sums[0] = (qv - a->offset) * a->luma;
        sums[1] = (qy - a->offset) * a->luma;
        sums[2] = (qu - a->offset) * a->luma;
    } else {
        long long luma = (qy - a->offset) * a->luma, u = qu - NEUTRAL, v = qv - NEUTRAL;
        sums[0] = luma + v * a->red_v;
        sums[1] = luma - u * a->green_u - v * a->green_v;
        sums[2] = luma + u * a->blue_u;
    }
    for (u32 colour = 0; colour < 3; colour++) {
        float scaled = (float)level_of(sums[colour]) / 256.0f * a->scale;
        put(a, a->blue_first ? 2 - colour : colour, x, y, scaled + a->shift);
    }
}
