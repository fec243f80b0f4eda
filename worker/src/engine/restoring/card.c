/* The driver of the kernels' tests, with what libav's CUDA code asks for beside it: one library for both, as on a
 * real machine. Copies stay within memory that is held. libav's loader wants all symbols at once: those at the
 * end do nothing. */
#define cuDeviceGetAttribute of_kernels
#include "driver.c"
#undef cuDeviceGetAttribute

/* libav's rows are as wide as textures are aligned; kernels do not ask. */
Result cuDeviceGetAttribute(int *value, int which, int device) {
    if (which != 14) return of_kernels(value, which, device);
    *value = 512;
    return OK;
}

static void *pushed[64];
static int depth;
Result cuCtxPushCurrent_v2(void *context) {
    if (depth == 64) return INVALID;
    cuCtxGetCurrent(&pushed[depth++]);
    return cuCtxSetCurrent(context);
}
Result cuCtxPopCurrent_v2(void **context) {
    if (depth == 0) return INVALID;
    if (context) cuCtxGetCurrent(context);
    return cuCtxSetCurrent(pushed[--depth]);
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
enum { CARD = 2 };
Result cuMemcpy2DAsync_v2(const Copy *copy, void *stream) {
    if (current < 0 || !stream) return INVALID;
    int from_card = copy->from_kind == CARD, to_card = copy->to_kind == CARD;
    if (from_card && !is_held(copy->from_card, (copy->height - 1) * copy->from_pitch + copy->width)) return INVALID;
    if (to_card && !is_held(copy->to_card, (copy->height - 1) * copy->to_pitch + copy->width)) return INVALID;
    const char *from = from_card ? (const char *)(size_t)copy->from_card : copy->from_host;
    char *to = to_card ? (char *)(size_t)copy->to_card : copy->to_host;
    for (size_t y = 0; y < copy->height; y++) memcpy(to + y * copy->to_pitch, from + y * copy->from_pitch, copy->width);
    return OK;
}

#define NONE(name) Result name(void) { return NOT_FOUND; }
NONE(cuArray3DCreate_v2) NONE(cuArrayCreate_v2) NONE(cuArrayDestroy) NONE(cuCtxCreate_v2)
NONE(cuCtxDestroy_v2) NONE(cuCtxGetDevice) NONE(cuCtxSetLimit) NONE(cuDestroyExternalMemory)
NONE(cuDestroyExternalSemaphore) NONE(cuDeviceComputeCapability) NONE(cuDeviceGetUuid)
NONE(cuDevicePrimaryCtxGetState) NONE(cuDevicePrimaryCtxRelease) NONE(cuDevicePrimaryCtxReset)
NONE(cuDevicePrimaryCtxSetFlags) NONE(cuEGLStreamConsumerDisconnect) NONE(cuEGLStreamProducerConnect)
NONE(cuEGLStreamProducerDisconnect) NONE(cuEGLStreamProducerPresentFrame) NONE(cuEGLStreamProducerReturnFrame)
NONE(cuEventCreate) NONE(cuEventDestroy_v2) NONE(cuEventQuery) NONE(cuEventRecord) NONE(cuEventSynchronize)
NONE(cuExternalMemoryGetMappedBuffer) NONE(cuExternalMemoryGetMappedMipmappedArray) NONE(cuGLGetDevices_v2)
NONE(cuGraphicsGLRegisterImage) NONE(cuGraphicsMapResources) NONE(cuGraphicsResourceGetMappedPointer_v2)
NONE(cuGraphicsSubResourceGetMappedArray) NONE(cuGraphicsUnmapResources) NONE(cuGraphicsUnregisterResource)
NONE(cuImportExternalMemory) NONE(cuImportExternalSemaphore) NONE(cuLaunchKernelEx) NONE(cuLinkAddData)
NONE(cuLinkComplete) NONE(cuLinkCreate) NONE(cuLinkDestroy) NONE(cuMemAllocManaged) NONE(cuMemAllocPitch_v2)
NONE(cuMemFreeHost) NONE(cuMemHostAlloc) NONE(cuMemcpy) NONE(cuMemcpy2D_v2) NONE(cuMemcpyAsync)
NONE(cuMemcpyDtoDAsync_v2) NONE(cuMemcpyDtoD_v2) NONE(cuMemcpyDtoH_v2) NONE(cuMemcpyHtoD_v2)
NONE(cuMipmappedArrayCreate) NONE(cuMipmappedArrayDestroy) NONE(cuMipmappedArrayGetLevel)
NONE(cuModuleGetGlobal) NONE(cuPointerGetAttribute) NONE(cuSignalExternalSemaphoresAsync)
NONE(cuStreamAddCallback) NONE(cuStreamQuery) NONE(cuTexObjectCreate) NONE(cuTexObjectDestroy)
NONE(cuWaitExternalSemaphoresAsync)
