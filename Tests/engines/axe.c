// Kills a program before the Nth thing that it changes.
//
// axe [--at N] [--all] [--seconds S] --notes FILE PID... | -- COMMAND...
//
// Holds these processes, or that which it starts, every thread of theirs and every child that they make, until its standard input is
// closed or S seconds are over; says "ready" once it holds them. It counts the system calls that change something for others:
// files, mounts, namespaces, processes, messages. Before call N it kills the process that is about to make it (--all: all that it
// holds) and goes; the call is not made, and who was not killed goes on unheld. A child that executes a program that is not berth's
// is let go: its calls are its own. FILE gets a line a call, "N PID PROGRAM CALL WHAT", and after the kill "killed PID PROGRAM" for each.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <dirent.h>
#include <time.h>
#include <unistd.h>

#define OPTIONS (PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC)
#define HELD 4096

// How a call is judged: whether it counts at all, and what of it is told.
enum kind { ALWAYS, PATH, PATH_AT, OPEN, OPEN_AT, OPEN_AT2, CREAT, WRITE, SEND, CLONE, CLONE3, FORK, KILL, DESCRIPTOR };
static const struct { int number; const char *name; enum kind kind; } calls[] = {
#ifdef SYS_open
    {SYS_open, "open", OPEN}, {SYS_creat, "creat", CREAT}, {SYS_rename, "rename", PATH}, {SYS_link, "link", PATH},
    {SYS_symlink, "symlink", PATH}, {SYS_unlink, "unlink", PATH}, {SYS_mkdir, "mkdir", PATH}, {SYS_rmdir, "rmdir", PATH},
    {SYS_mknod, "mknod", PATH}, {SYS_chown, "chown", PATH}, {SYS_lchown, "lchown", PATH}, {SYS_chmod, "chmod", PATH},
    {SYS_renameat, "renameat", PATH_AT}, {SYS_fork, "fork", FORK}, {SYS_vfork, "vfork", FORK},
#endif
    {SYS_openat, "openat", OPEN_AT}, {SYS_openat2, "openat2", OPEN_AT2}, {SYS_renameat2, "renameat2", PATH_AT},
    {SYS_linkat, "linkat", PATH_AT}, {SYS_symlinkat, "symlinkat", PATH}, {SYS_unlinkat, "unlinkat", PATH_AT},
    {SYS_mkdirat, "mkdirat", PATH_AT}, {SYS_mknodat, "mknodat", PATH_AT}, {SYS_fchownat, "fchownat", PATH_AT},
    {SYS_fchmodat, "fchmodat", PATH_AT}, {SYS_fchown, "fchown", DESCRIPTOR}, {SYS_fchmod, "fchmod", DESCRIPTOR},
    {SYS_ftruncate, "ftruncate", DESCRIPTOR}, {SYS_truncate, "truncate", PATH}, {SYS_write, "write", WRITE},
    {SYS_pwrite64, "pwrite64", WRITE}, {SYS_writev, "writev", WRITE}, {SYS_copy_file_range, "copy_file_range", ALWAYS},
    {SYS_sendfile, "sendfile", WRITE}, {SYS_sendto, "sendto", SEND}, {SYS_sendmsg, "sendmsg", SEND},
    {SYS_setxattr, "setxattr", PATH}, {SYS_mount, "mount", PATH}, {SYS_umount2, "umount2", PATH},
    {SYS_move_mount, "move_mount", ALWAYS}, {SYS_mount_setattr, "mount_setattr", ALWAYS}, {SYS_open_tree, "open_tree", PATH_AT},
    {SYS_fsmount, "fsmount", ALWAYS}, {SYS_pivot_root, "pivot_root", PATH}, {SYS_setns, "setns", ALWAYS},
    {SYS_unshare, "unshare", ALWAYS}, {SYS_clone, "clone", CLONE}, {SYS_clone3, "clone3", CLONE3}, {SYS_execve, "execve", PATH},
    {SYS_execveat, "execveat", PATH_AT}, {SYS_kill, "kill", KILL}, {SYS_pidfd_send_signal, "pidfd_send_signal", ALWAYS},
    {SYS_bpf, "bpf", ALWAYS}, {SYS_bind, "bind", DESCRIPTOR}, {SYS_exit_group, "exit_group", ALWAYS},
};

