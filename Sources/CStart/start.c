#include "CStart.h"
#include <stddef.h>

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
