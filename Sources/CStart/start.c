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

// The runtime's crash reporter looks for a helper program in nine places before main. None is shipped beside a plugin.
// (--wrap in Package.swift: the runtime's own object has the name first.)
char *__wrap_swift_copyAuxiliaryExecutablePath(const char *name);
char *__wrap_swift_copyAuxiliaryExecutablePath(const char *name) {
    (void)name;
    return 0;
}

// The C library asks /proc where the program lies, for the search path of shared objects (0.03 ms). A static program loads none.
// (--wrap again. -1: not known; another program's own is never called so.)
char *__wrap__dl_get_origin(void);
char *__wrap__dl_get_origin(void) {
    return (char *)-1;
}

// The C library compares every variable of the environment with each of its tunables (25,000 instructions for fifty variables). Here
// they keep their defaults, whatever GLIBC_TUNABLES says. (--wrap again.)
void __wrap___tunables_init(char **environment);
void __wrap___tunables_init(char **environment) {
    (void)environment;
}

// The heap grows once, not eight times, and is not given back in between.
__attribute__((constructor)) static void make_room(void) {
    mallopt(M_TOP_PAD, 512 << 10);
    mallopt(M_TRIM_THRESHOLD, 16 << 20);
}
