// Copies samples from plane to plane: NV12 or P010 to planar and back, all of them or a set alone.
#include "kernel.h"

typedef struct {
    Plane from;
    Plane to;
    Set only;  // Copied are these; all where `cells` is 0.
} CopyArgs;

KERNEL(copy_plane, CopyArgs) {
    if (x >= a->to.width || y >= a->to.height) return;
    if (a->only.cells != 0 && !has(&a->only, x, y)) return;
    store(&a->to, x, y, load(&a->from, x, y));
}
