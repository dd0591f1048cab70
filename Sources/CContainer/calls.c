#define _GNU_SOURCE
#include "CContainer.h"
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>
#include <linux/filter.h>
#include <linux/keyctl.h>
#include <linux/seccomp.h>
#include <linux/magic.h>

int berth_clone(uint64_t flags, int cgroup, int *pidfd) {
    struct clone_args arguments = {.flags = flags | CLONE_PIDFD, .pidfd = (uint64_t)(uintptr_t)pidfd, .exit_signal = (flags & CLONE_PARENT) ? 0 : SIGCHLD};
    if (cgroup >= 0) {
        arguments.flags |= CLONE_INTO_CGROUP;
        arguments.cgroup = (uint64_t)cgroup;
    }
    return (int)syscall(SYS_clone3, &arguments, sizeof(arguments));
}
int berth_setns_kinds(int descriptor, int kinds) { return setns(descriptor, kinds); }
int berth_unshare_kinds(int kinds) { return unshare(kinds); }
int berth_pidfd_open(pid_t pid) { return (int)syscall(SYS_pidfd_open, pid, 0u); }
int berth_pidfd_signal(int pidfd, int number) { return (int)syscall(SYS_pidfd_send_signal, pidfd, number, NULL, 0u); }

int berth_o_path(void) { return O_PATH; }
int berth_at_recursive(void) { return AT_RECURSIVE; }
int berth_at_empty_path(void) { return AT_EMPTY_PATH; }
int berth_openat2(int directory, const char *path, int flags, unsigned mode, uint64_t resolve) {
    struct open_how how = {.flags = (uint64_t)(flags | O_CLOEXEC), .mode = mode, .resolve = resolve};
    return (int)syscall(SYS_openat2, directory, path, &how, sizeof(how));
}
int berth_is_proc(const char *path) {
    struct statfs found;
    return statfs(path, &found) == 0 && found.f_type == PROC_SUPER_MAGIC;
}

int berth_open_tree(int directory, const char *path, unsigned flags) {
    return (int)syscall(SYS_open_tree, directory, path, flags | O_CLOEXEC);
}
int berth_move_mount(int from, const char *from_path, int to, const char *to_path, unsigned flags) {
    return (int)syscall(SYS_move_mount, from, from_path, to, to_path, flags);
}
int berth_mount_setattr(int directory, const char *path, unsigned flags, uint64_t set, uint64_t clear,
                        uint64_t propagation) {
    struct mount_attr attributes = {.attr_set = set, .attr_clr = clear, .propagation = propagation};
    return (int)syscall(SYS_mount_setattr, directory, path, flags, &attributes, sizeof(attributes));
}
int berth_pivot_root(const char *new_root, const char *put_old) {
    return (int)syscall(SYS_pivot_root, new_root, put_old);
}
int berth_close_on_exec_from(unsigned first) {
    return (int)syscall(SYS_close_range, first, ~0u, 1u << 2 /* CLOSE_RANGE_CLOEXEC */);
}
int berth_set_close_on_exec(int descriptor, int on) { return fcntl(descriptor, F_SETFD, on ? FD_CLOEXEC : 0); }
int berth_execve_descriptor(int descriptor, char *const arguments[], char *const environment[]) {
    return (int)syscall(SYS_execveat, descriptor, "", arguments, environment, AT_EMPTY_PATH);
}
int berth_mknodat(int directory, const char *name, unsigned mode, unsigned major, unsigned minor) {
    return mknodat(directory, name, mode, makedev(major, minor));
}
int berth_sethostname(const char *name) { return sethostname(name, strlen(name)); }
int berth_setdomainname(const char *name) { return setdomainname(name, strlen(name)); }
int berth_join_session_keyring(const char *name) {
    return (int)syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, name);
}

int berth_capset(uint64_t effective, uint64_t permitted, uint64_t inheritable) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {
        {(uint32_t)effective, (uint32_t)permitted, (uint32_t)inheritable},
        {(uint32_t)(effective >> 32), (uint32_t)(permitted >> 32), (uint32_t)(inheritable >> 32)},
    };
    return (int)syscall(SYS_capset, &header, data);
}
int berth_capget(uint64_t *effective, uint64_t *permitted, uint64_t *inheritable) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {{0}};
    if (syscall(SYS_capget, &header, data) != 0) return -1;
    *effective = data[0].effective | (uint64_t)data[1].effective << 32;
    *permitted = data[0].permitted | (uint64_t)data[1].permitted << 32;
    *inheritable = data[0].inheritable | (uint64_t)data[1].inheritable << 32;
    return 0;
}
int berth_bounding_has(int capability) { return prctl(PR_CAPBSET_READ, capability, 0, 0, 0); }
int berth_bounding_drop(int capability) { return prctl(PR_CAPBSET_DROP, capability, 0, 0, 0); }
int berth_ambient_clear(void) { return prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); }
int berth_ambient_raise(int capability) { return prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0); }
int berth_keep_capabilities(int on) { return prctl(PR_SET_KEEPCAPS, on, 0, 0, 0); }
int berth_no_new_privileges(void) { return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); }

