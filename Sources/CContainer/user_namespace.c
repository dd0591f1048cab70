#define _GNU_SOURCE
#include "user_namespace.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

// The children are those of a program with many threads: nothing but system calls until they end.

// It ends with the thread that made it, though that was killed before it could ask for it.
static void die_with(pid_t parent) {
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    if (getppid() != parent) _exit(1);
}

static pid_t child(uint64_t flags, int *pidfd) {
    struct clone_args arguments = {
        .flags = flags | CLONE_PIDFD, .pidfd = (uint64_t)(uintptr_t)pidfd, .exit_signal = SIGCHLD};
    pid_t parent = getpid();
    pid_t pid = (pid_t)syscall(SYS_clone3, &arguments, sizeof arguments);
    if (pid == 0) die_with(parent);
    return pid;
}

// Nothing of the program's is held: neither its locks nor its sockets.
static _Noreturn void hold(void) {
    syscall(SYS_close_range, 0, ~0U, 0);
    for (;;) pause();
}

pid_t berth_hold_namespaces(uint64_t flags, int *pidfd) {
    pid_t pid = child(flags, pidfd);
    if (pid != 0) return pid;
    hold();
}

pid_t berth_hold_network_of(int space, int *pidfd) {
    int ends[2], code = EIO;
    if (pipe2(ends, O_CLOEXEC) != 0) return -1;
    pid_t parent = getpid(), pid = child(0, pidfd);
    if (pid == 0) {
        code = setns(space, CLONE_NEWUSER) == 0 && unshare(CLONE_NEWNET) == 0 ? 0 : errno;
        // A change of rights forgets what was asked for at a parent's death.
        die_with(parent);
        if (write(ends[1], &code, sizeof code) != sizeof code || code != 0) _exit(1);
        hold();
    }
    if (pid < 0) code = errno;
    close(ends[1]);
    if (pid > 0 && read(ends[0], &code, sizeof code) != sizeof code) code = ECHILD;
    close(ends[0]);
    if (pid > 0 && code == 0) return pid;
    if (pid > 0) {
        waitpid(pid, NULL, 0);
        close(*pidfd);
    }
    errno = code;
    return -1;
}

int berth_raise_hard_limit(pid_t pid, int resource, uint64_t hard) {
    struct rlimit64 limit;
    if (prlimit64(pid, resource, NULL, &limit) != 0) return -1;
    if (limit.rlim_max >= hard) return 0;
    limit.rlim_max = hard;
    return prlimit64(pid, resource, &limit, NULL);
}
