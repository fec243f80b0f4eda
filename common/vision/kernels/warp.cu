// Lays a fetched background under a frame: its values at places between samples (Catmull and Rom's cubic,
// 64 places between two samples are told apart), two of its pictures mixed, and the doubt about them.
#include "kernel.h"

#define PHASES 64
#define UNWANTED 128.0f

typedef struct {
    u64 values;  // float: what lies under each sample, in 8-bit codes
    u64 doubts;  // float: the doubt about it
    u64 one, other;              // float: samples of the plane about two frames, in 8-bit codes
    u64 doubt_one, doubt_other;  // float: about luma samples
    Set wanted;                  // Samples of the frame's plane.
    float xx, xy, x, yx, yy, y;  // From places of the frame's plane to places of the background's.
    float share;                 // How much of the second picture is mixed in.
    u32 wide;                    // Samples in a row of the background's plane.
    u32 left, top, width, height;  // The part of it that is read.
    u32 luma_wide;               // Luma samples in a row of the background.
    u32 shift_x, shift_y;
    u32 luma_count;
    u32 is_luma;
    u32 padding;
} WarpArgs;

// Weight of the sample at `which` (0 to 3) for a place so many phases behind the second.
INLINE float cubic(u32 phase, u32 which) {
    float t = (float)phase / (float)PHASES;
    float t2 = t * t, t3 = t * t * t;
    if (which == 0) return 0.5f * (2.0f * t2 - t - t3);
    if (which == 1) return 0.5f * (2.0f - 5.0f * t2 + 3.0f * t3);
    if (which == 2) return 0.5f * (t + 4.0f * t2 - 3.0f * t3);
    return 0.5f * (t3 - t2);
}

INLINE float level_at(const WarpArgs *a, u64 place) {
    float one = AT(const float, a->one)[place], other = AT(const float, a->other)[place];
    return one + (other - one) * a->share;
}

INLINE float doubt_at(const WarpArgs *a, u64 place) {
    const float endless = float_of(0x7f800000u);
    if (place >= a->luma_count) return endless;
    float one = AT(const float, a->doubt_one)[place], other = AT(const float, a->doubt_other)[place];
    if (!(one < endless && other < endless)) return endless;
    return one + (other - one) * a->share;
}

KERNEL(warp, WarpArgs) {
    if (x >= a->wanted.width || y >= a->wanted.height) return;
    u64 at = (u64)y * a->wanted.width + x;
    float *value = AT(float, a->values) + at, *doubt = AT(float, a->doubts) + at;
    *value = UNWANTED;
    *doubt = float_of(0x7f800000u);
    if (!AT(const u8, a->wanted.cells)[at]) return;
    float column = (float)(a->wanted.left + x) + 0.5f, row = (float)(a->wanted.top + y) + 0.5f;
    float u = a->xx * column + a->xy * row + a->x, v = a->yx * column + a->yy * row + a->y;
    float across = u - (float)a->left - 0.5f, along = v - (float)a->top - 0.5f;
    u32 right = a->width < 2 ? 0 : a->width - 2, below = a->height < 2 ? 0 : a->height - 2;
    if (!(across >= 1.0f && along >= 1.0f && across < (float)right && along < (float)below)) return;
    u32 whole_x = (u32)across, whole_y = (u32)along;
    u32 phase_x = lesser((u32)((across - (float)whole_x) * (float)PHASES + 0.5f), PHASES);
    u32 phase_y = lesser((u32)((along - (float)whole_y) * (float)PHASES + 0.5f), PHASES);
    float sum = 0.0f;
    for (u32 line = 0; line < 4; line++) {
        u64 from = (u64)(a->top + whole_y + line - 1) * a->wide + a->left + whole_x - 1;
        sum += cubic(phase_y, line) *
               ((cubic(phase_x, 0) * level_at(a, from) + cubic(phase_x, 1) * level_at(a, from + 1)) +
                (cubic(phase_x, 2) * level_at(a, from + 2) + cubic(phase_x, 3) * level_at(a, from + 3)));
    }
    *value = sum;
    u64 luma_x = (u64)(u32)(u - 0.5f) << a->shift_x, luma_y = (u64)(u32)(v - 0.5f) << a->shift_y;
    u64 place = luma_y * a->luma_wide + luma_x;
    *doubt = doubt_at(a, place);
    if (!a->is_luma) {
        u64 last = place + ((u64)a->luma_wide << a->shift_y) - a->luma_wide + (1u << a->shift_x) - 1;
        *doubt = most(*doubt, doubt_at(a, last));
    }
}
