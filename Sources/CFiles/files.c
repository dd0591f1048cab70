#define _GNU_SOURCE
#include "CFiles.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

_Static_assert(BERTH_O_PATH == O_PATH, "O_PATH");
#define TEXT(bytes) ((const char *)(bytes))

int berth_file_open_below(int directory, const uint8_t *path, int flags, unsigned mode, int how) {
    struct open_how wish = {.flags = (uint64_t)(flags | O_CLOEXEC), .mode = mode, .resolve = RESOLVE_NO_MAGICLINKS};
    if (how & BERTH_IN_ROOT) wish.resolve |= RESOLVE_IN_ROOT;
    if (how & BERTH_NO_LINKS) wish.resolve |= RESOLVE_NO_SYMLINKS | RESOLVE_BENEATH;
    if (how & BERTH_NO_MOUNTS) wish.resolve |= RESOLVE_NO_XDEV;
    // EAGAIN: a rename elsewhere came between; the kernel asks to try again.
    for (int tries = 0;; tries++) {
        int number = (int)syscall(SYS_openat2, directory, path, &wish, sizeof wish);
        if (number >= 0 || errno != EAGAIN || tries == 1000) return number;
    }
}

int berth_file_open(int directory, const uint8_t *name, int flags, unsigned mode) {
    return openat(directory, TEXT(name), flags | O_CLOEXEC, mode);
}

int berth_file_stat(int directory, const uint8_t *name, struct berth_file *found) {
    struct stat s;
    if (fstatat(directory, TEXT(name), &s, AT_SYMLINK_NOFOLLOW | (*name ? 0 : AT_EMPTY_PATH)) != 0) return -1;
    *found = (struct berth_file){
        .device = s.st_dev, .inode = s.st_ino, .mode = s.st_mode, .links = (uint32_t)s.st_nlink, .user = s.st_uid,
        .group = s.st_gid, .size = s.st_size, .seconds = s.st_mtim.tv_sec,
        .nanoseconds = (uint32_t)s.st_mtim.tv_nsec, .major = major(s.st_rdev), .minor = minor(s.st_rdev)};
    return 0;
}

int berth_file_mkdir(int directory, const uint8_t *name, unsigned mode) {
    return mkdirat(directory, TEXT(name), mode);
}

int berth_file_mknod(int directory, const uint8_t *name, unsigned mode, unsigned major, unsigned minor) {
    return mknodat(directory, TEXT(name), mode, makedev(major, minor));
}

int berth_file_symlink(const uint8_t *target, int directory, const uint8_t *name) {
    return symlinkat(TEXT(target), directory, TEXT(name));
}

int berth_file_link(int from, const uint8_t *old, int to, const uint8_t *name) {
    return linkat(from, TEXT(old), to, TEXT(name), 0);
}

int berth_file_unlink(int directory, const uint8_t *name, int is_directory) {
    return unlinkat(directory, TEXT(name), is_directory ? AT_REMOVEDIR : 0);
}

int berth_file_rename(int from, const uint8_t *old, int to, const uint8_t *name) {
    return renameat(from, TEXT(old), to, TEXT(name));
}

ssize_t berth_file_readlink(int directory, const uint8_t *name, uint8_t *room, size_t count) {
    return readlinkat(directory, TEXT(name), (char *)room, count);
}

int berth_file_chown(int directory, const uint8_t *name, uint32_t user, uint32_t group) {
    return fchownat(directory, TEXT(name), user, group, AT_SYMLINK_NOFOLLOW | (*name ? 0 : AT_EMPTY_PATH));
}

int berth_file_chmod(int descriptor, unsigned mode) {
    if (fchmod(descriptor, mode) == 0) return 0;
    if (errno != EBADF) return -1;
    char path[32];  // a descriptor of O_PATH
    snprintf(path, sizeof path, "/proc/self/fd/%d", descriptor);
    return chmod(path, mode);
}

int berth_file_touch(int directory, const uint8_t *name, int64_t seconds, uint32_t nanoseconds) {
    struct timespec times[2] = {{seconds, nanoseconds}, {seconds, nanoseconds}};
    return utimensat(directory, TEXT(name), times, AT_SYMLINK_NOFOLLOW | (*name ? 0 : AT_EMPTY_PATH));
}

// The extended attributes' calls have no form with a directory: /proc stands in.
static int place(char *room, size_t count, int directory, const uint8_t *name) {
    int length = snprintf(room, count, *name ? "/proc/self/fd/%d/%s" : "/proc/self/fd/%d", directory, TEXT(name));
    if (length < 0 || (size_t)length >= count) {
        errno = ENAMETOOLONG;
        return -1;
    }
    return 0;
}

int berth_file_set_attribute(int directory, const uint8_t *name, const uint8_t *key, const uint8_t *value, size_t count) {
    char path[4300];
    if (place(path, sizeof path, directory, name) != 0) return -1;
    return (*name ? lsetxattr : setxattr)(path, TEXT(key), value, count, 0);
}

ssize_t berth_file_attribute(int directory, const uint8_t *name, const uint8_t *key, uint8_t *room, size_t count) {
    char path[4300];
    if (place(path, sizeof path, directory, name) != 0) return -1;
    return (*name ? lgetxattr : getxattr)(path, TEXT(key), room, count);
}

ssize_t berth_file_attributes(int directory, const uint8_t *name, uint8_t *room, size_t count) {
    char path[4300];
    if (place(path, sizeof path, directory, name) != 0) return -1;
    return (*name ? llistxattr : listxattr)(path, (char *)room, count);
}

int berth_file_system_is_overlay(int descriptor) {
    struct statfs found;
    return fstatfs(descriptor, &found) == 0 && found.f_type == OVERLAYFS_SUPER_MAGIC;
}

int berth_file_system_is_kernels(int descriptor) {
    struct statfs found;
    if (fstatfs(descriptor, &found) != 0) return 0;
    switch ((unsigned long)found.f_type) {
    case PROC_SUPER_MAGIC: case SYSFS_MAGIC: case CGROUP_SUPER_MAGIC: case CGROUP2_SUPER_MAGIC: case DEVPTS_SUPER_MAGIC:
    case DEBUGFS_MAGIC: case TRACEFS_MAGIC: case SECURITYFS_MAGIC: case BPF_FS_MAGIC: case 0x19800202:  // mqueue
        return 1;
    default: return 0;
    }
}

int berth_file_sync_system(int descriptor) { return syncfs(descriptor); }
