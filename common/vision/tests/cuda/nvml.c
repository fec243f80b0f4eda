/* A management library made for tests: the cards of CARDS_FOR_TEST, as driver.c knows them, all of them
 * whatever CUDA_VISIBLE_DEVICES says. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct { char name[128]; unsigned long long total, free; unsigned number; } Card;
static Card cards[16];
static unsigned count;

int nvmlInit_v2(void) {
    char *list = strdup(getenv("CARDS_FOR_TEST") ? getenv("CARDS_FOR_TEST") : "");
    count = 0;
    for (char *one = strtok(list, ";"); one && count < 16; one = strtok(NULL, ";"), count++) {
        Card *card = &cards[count];
        unsigned long long total = 0, left = 0;
        int fields = sscanf(one, "%127[^:]:%llu:%llu", card->name, &total, &left);
        card->total = total << 20;
        card->free = (fields == 3 ? left : total) << 20;
        card->number = count;
    }
    return 0;
}
int nvmlShutdown(void) { return 0; }
const char *nvmlErrorString(int code) { return code ? "made for tests" : "success"; }
int nvmlSystemGetDriverVersion(char *text, unsigned size) { snprintf(text, size, "535.129.03"); return 0; }
int nvmlDeviceGetCount_v2(unsigned *found) { *found = count; return 0; }
int nvmlDeviceGetHandleByIndex_v2(unsigned index, Card **card) { *card = &cards[index]; return 0; }
int nvmlDeviceGetName(Card *card, char *text, unsigned size) { snprintf(text, size, "%s", card->name); return 0; }
int nvmlDeviceGetUUID(Card *card, char *text, unsigned size) {
    int at = snprintf(text, size, "GPU-");
    for (unsigned byte = 0; byte < 16; byte++)
        at += snprintf(text + at, size - at, "%s%02x", byte == 4 || byte == 6 || byte == 8 || byte == 10 ? "-" : "",
                       0xa0 + card->number);
    return 0;
}
typedef struct { unsigned version; unsigned long long total, reserved, free, used; } Memory;
int nvmlDeviceGetMemoryInfo_v2(Card *card, Memory *memory) {
    memory->total = card->total;
    memory->free = card->free;
    memory->used = card->total - card->free;
    memory->reserved = 0;
    return 0;
}