static pid_t held[HELD];
static int count;
static FILE *notes;
static long number, at;
static int isAll;

static void add(pid_t thread) {
    for (int index = 0; index < count; index++) if (held[index] == thread) return;
    if (count < HELD) held[count++] = thread;
}

static void forget(pid_t thread) {
    for (int index = 0; index < count; index++) if (held[index] == thread) held[index--] = held[--count];
}

static pid_t process(pid_t thread) {
    char path[64], line[256];
    snprintf(path, sizeof path, "/proc/%d/status", thread);
    FILE *file = fopen(path, "re");
    int found = thread;
    while (file && fgets(line, sizeof line, file)) if (sscanf(line, "Tgid: %d", &found) == 1) break;
    if (file) fclose(file);
    return found;
}

// The program that a process is, as the last part of its name: berth is the daemon, berth-core all its others.
static const char *program(pid_t pid) {
    static char line[4096];
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/cmdline", pid);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t length = file < 0 ? 0 : read(file, line, sizeof line - 1);
    if (file >= 0) close(file);
    line[length > 0 ? length : 0] = 0;
    char *slash = strrchr(line, '/');
    return !line[0] ? "(none)" : slash ? slash + 1 : line;
}

// One that runs from a mount of its own has no name there, but the word that it was called by.
static int is_ours(pid_t pid) {
    if (!strncmp(program(pid), "berth", 5)) return 1;
    char path[64], name[512];
    snprintf(path, sizeof path, "/proc/%d/exe", pid);
    ssize_t length = readlink(path, name, sizeof name - 1);
    if (length < 0) return 0;
    name[length] = 0;
    char *slash = strrchr(name, '/');
    return !strncmp(slash ? slash + 1 : name, "berth", 5);
}

static void text(pid_t pid, uint64_t address, char *buffer, size_t size) {
    size_t done = 0;
    buffer[0] = 0;
    // Not over the end of a page: the next may not be there.
    while (address && done < size - 1) {
        size_t step = 256 - (address + done) % 256;
        if (step > size - 1 - done) step = size - 1 - done;
        struct iovec here = {buffer + done, step}, there = {(void *)(address + done), step};
        ssize_t got = process_vm_readv(pid, &here, 1, &there, 1, 0);
        if (got <= 0) break;
        buffer[done + got] = 0;
        if (strlen(buffer) < done + got) break;
        done += got;
    }
    for (char *each = buffer; *each; each++) if (*each == '\n') *each = '?';
}

static uint64_t word(pid_t pid, uint64_t address) {
    uint64_t value = 0;
    struct iovec here = {&value, sizeof value}, there = {(void *)address, sizeof value};
    return process_vm_readv(pid, &here, 1, &there, 1, 0) == sizeof value ? value : 0;
}

static void target(pid_t thread, int descriptor, char *buffer, size_t size) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/fd/%d", thread, descriptor);
    ssize_t length = readlink(path, buffer, size - 1);
    buffer[length > 0 ? length : 0] = 0;
}

static int domain(pid_t thread, int descriptor) {
    int found = -1, handle = syscall(SYS_pidfd_open, process(thread), 0);
    int copy = handle < 0 ? -1 : syscall(SYS_pidfd_getfd, handle, descriptor, 0);
    socklen_t size = sizeof found;
    if (copy >= 0 && getsockopt(copy, SOL_SOCKET, SO_DOMAIN, &found, &size) != 0) found = -1;
    if (copy >= 0) close(copy);
    if (handle >= 0) close(handle);
    return found;
}

