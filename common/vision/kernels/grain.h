// Grain: what was found around a hole, and noise that is the same for the same frame and place.
#ifndef CLEANPLATE_GRAIN_H
#define CLEANPLATE_GRAIN_H
#include "kernel.h"

#define SIGMA_PER_QUANTILE 1.06f
#define SIGMA_MIN 0.75f
#define SIGMA_MAX 6.0f
#define PLACES_MIN 64
#define ROUGH_OVER 13
#define ROUGH_UNDER 10

typedef struct {
    u64 bends, slopes;  // Sums.
    u32 level;          // The quantile.
    u32 count;          // Places that were measured.
} GrainFound;

// Deviation of the grain in codes of the plane; 0 where there is none to speak of, or a texture.
INLINE float grain_sigma(const GrainFound *found, u32 depth) {
    if (found->count < PLACES_MIN) return 0.0f;
    if (found->bends * ROUGH_UNDER < found->slopes * ROUGH_OVER) return 0.0f;
    float code = (float)(1u << (depth - 8));
    float sigma = most((float)found->level - 0.5f, 0.0f) * SIGMA_PER_QUANTILE;
    return sigma < SIGMA_MIN * code ? 0.0f : least(sigma, SIGMA_MAX * code);
}

// Noise of mean 0 and deviation 1.
INLINE float grain_noise(u64 index, u32 number, u32 x, u32 y) {
    u64 place = ((u64)y << 32) | x;
    u64 bits = (index * 0x9e3779b97f4a7c15ull) ^ (place * 0xd6e8feb86659fd93ull) ^ ((u64)number << 56);
    bits = (bits ^ (bits >> 30)) * 0xbf58476d1ce4e5b9ull;
    bits = (bits ^ (bits >> 27)) * 0x94d049bb133111ebull;
    bits ^= bits >> 31;
    int sum = (int)(bits & 0xffff) + (int)((bits >> 16) & 0xffff) + (int)((bits >> 32) & 0xffff) +
              (int)((bits >> 48) & 0xffff) - 2 * 65535;
    return (float)sum * (1.73205f / 65536.0f);
}

#endif
