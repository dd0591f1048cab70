#include "CStart.h"
#include <malloc.h>

// The runtime's own finds the arguments by reading /proc/self/maps and walking the stack, 40 µs in every process. The C
// library hands them to each constructor.
static int argument_count;
static char **arguments;

__attribute__((constructor)) static void remember(int count, char **words) {
    argument_count = count;
    arguments = words;
}

char **_swift_stdlib_getUnsafeArgvArgc(int *count) {
    *count = argument_count;
    return arguments;
}

void _swift_stdlib_overrideUnsafeArgvArgc(char **words, int count) {
    arguments = words;
    argument_count = count;
}

// The heap grows once, not eight times, and is not given back in between.
__attribute__((constructor)) static void make_room(void) {
    mallopt(M_TOP_PAD, 512 << 10);
    mallopt(M_TRIM_THRESHOLD, 16 << 20);
}