// Whether what is written there is seen by anybody but the writer: not a wake-up of its own, and not what it tells its own log.
static int counts_as_write(pid_t thread, int descriptor, char *what, size_t size) {
    target(thread, descriptor, what, size);
    if (!strncmp(what, "socket:", 7)) {
        int found = domain(thread, descriptor);
        snprintf(what, size, found == AF_NETLINK ? "netlink" : found == AF_UNIX ? "unix" : "socket");
        return 1;
    }
    return !strncmp(what, "pipe:", 5) || (what[0] == '/' && strncmp(what, "/dev/", 5) && !strstr(what, "/daemon.log"));
}

// Whether this call changes something, and what it is about.
static int counts(pid_t thread, enum kind kind, const uint64_t *words, char *what, size_t size) {
    what[0] = 0;
    switch (kind) {
    case ALWAYS: return 1;
    case PATH: text(thread, words[0], what, size); return 1;
    case PATH_AT: text(thread, words[1], what, size); return 1;
    case CREAT: text(thread, words[0], what, size); return 1;
    case OPEN: text(thread, words[0], what, size); return (words[1] & (O_CREAT | O_TRUNC)) != 0;
    case OPEN_AT: text(thread, words[1], what, size); return (words[2] & (O_CREAT | O_TRUNC)) != 0;
    case OPEN_AT2: text(thread, words[1], what, size); return (word(thread, words[2]) & (O_CREAT | O_TRUNC)) != 0;
    case WRITE: case SEND: return counts_as_write(thread, words[0], what, size);
    case CLONE: return (words[0] & CLONE_THREAD) == 0;
    case CLONE3: return (word(thread, words[0]) & CLONE_THREAD) == 0;
    case FORK: return 1;
    case KILL: snprintf(what, size, "%d with %d", (int)words[0], (int)words[1]); return words[1] != 0;
    case DESCRIPTOR: target(thread, words[0], what, size); return 1;
    }
    return 0;
}

static void end(void) {
    fclose(notes);
    // Who is held is let go by the kernel.
    _exit(0);
}

static void strike(pid_t thread) {
    if (!isAll) {
        pid_t pid = process(thread);
        fprintf(notes, "killed %d %s\n", pid, program(pid));
        kill(pid, SIGKILL);
        end();
    }
    static pid_t all[HELD];
    int found = 0;
    for (int index = 0; index < count; index++) {
        pid_t pid = process(held[index]);
        int isKnown = 0;
        for (int other = 0; other < found; other++) isKnown |= all[other] == pid;
        if (!isKnown) all[found++] = pid;
    }
    for (int index = 0; index < found; index++) fprintf(notes, "killed %d %s\n", all[index], program(all[index]));
    for (int index = 0; index < found; index++) kill(all[index], SIGKILL);
    end();
}

// Every thread of a process is held.
static int seize(pid_t pid) {
    for (int round = 0, before = -1; round < 50 && before != count; round++) {
        before = count;
        char path[64];
        snprintf(path, sizeof path, "/proc/%d/task", pid);
        DIR *all = opendir(path);
        if (!all) return 0;
        for (struct dirent *one; (one = readdir(all));) {
            pid_t thread = atoi(one->d_name);
            if (thread <= 0 || ptrace(PTRACE_SEIZE, thread, 0, OPTIONS) != 0) continue;
            add(thread);
            ptrace(PTRACE_INTERRUPT, thread, 0, 0);
        }
        closedir(all);
    }
    return 1;
}

