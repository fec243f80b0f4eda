/* A CUDA driver made for tests: memory of the host, kernels compiled as C beside it.
 *
 * CARDS_FOR_TEST names the cards: `NAME:MIB[:FREE_MIB]`, separated by `;`. The card at place N has the UUID
 * whose bytes are all 0xa0 + N. CUDA_VISIBLE_DEVICES chooses among them by UUID. More memory than is free
 * is refused as a card refuses it. Everything happens at once, so races of streams cannot be found here.
 * LAUNCHES_FOR_TEST is `HOW:COUNT`: what is launched after so many is lost (`lose`), refused (`refuse`), or
 * changes the first byte of the plane that its arguments begin with (`stray`).
 * DRIVER_SAYS names a file that is told, at the end, what is still held. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef int Result;
typedef unsigned long long Address;
enum { OK = 0, INVALID = 1, OUT_OF_MEMORY = 2, NO_DEVICE = 100, INVALID_DEVICE = 101, BAD_PTX = 218, NOT_FOUND = 500, LAUNCH_FAILED = 719 };

#define CARDS_MAX 16
#define HELD_MAX 65536
typedef struct { char name[128]; unsigned long long total, free; int number; } Card;
static Card cards[CARDS_MAX];
static int card_count, current = -1, contexts, streams, modules;
static struct { void *at; size_t bytes; int card; } held[HELD_MAX];
static int held_count;

static void uuid_of(int number, unsigned char *bytes) { memset(bytes, 0xa0 + number, 16); }

static int is_visible(int number) {
    const char *visible = getenv("CUDA_VISIBLE_DEVICES");
    if (!visible) return 1;
    unsigned char bytes[16];
    char name[64] = "GPU-";
    uuid_of(number, bytes);
    for (int at = 0; at < 16; at++)
        sprintf(name + strlen(name), "%s%02x", at == 4 || at == 6 || at == 8 || at == 10 ? "-" : "", bytes[at]);
    return strlen(visible) > 4 && strncmp(name, visible, strlen(visible)) == 0;
}

static void tell(void) {
    const char *path = getenv("DRIVER_SAYS");
    FILE *file = path ? fopen(path, "w") : NULL;
    if (!file) return;
    fprintf(file, "memory %d contexts %d streams %d modules %d\n", held_count, contexts, streams, modules);
    fclose(file);
}

Result cuInit(unsigned flags) {
    (void)flags;
    static int is_begun;
    if (is_begun) return card_count ? OK : NO_DEVICE;
    is_begun = 1;
    atexit(tell);
    char *list = strdup(getenv("CARDS_FOR_TEST") ? getenv("CARDS_FOR_TEST") : "");
    int number = 0;
    for (char *one = strtok(list, ";"); one && card_count < CARDS_MAX; one = strtok(NULL, ";"), number++) {
        Card card = {{0}, 0, 0, number};
        unsigned long long total = 0, free_mib = 0;
        int fields = sscanf(one, "%127[^:]:%llu:%llu", card.name, &total, &free_mib);
        card.total = total << 20;
        card.free = (fields == 3 ? free_mib : total) << 20;
        if (is_visible(number)) cards[card_count++] = card;
    }
    return card_count ? OK : NO_DEVICE;
}

Result cuDriverGetVersion(int *version) { *version = 12010; return OK; }
Result cuDeviceGetCount(int *count) { *count = card_count; return OK; }
Result cuDeviceGet(int *device, int at) {
    if (at < 0 || at >= card_count) return INVALID_DEVICE;
    *device = at;
    return OK;
}
Result cuDeviceGetName(char *name, int length, int device) { snprintf(name, length, "%s", cards[device].name); return OK; }
Result cuDeviceGetUuid_v2(unsigned char *bytes, int device) { uuid_of(cards[device].number, bytes); return OK; }
Result cuDeviceTotalMem_v2(size_t *bytes, int device) { *bytes = cards[device].total; return OK; }
Result cuDeviceGetAttribute(int *value, int which, int device) {
    (void)device;
    *value = which == 75 ? 8 : which == 76 ? 9 : which == 115 ? 1 : 0; /* capability 8.9, memory pools */
    return OK;
}
Result cuDevicePrimaryCtxRetain(void **context, int device) {
    contexts++;
    *context = &cards[device];
    return OK;
}
Result cuDevicePrimaryCtxRelease_v2(int device) { (void)device; contexts--; return OK; }
Result cuCtxSetCurrent(void *context) { current = context ? (int)((Card *)context - cards) : -1; return OK; }
Result cuCtxGetCurrent(void **context) { *context = current < 0 ? NULL : &cards[current]; return OK; }
Result cuCtxSynchronize(void) { return OK; }
Result cuStreamCreate(void **stream, unsigned flags) { (void)flags; streams++; *stream = malloc(1); return OK; }
Result cuStreamDestroy_v2(void *stream) { streams--; free(stream); return OK; }
Result cuStreamSynchronize(void *stream) { (void)stream; return OK; }