int berth_memory_file(const char *name) { return (int)syscall(SYS_memfd_create, name, 1u /* MFD_CLOEXEC */); }

int berth_seccomp_load(unsigned flags, const uint8_t *instructions, size_t count) {
    if (count > BPF_MAXINSNS) return errno = E2BIG, -1;
    struct sock_fprog program = {.len = (unsigned short)count, .filter = (struct sock_filter *)instructions};
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program) == 0 ? 0 : -1;
}
int berth_set_dumpable(int on) { return prctl(PR_SET_DUMPABLE, on, 0, 0, 0); }
int berth_die_with(int number) { return prctl(PR_SET_PDEATHSIG, number, 0, 0, 0); }
int berth_become_subreaper(void) { return prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); }
// The kernel's own calls: the C library's would look for threads that a cloned child does not have.
int berth_set_groups(const unsigned *groups, size_t count) { return (int)syscall(SYS_setgroups, count, groups); }
int berth_set_user(unsigned uid) { return (int)syscall(SYS_setresuid, uid, uid, uid); }
int berth_set_group(unsigned gid) { return (int)syscall(SYS_setresgid, gid, gid, gid); }
int berth_set_limit(int resource, uint64_t soft, uint64_t hard) {
    struct rlimit limit = {.rlim_cur = soft, .rlim_max = hard};
    return prlimit(0, resource, &limit, NULL);
}
int berth_get_limit(int resource, uint64_t *soft, uint64_t *hard) {
    struct rlimit limit;
    if (prlimit(0, resource, NULL, &limit) != 0) return -1;
    *soft = limit.rlim_cur;
    *hard = limit.rlim_max;
    return 0;
}
int berth_set_io_priority(int class_, int level) { return (int)syscall(SYS_ioprio_set, 1, 0, class_ << 13 | level); }

int berth_terminal_peer(int master) {
    int off = 0;
    if (ioctl(master, TIOCSPTLCK, &off) != 0) return -1;
    return ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
}
int berth_terminal_size(int terminal, unsigned short rows, unsigned short columns) {
    struct winsize size = {.ws_row = rows, .ws_col = columns};
    return ioctl(terminal, TIOCSWINSZ, &size);
}
int berth_copy_terminal_size(int from, int to) {
    struct winsize size;
    return ioctl(from, TIOCGWINSZ, &size) != 0 ? -1 : ioctl(to, TIOCSWINSZ, &size);
}
int berth_controlling_terminal(int terminal) { return ioctl(terminal, TIOCSCTTY, 0); }

int berth_send_descriptor(int socket, int descriptor, const char *name) {
    struct iovec text = {.iov_base = (void *)name, .iov_len = strlen(name)};
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct msghdr message = {.msg_iov = &text, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(header), &descriptor, sizeof(int));
    return sendmsg(socket, &message, MSG_NOSIGNAL) < 0 ? -1 : 0;
}
int berth_receive_descriptor(int socket) {
    char text[4096];
    struct iovec room = {.iov_base = text, .iov_len = sizeof(text)};
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct msghdr message = {.msg_iov = &room, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
    if (recvmsg(socket, &message, MSG_CMSG_CLOEXEC) < 0) return -1;
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    if (header == NULL || header->cmsg_type != SCM_RIGHTS) {
        errno = EBADMSG;
        return -1;
    }
    int descriptor;
    memcpy(&descriptor, CMSG_DATA(header), sizeof(int));
    return descriptor;
}
void berth_default_signals(void) {
    struct sigaction action = {.sa_handler = SIG_DFL};
    for (int number = 1; number < NSIG; number++) sigaction(number, &action, NULL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}
int berth_new_pipe(int ends[2]) { return pipe2(ends, O_CLOEXEC); }
int berth_new_pair(int ends[2]) { return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends); }
int berth_wait_child(pid_t pid, int *status) {
    pid_t found;
    do {
        found = waitpid(pid, status, __WALL);
    } while (found < 0 && errno == EINTR);
    return found;
}

int berth_signal_descriptor(void) {
    sigset_t all;
    sigfillset(&all);
    if (sigprocmask(SIG_SETMASK, &all, NULL) != 0) return -1;
    return signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
}
int berth_read_signal(int descriptor) {
    struct signalfd_siginfo found;
    return read(descriptor, &found, sizeof(found)) == sizeof(found) ? (int)found.ssi_signo : 0;
}
int berth_raw_terminal(int terminal, void *before, size_t room) {
    struct termios settings;
    if (room < sizeof(settings) || tcgetattr(terminal, &settings) != 0) return -1;
    memcpy(before, &settings, sizeof(settings));
    cfmakeraw(&settings);
    return tcsetattr(terminal, TCSANOW, &settings);
}
int berth_restore_terminal(int terminal, const void *before) { return tcsetattr(terminal, TCSANOW, before); }
