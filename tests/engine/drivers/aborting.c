/* An OpenCL driver of one device that ends the process: with -DWHILE_LISTING when it is asked for its platform, else
   when it is to build a program. */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct object {
    void *const *dispatch;
} object;

enum {
    SUCCESS = 0,
    INVALID_VALUE = -30,
    /* Places of functions in the loader's table. */
    GET_PLATFORM_IDS = 0,
    GET_PLATFORM_INFO = 1,
    GET_DEVICE_IDS = 2,
    GET_DEVICE_INFO = 3,
    CREATE_CONTEXT = 4,
    RETAIN_CONTEXT = 6,
    RELEASE_CONTEXT = 7,
    GET_CONTEXT_INFO = 8,
    CREATE_COMMAND_QUEUE = 9,
    RETAIN_COMMAND_QUEUE = 10,
    RELEASE_COMMAND_QUEUE = 11,
    GET_COMMAND_QUEUE_INFO = 12,
    FUNCTIONS = 200
};

static void *table[FUNCTIONS];
static object platform = {table}, device = {table}, context = {table}, queue = {table};

static int die(void) {
    fprintf(stderr, "LLVM ERROR: Cannot select: v16f32 = fma\n");
    abort();
}

static int give(const void *value, size_t size, size_t room, void *out, size_t *needed) {
    if (needed) *needed = size;
    if (out) memcpy(out, value, size < room ? size : room);
    return SUCCESS;
}

static int give_text(const char *text, size_t room, void *out, size_t *needed) {
    return give(text, strlen(text) + 1, room, out, needed);
}

static int give_object(object *value, size_t room, void *out, size_t *needed) {
    return give(&value, sizeof value, room, out, needed);
}

static int nothing(void *any) {
    (void)any;
    return SUCCESS;
}

static int platform_ids(uint32_t room, object **out, uint32_t *count) {
#ifdef WHILE_LISTING
    die();
#endif
    if (count) *count = 1;
    if (out && room) out[0] = &platform;
    return SUCCESS;
}

static int platform_info(object *of, uint32_t what, size_t room, void *out, size_t *needed) {
    (void)of;
    switch (what) {
        case 0x0900: return give_text("FULL_PROFILE", room, out, needed);
        case 0x0901: return give_text("OpenCL 1.2 ", room, out, needed);
        case 0x0904: return give_text("cl_khr_icd", room, out, needed);
        case 0x0920: return give_text("ABORT", room, out, needed);
        default: return give_text("Aborting", room, out, needed);
    }
}

static int device_ids(object *of, uint64_t type, uint32_t room, object **out, uint32_t *count) {
    (void)of, (void)type;
    if (count) *count = 1;
    if (out && room) out[0] = &device;
    return SUCCESS;
}

static int device_info(object *of, uint32_t what, size_t room, void *out, size_t *needed) {
    const uint64_t cpu = 2;
    const uint32_t one = 1;
    (void)of;
    switch (what) {
        case 0x1000: return give(&cpu, sizeof cpu, room, out, needed);
        case 0x102b: return give_text("an ill device", room, out, needed);
        case 0x102d: return give_text("6.66", room, out, needed);
        case 0x102f: return give_text("OpenCL 1.2 ", room, out, needed);
        case 0x1030: return give_text("", room, out, needed);
        case 0x1031: return give_object(&platform, room, out, needed);
        default: return give(&one, sizeof one, room, out, needed);
    }
}

static object *make_context(void *p, uint32_t n, void *d, void *call, void *data, int *status) {
    (void)p, (void)n, (void)d, (void)call, (void)data;
    if (status) *status = SUCCESS;
    return &context;
}

static int context_info(object *of, uint32_t what, size_t room, void *out, size_t *needed) {
    (void)of;
    return what == 0x1081 ? give_object(&device, room, out, needed) : INVALID_VALUE;
}

static object *make_queue(object *of, object *on, uint64_t properties, int *status) {
    (void)of, (void)on, (void)properties;
    if (status) *status = SUCCESS;
    return &queue;
}

static int queue_info(object *of, uint32_t what, size_t room, void *out, size_t *needed) {
    (void)of;
    switch (what) {
        case 0x1090: return give_object(&context, room, out, needed);
        case 0x1091: return give_object(&device, room, out, needed);
        default: return INVALID_VALUE;
    }
}

__attribute__((constructor)) static void fill(void) {
    for (int i = 0; i < FUNCTIONS; i++) table[i] = (void *)die;
    table[GET_PLATFORM_IDS] = (void *)platform_ids;
    table[GET_PLATFORM_INFO] = (void *)platform_info;
    table[GET_DEVICE_IDS] = (void *)device_ids;
    table[GET_DEVICE_INFO] = (void *)device_info;
    table[CREATE_CONTEXT] = (void *)make_context;
    table[RETAIN_CONTEXT] = table[RELEASE_CONTEXT] = (void *)nothing;
    table[GET_CONTEXT_INFO] = (void *)context_info;
    table[CREATE_COMMAND_QUEUE] = (void *)make_queue;
    table[RETAIN_COMMAND_QUEUE] = table[RELEASE_COMMAND_QUEUE] = (void *)nothing;
    table[GET_COMMAND_QUEUE_INFO] = (void *)queue_info;
}

int clGetPlatformInfo(object *of, uint32_t what, size_t room, void *out, size_t *needed) {
    return platform_info(of, what, room, out, needed);
}

void *clGetExtensionFunctionAddress(const char *name) {
    return strcmp(name, "clIcdGetPlatformIDsKHR") == 0 ? (void *)platform_ids : NULL;
}
