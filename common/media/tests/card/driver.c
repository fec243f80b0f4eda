/* A CUDA driver made for tests: memory of the host, copies that happen late.
 *
 * There is one card with one context and one stream, whose numbers the tests know. MEMORY_FOR_TEST is the
 * card's memory in KiB. Copies wait in the stream, as on a card, until something waits for the stream: what
 * reads too early reads what was there before. Memory of the host that goes up is read at once, as the driver
 * does with memory that is not pinned. Copies in another context, on another stream, or beyond what was
 * allocated are refused. DRIVER_SAYS names a file that is told, at the end, what is still held and how many
 * bytes went up, down and across. FFmpeg's loader wants all symbols at once: those at the end do nothing. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef int Result;
typedef unsigned long long Address;
enum { OK = 0, INVALID = 1, OUT_OF_MEMORY = 2, WRONG_CONTEXT = 201, UNSUPPORTED = 801 };
#define CONTEXT ((void *)0xc0de)
#define STREAM ((void *)0x57a0)

#define HELD_MAX 4096
static struct { char *at; size_t bytes; } held[HELD_MAX];
static int held_count, depth;
static size_t left_bytes;
static void *stack[16];
static unsigned long long up, down, across;

static void tell(void) {
    const char *path = getenv("DRIVER_SAYS");
    FILE *file = path ? fopen(path, "w") : NULL;
    if (!file) return;
    fprintf(file, "held %d pushed %d up %llu down %llu across %llu\n", held_count, depth, up, down, across);
    fclose(file);
}

__attribute__((constructor)) static void begin(void) {
    const char *memory = getenv("MEMORY_FOR_TEST");
    left_bytes = (size_t)(memory ? atoll(memory) : 1 << 20) << 10;
    atexit(tell);
}

/* A copy that waits; `own` is what it reads where the host gave it. */
typedef struct Pending { struct Pending *next; char *to; const char *from; size_t to_pitch, from_pitch, width, height; char *own; } Pending;
static Pending *first, **last = &first;

static void settle(void) {
    while (first) {
        Pending *one = first;
        first = one->next;
        for (size_t y = 0; y < one->height; y++)
            memcpy(one->to + y * one->to_pitch, one->from + y * one->from_pitch, one->width);
        free(one->own);
        free(one);
    }
    last = &first;
}

Result cuInit(unsigned flags) { (void)flags; return OK; }
Result cuDeviceGetAttribute(int *value, int which, int device) { (void)which; (void)device; *value = 512; return OK; }
Result cuCtxPushCurrent_v2(void *context) {
    if (depth == 16) return INVALID;
    stack[depth++] = context;
    return OK;
}
Result cuCtxPopCurrent_v2(void **context) {
    if (depth == 0) return INVALID;
    void *top = stack[--depth];
    if (context) *context = top;
    return OK;
}
static int is_ours(void) { return depth > 0 && stack[depth - 1] == CONTEXT; }

Result cuMemAlloc_v2(Address *address, size_t bytes) {
    if (!is_ours()) return WRONG_CONTEXT;
    if (bytes > left_bytes || held_count == HELD_MAX) return OUT_OF_MEMORY;
    void *at = NULL;
    if (posix_memalign(&at, 512, bytes)) return OUT_OF_MEMORY;
    memset(at, 0xcd, bytes); /* What was there before is no 0. */
    left_bytes -= bytes;
    held[held_count].at = at;
    held[held_count++].bytes = bytes;
    *address = (Address)(size_t)at;
    return OK;
}
Result cuMemFree_v2(Address address) {
    if (!is_ours()) return WRONG_CONTEXT;
    settle();
    for (int at = 0; at < held_count; at++)
        if ((Address)(size_t)held[at].at == address) {
            left_bytes += held[at].bytes;
            free(held[at].at);
            held[at] = held[--held_count];
            return OK;
        }
    return INVALID;
}

typedef struct {
    size_t from_x, from_y;
    int from_kind;
    const void *from_host;
    Address from_card;
    void *from_array;
    size_t from_pitch, to_x, to_y;
    int to_kind;
    void *to_host;
    Address to_card;
    void *to_array;
    size_t to_pitch, width, height;
} Copy;
enum { HOST = 1, CARD = 2 };

static int is_held(Address address, size_t bytes) {
    for (int at = 0; at < held_count; at++) {
        Address from = (Address)(size_t)held[at].at;
        if (address >= from && address + bytes <= from + held[at].bytes) return 1;
    }
    return 0;
}

