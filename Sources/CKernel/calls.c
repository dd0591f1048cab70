#define _GNU_SOURCE
#include "CKernel.h"
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <net/if.h>
#include <malloc.h>
#include <sched.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <linux/nsfs.h>
#include <linux/sockios.h>

extern char **environ;

int berth_setns(int descriptor, int kind) { return setns(descriptor, kind); }
int berth_unshare(int flags) { return unshare(flags); }
int berth_clone_newnet(void) { return CLONE_NEWNET; }
int berth_clone_newns(void) { return CLONE_NEWNS; }
int berth_open_cloexec(const char *path, int flags, unsigned mode) { return open(path, flags | O_CLOEXEC, mode); }
int berth_openat(int directory, const char *path, int flags, unsigned mode) {
    return openat(directory, path, flags | O_CLOEXEC, mode);
}
int berth_close_range(unsigned first, unsigned last) { return (int)syscall(SYS_close_range, first, last, 0u); }
int berth_pipe_cloexec(int ends[2]) { return pipe2(ends, O_CLOEXEC); }
int berth_renameat_noreplace(const char *from, const char *to) {
    return (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE);
}
const char *berth_errno_name(int error) { return strerrorname_np(error); }
char **berth_environment(void) { return environ; }
int berth_exit_status(int status) {
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + (WIFSIGNALED(status) ? WTERMSIG(status) : 0);
}
int berth_netns_inode(int descriptor, uint64_t *device, uint64_t *inode) {
    struct stat found;
    if (fstat(descriptor, &found) != 0) return -1;
    *device = found.st_dev;
    *inode = found.st_ino;
    return 0;
}
int berth_is_netns(int descriptor) {
    struct statfs found;
    if (fstatfs(descriptor, &found) != 0 || found.f_type != NSFS_MAGIC) return 0;
    return ioctl(descriptor, NS_GET_NSTYPE) == CLONE_NEWNET;
}
int berth_own_netns(void) {
    int descriptor = -1, probe = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (probe >= 0) {
        descriptor = ioctl(probe, SIOCGSKNS);
        close(probe);
    }
    return descriptor >= 0 ? descriptor : open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
}
uint64_t berth_file_system(const char *path) {
    struct statfs found;
    return statfs(path, &found) == 0 ? (uint64_t)found.f_type : 0;
}
const char *berth_program_path(void) {
    const char *path = (const char *)getauxval(AT_EXECFN);
    return path && path[0] == '/' ? path : NULL;
}
int berth_link_index(int socket, const char *name) {
    struct ifreq request = {0};
    if (strlen(name) >= sizeof request.ifr_name) return -1;
    strcpy(request.ifr_name, name);
    if (ioctl(socket, SIOCGIFINDEX, &request) == 0) return request.ifr_ifindex;
    return errno == ENODEV ? 0 : -1;
}
int berth_link_mtu(int socket, int index) {
    struct ifreq request = {.ifr_ifindex = index};
    return ioctl(socket, SIOCGIFNAME, &request) != 0 || ioctl(socket, SIOCGIFMTU, &request) != 0 ? -1 : request.ifr_mtu;
}
int berth_gettid(void) { return (int)syscall(SYS_gettid); }

void berth_die_with_parent(void) { prctl(PR_SET_PDEATHSIG, SIGKILL); }

static int let_go(struct dl_phdr_info *info, size_t size, void *page) {
    (void)size;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[i];
        if (part->p_type != PT_LOAD || part->p_flags & PF_W) continue;
        uintptr_t begin = (info->dlpi_addr + part->p_vaddr) & -*(uintptr_t *)page;
        madvise((void *)begin, info->dlpi_addr + part->p_vaddr + part->p_memsz - begin, MADV_DONTNEED);
    }
    return 0;
}

void berth_give_back_memory(void) {
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    malloc_trim(0);
    dl_iterate_phdr(let_go, &page);
}

int berth_tracefs(void) {
    int fs = fsopen("tracefs", FSOPEN_CLOEXEC);
    if (fs < 0) return -1;
    int mount = fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0 ? fsmount(fs, FSMOUNT_CLOEXEC, 0) : -1;
    int code = errno;
    close(fs);
    errno = code;
    return mount;
}