Result cuMemGetInfo_v2(size_t *left, size_t *total) {
    *left = cards[current].free;
    *total = cards[current].total;
    return OK;
}
Result cuMemAllocAsync(Address *address, size_t bytes, void *stream) {
    (void)stream;
    if (bytes == 0) return INVALID;
    if (bytes > cards[current].free || held_count == HELD_MAX) return OUT_OF_MEMORY;
    void *at = NULL;
    if (posix_memalign(&at, 256, bytes)) return OUT_OF_MEMORY;
    memset(at, 0xcd, bytes); /* What was there before is no 0. */
    cards[current].free -= bytes;
    held[held_count].at = at;
    held[held_count].bytes = bytes;
    held[held_count++].card = current;
    *address = (Address)(size_t)at;
    return OK;
}
Result cuMemFreeAsync(Address address, void *stream) {
    (void)stream;
    for (int at = 0; at < held_count; at++)
        if ((Address)(size_t)held[at].at == address) {
            cards[held[at].card].free += held[at].bytes;
            memset(held[at].at, 0xdd, held[at].bytes);
            free(held[at].at);
            held[at] = held[--held_count];
            return OK;
        }
    return INVALID;
}
Result cuMemAlloc_v2(Address *address, size_t bytes) { return cuMemAllocAsync(address, bytes, NULL); }
Result cuMemFree_v2(Address address) { return cuMemFreeAsync(address, NULL); }

/* Copies and clears stay within one piece of memory that is held. */
static int is_held(Address address, size_t bytes) {
    for (int at = 0; at < held_count; at++) {
        Address from = (Address)(size_t)held[at].at;
        if (address >= from && address + bytes <= from + held[at].bytes) return 1;
    }
    return 0;
}
Result cuMemsetD8Async(Address address, unsigned char value, size_t bytes, void *stream) {
    (void)stream;
    if (!is_held(address, bytes)) return INVALID;
    memset((void *)(size_t)address, value, bytes);
    return OK;
}
Result cuMemcpyHtoDAsync_v2(Address to, const void *from, size_t bytes, void *stream) {
    (void)stream;
    if (!is_held(to, bytes)) return INVALID;
    memcpy((void *)(size_t)to, from, bytes);
    return OK;
}
Result cuMemcpyDtoHAsync_v2(void *to, Address from, size_t bytes, void *stream) {
    (void)stream;
    if (!is_held(from, bytes)) return INVALID;
    memcpy(to, (void *)(size_t)from, bytes);
    return OK;
}

Result cuModuleLoadData(void **module, const void *image) {
    const char *text = image;
    if (!strstr(text, ".version 8.1") || !strstr(text, ".target sm_75")) return BAD_PTX;
    modules++;
    *module = strdup(text);
    return OK;
}
Result cuModuleUnload(void *module) { modules--; free(module); return OK; }
/* The kernel of that name, if the module's PTX has it, as it is compiled into this library. */
Result cuModuleGetFunction(void **function, void *module, const char *name) {
    char entry[160];
    snprintf(entry, sizeof entry, ".entry %s(", name);
    if (!strstr(module, entry)) return NOT_FOUND;
    Dl_info own;
    if (!dladdr((void *)cuModuleGetFunction, &own)) return NOT_FOUND;
    void *self = dlopen(own.dli_fname, RTLD_NOW | RTLD_NOLOAD);
    *function = self ? dlsym(self, name) : NULL;
    return *function ? OK : NOT_FOUND;
}
Result cuLaunchKernel(void *function, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz,
                      unsigned shared, void *stream, void **arguments, void **extra) {
    (void)stream, (void)extra;
    if (gz != 1 || bz != 1 || shared != 0 || gy > 65535 || bx * by > 1024) return INVALID;
    static int launched;
    const char *how = getenv("LAUNCHES_FOR_TEST"), *count = how ? strchr(how, ':') : NULL;
    if (count && launched++ >= atoi(count + 1)) {
        if (*how == 'l') return OK;
        if (*how == 'r') return LAUNCH_FAILED;
        ++*(unsigned char *)(size_t)*(const Address *)arguments[0];
    }
    ((void (*)(const void *, unsigned, unsigned))function)(arguments[0], gx * bx, gy * by);
    return OK;
}

Result cuGetErrorName(int error, const char **name) {
    *name = error == OK ? "CUDA_SUCCESS" : error == OUT_OF_MEMORY ? "CUDA_ERROR_OUT_OF_MEMORY"
        : error == NO_DEVICE ? "CUDA_ERROR_NO_DEVICE" : error == BAD_PTX ? "CUDA_ERROR_INVALID_PTX"
        : error == NOT_FOUND ? "CUDA_ERROR_NOT_FOUND" : error == LAUNCH_FAILED ? "CUDA_ERROR_LAUNCH_FAILED"
        : "CUDA_ERROR_INVALID_VALUE";
    return OK;
}
Result cuGetErrorString(int error, const char **text) { return cuGetErrorName(error, text); }