static void stopped(pid_t thread, int status) {
    int signal = WSTOPSIG(status), event = status >> 16;
    add(thread);
    if (signal == (SIGTRAP | 0x80)) {
        struct __ptrace_syscall_info info;
        if (ptrace(PTRACE_GET_SYSCALL_INFO, thread, sizeof info, &info) > 0 && info.op == PTRACE_SYSCALL_INFO_ENTRY) {
            for (size_t index = 0; index < sizeof calls / sizeof *calls; index++) {
                char what[512];
                if ((int)info.entry.nr != calls[index].number) continue;
                if (!counts(thread, calls[index].kind, info.entry.args, what, sizeof what)) break;
                pid_t pid = process(thread);
                fprintf(notes, "%ld %d %s %s %s\n", ++number, pid, program(pid), calls[index].name, what);
                if (number == at) strike(thread);
                break;
            }
        }
        signal = 0;
    } else if (event == PTRACE_EVENT_EXEC) {
        // Threads of before have gone without a word of theirs.
        for (int index = count - 1; index >= 0; index--)
            if (held[index] != thread && process(held[index]) == thread) forget(held[index]);
        if (!is_ours(thread) && ptrace(PTRACE_DETACH, thread, 0, 0) == 0) return forget(thread);
        signal = 0;
    } else if (event == PTRACE_EVENT_STOP && signal != SIGTRAP) {
        ptrace(PTRACE_LISTEN, thread, 0, 0);
        return;
    } else if (event) {
        signal = 0;
    }
    ptrace(PTRACE_SYSCALL, thread, 0, (long)signal);
}

// Started, and held before its first call.
static pid_t start(char **words) {
    int ends[2];
    if (pipe(ends) != 0) return -1;
    pid_t pid = fork();
    if (pid == 0) {
        char byte;
        close(ends[1]);
        while (read(ends[0], &byte, 1) < 0 && errno == EINTR) {}
        close(ends[0]);
        int null = open("/dev/null", O_RDWR);
        dup2(null, STDIN_FILENO);
        dup2(STDERR_FILENO, STDOUT_FILENO);
        close(null);
        setitimer(ITIMER_REAL, &(struct itimerval){0}, NULL);
        execv(words[0], words);
        _exit(127);
    }
    if (pid > 0 && !seize(pid)) pid = -1;
    close(ends[0]);
    close(ends[1]);
    return pid;
}

static void awake(int signal) { (void)signal; }

int main(int argc, char **argv) {
    long seconds = 60;
    int index = 1;
    for (; index < argc && !strncmp(argv[index], "--", 2) && argv[index][2]; index++) {
        if (!strcmp(argv[index], "--all")) isAll = 1;
        else if (index + 1 < argc && !strcmp(argv[index], "--at")) at = atol(argv[++index]);
        else if (index + 1 < argc && !strcmp(argv[index], "--seconds")) seconds = atol(argv[++index]);
        else if (index + 1 < argc && !strcmp(argv[index], "--notes")) notes = fopen(argv[++index], "we");
    }
    if (!notes || index == argc) return fprintf(stderr, "axe [--at N] [--all] [--seconds S] --notes FILE PID... | -- COMMAND...\n"), 2;
    // A wait that lasts is interrupted, so that its end is seen.
    struct sigaction action = {.sa_handler = awake};
    sigaction(SIGALRM, &action, NULL);
    struct itimerval often = {{0, 20000}, {0, 20000}};
    setitimer(ITIMER_REAL, &often, NULL);
    if (!strcmp(argv[index], "--")) {
        if (index + 1 == argc || start(argv + index + 1) < 0) return fprintf(stderr, "axe: start a program: %s\n", strerror(errno)), 1;
        index = argc;
    }
    for (; index < argc; index++)
        if (!seize(atoi(argv[index]))) return fprintf(stderr, "axe: hold %s: %s\n", argv[index], strerror(errno)), 1;
    time_t begun = time(NULL);
    int isSaid = 0;
    while (count > 0 && time(NULL) - begun < seconds) {
        if (!isSaid) isSaid = write(STDOUT_FILENO, "ready\n", 6) > 0;
        struct pollfd input = {STDIN_FILENO, POLLIN, 0};
        if (poll(&input, 1, 0) == 1 && input.revents & (POLLHUP | POLLERR)) break;
        int status;
        pid_t thread = waitpid(-1, &status, __WALL);
        if (thread < 0) {
            if (errno == EINTR) continue;
            break;
        }
        if (WIFSTOPPED(status)) stopped(thread, status);
        else forget(thread);
    }
    end();
}