Result cuMemcpy2DAsync_v2(const Copy *copy, void *stream) {
    if (!is_ours()) return WRONG_CONTEXT;
    if (stream != STREAM) return INVALID;
    if (copy->width == 0 || copy->height == 0) return OK;
    if (copy->width > copy->from_pitch || copy->width > copy->to_pitch) return INVALID;
    size_t from_bytes = (copy->height - 1) * copy->from_pitch + copy->width;
    size_t to_bytes = (copy->height - 1) * copy->to_pitch + copy->width;
    if (copy->from_kind == CARD && !is_held(copy->from_card, from_bytes)) return INVALID;
    if (copy->to_kind == CARD && !is_held(copy->to_card, to_bytes)) return INVALID;
    Pending *one = calloc(1, sizeof *one);
    one->from = copy->from_kind == CARD ? (const char *)(size_t)copy->from_card : copy->from_host;
    one->to = copy->to_kind == CARD ? (char *)(size_t)copy->to_card : copy->to_host;
    one->from_pitch = copy->from_pitch, one->to_pitch = copy->to_pitch;
    one->width = copy->width, one->height = copy->height;
    if (copy->from_kind == HOST) {
        one->own = malloc(from_bytes);
        memcpy(one->own, one->from, from_bytes);
        one->from = one->own;
    }
    *(copy->from_kind == HOST ? &up : copy->to_kind == HOST ? &down : &across) += copy->width * copy->height;
    *last = one;
    last = &one->next;
    return OK;
}
Result cuStreamSynchronize(void *stream) {
    if (stream != STREAM) return INVALID;
    settle();
    return OK;
}
Result cuGetErrorName(int error, const char **name) {
    *name = error == OUT_OF_MEMORY ? "CUDA_ERROR_OUT_OF_MEMORY" : error == WRONG_CONTEXT ? "CUDA_ERROR_INVALID_CONTEXT"
        : error == UNSUPPORTED ? "CUDA_ERROR_NOT_SUPPORTED" : "CUDA_ERROR_INVALID_VALUE";
    return OK;
}
Result cuGetErrorString(int error, const char **text) { return cuGetErrorName(error, text); }

#define NONE(name) Result name(void) { return UNSUPPORTED; }
NONE(cuArray3DCreate_v2) NONE(cuArrayCreate_v2) NONE(cuArrayDestroy) NONE(cuCtxCreate_v2)
NONE(cuCtxDestroy_v2) NONE(cuCtxGetDevice) NONE(cuCtxSetLimit) NONE(cuDestroyExternalMemory)
NONE(cuDestroyExternalSemaphore) NONE(cuDeviceComputeCapability) NONE(cuDeviceGet) NONE(cuDeviceGetCount)
NONE(cuDeviceGetName) NONE(cuDeviceGetUuid) NONE(cuDeviceGetUuid_v2) NONE(cuDevicePrimaryCtxGetState)
NONE(cuDevicePrimaryCtxRelease) NONE(cuDevicePrimaryCtxReset) NONE(cuDevicePrimaryCtxRetain)
NONE(cuDevicePrimaryCtxSetFlags) NONE(cuEGLStreamConsumerDisconnect) NONE(cuEGLStreamProducerConnect)
NONE(cuEGLStreamProducerDisconnect) NONE(cuEGLStreamProducerPresentFrame)
NONE(cuEGLStreamProducerReturnFrame) NONE(cuEventCreate) NONE(cuEventDestroy_v2) NONE(cuEventQuery)
NONE(cuEventRecord) NONE(cuEventSynchronize) NONE(cuExternalMemoryGetMappedBuffer)
NONE(cuExternalMemoryGetMappedMipmappedArray) NONE(cuGLGetDevices_v2) NONE(cuGraphicsGLRegisterImage)
NONE(cuGraphicsMapResources) NONE(cuGraphicsResourceGetMappedPointer_v2)
NONE(cuGraphicsSubResourceGetMappedArray) NONE(cuGraphicsUnmapResources) NONE(cuGraphicsUnregisterResource)
NONE(cuImportExternalMemory) NONE(cuImportExternalSemaphore) NONE(cuLaunchKernel) NONE(cuLaunchKernelEx)
NONE(cuLinkAddData) NONE(cuLinkComplete) NONE(cuLinkCreate) NONE(cuLinkDestroy) NONE(cuMemAllocAsync)
NONE(cuMemAllocManaged) NONE(cuMemAllocPitch_v2) NONE(cuMemFreeAsync) NONE(cuMemFreeHost)
NONE(cuMemHostAlloc) NONE(cuMemcpy) NONE(cuMemcpy2D_v2) NONE(cuMemcpyAsync) NONE(cuMemcpyDtoDAsync_v2)
NONE(cuMemcpyDtoD_v2) NONE(cuMemcpyDtoHAsync_v2) NONE(cuMemcpyDtoH_v2) NONE(cuMemcpyHtoDAsync_v2)
NONE(cuMemcpyHtoD_v2) NONE(cuMemsetD8Async) NONE(cuMipmappedArrayCreate) NONE(cuMipmappedArrayDestroy)
NONE(cuMipmappedArrayGetLevel) NONE(cuModuleGetFunction) NONE(cuModuleGetGlobal) NONE(cuModuleLoadData)
NONE(cuModuleUnload) NONE(cuPointerGetAttribute) NONE(cuSignalExternalSemaphoresAsync)
NONE(cuStreamAddCallback) NONE(cuStreamCreate) NONE(cuStreamDestroy_v2) NONE(cuStreamQuery)
NONE(cuTexObjectCreate) NONE(cuTexObjectDestroy) NONE(cuWaitExternalSemaphoresAsync)
