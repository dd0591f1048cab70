// What the instruction `cpuid` takes on this machine, and how many a program executes (docs/adr/0007-start.md, 9):
//
//   gcc -O2 -o /tmp/cpuid docs/adr/measurements/cpuid.c
//   /tmp/cpuid                        microseconds of one, the median of 1,001
//   /tmp/cpuid PROGRAM [WORD]...      runs it instruction by instruction, its first thread alone, and counts
#include <cpuid.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { COUNT = 1001 };

static int by_size(const void *a, const void *b) {
    double difference = *(const double *)a - *(const double *)b;
    return (difference > 0) - (difference < 0);
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1e6 + time.tv_nsec / 1e3;
}

int main(int count, char **words) {
    if (count < 2) {
        static double took[COUNT];
        for (int i = 0; i < COUNT; i++) {
            unsigned a, b, c, d;
            double before = now();
            __cpuid_count(7, 0, a, b, c, d);
            took[i] = now() - before;
        }
        qsort(took, COUNT, sizeof *took, by_size);
        printf("%.2f microseconds\n", took[COUNT / 2]);
        return 0;
    }
    pid_t child = fork();
    if (child == 0) {
        ptrace(PTRACE_TRACEME, 0, 0, 0);
        execv(words[1], words + 1);
        _exit(127);
    }
    long instructions = 0, found = 0;
    int status;
    while (waitpid(child, &status, 0) == child && WIFSTOPPED(status)) {
        struct user_regs_struct registers;
        ptrace(PTRACE_GETREGS, child, 0, &registers);
        errno = 0;
        long word = ptrace(PTRACE_PEEKTEXT, child, registers.rip, 0);
        found += errno == 0 && (word & 0xffff) == 0xa20f;
        instructions++;
        int number = WSTOPSIG(status);
        if (ptrace(PTRACE_SINGLESTEP, child, 0, number == SIGTRAP ? 0 : number) != 0) break;
    }
    fprintf(stderr, "%ld of %ld instructions are cpuid\n", found, instructions);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
