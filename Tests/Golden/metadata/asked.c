// Metadata of a kind (0: an array's storage, 1: an array) of an element, from Sources/CStart/metadata.c and from the runtime.
#include <stdbool.h>
#include <stddef.h>

struct response {
    const void *metadata;
    size_t state;
};
struct response __real_swift_getCanonicalPrespecializedGenericMetadata(size_t, const void *const *, const void *, void *);
struct response __wrap_swift_getCanonicalPrespecializedGenericMetadata(size_t, const void *const *, const void *, void *);
extern const char storage[] __asm__("$ss23_ContiguousArrayStorageCMn"), array[] __asm__("$sSaMn");

const void *made(int kind, const void *element) {
    return __wrap_swift_getCanonicalPrespecializedGenericMetadata(0, &element, kind ? array : storage, 0).metadata;
}

const void *runtimes(int kind, const void *element) {
    static long once[2];
    return __real_swift_getCanonicalPrespecializedGenericMetadata(0, &element, kind ? array : storage, &once[kind]).metadata;
}

bool is_in_program(const char *pointer) {
    extern char __executable_start, _end;
    return pointer >= &__executable_start && pointer < &_end;
}
