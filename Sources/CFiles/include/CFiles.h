#pragma once
#include <stdint.h>
#include <sys/types.h>

// File calls by descriptor that the Swift importer does not show, or shows only for text: names are bytes that end in NUL.
// Each returns what the call returns: -1 with errno set on failure.

enum { BERTH_O_PATH = 010000000 };  // O_PATH

struct berth_file {
    uint64_t device, inode;
    uint32_t mode, links, user, group;
    int64_t size, seconds;
    uint32_t nanoseconds, major, minor;
};

enum {
    BERTH_IN_ROOT = 1,      // every way up, every link ends at the directory (RESOLVE_IN_ROOT, no magic links)
    BERTH_NO_LINKS = 2,     // no link is followed, nothing leads above the directory
    BERTH_NO_MOUNTS = 4,    // no mount point is crossed
};

int berth_file_open_below(int directory, const uint8_t *path, int flags, unsigned mode, int how);
int berth_file_open(int directory, const uint8_t *name, int flags, unsigned mode);
int berth_file_stat(int directory, const uint8_t *name, struct berth_file *found);  // "" is the descriptor itself
int berth_file_mkdir(int directory, const uint8_t *name, unsigned mode);
int berth_file_mknod(int directory, const uint8_t *name, unsigned mode, unsigned major, unsigned minor);
int berth_file_symlink(const uint8_t *target, int directory, const uint8_t *name);
int berth_file_link(int from, const uint8_t *old, int to, const uint8_t *name);
int berth_file_unlink(int directory, const uint8_t *name, int is_directory);
int berth_file_rename(int from, const uint8_t *old, int to, const uint8_t *name);
ssize_t berth_file_readlink(int directory, const uint8_t *name, uint8_t *room, size_t count);
int berth_file_chown(int directory, const uint8_t *name, uint32_t user, uint32_t group);   // a link itself
int berth_file_chmod(int descriptor, unsigned mode);
int berth_file_touch(int directory, const uint8_t *name, int64_t seconds, uint32_t nanoseconds);  // a link itself
// Attributes of an entry itself; a descriptor of O_PATH does.
int berth_file_set_attribute(int directory, const uint8_t *name, const uint8_t *key, const uint8_t *value, size_t count);
ssize_t berth_file_attribute(int directory, const uint8_t *name, const uint8_t *key, uint8_t *room, size_t count);
ssize_t berth_file_attributes(int directory, const uint8_t *name, uint8_t *room, size_t count);
int berth_file_system_is_overlay(int descriptor);
// proc, sysfs, control groups and their like: what looks like files there is the kernel's answers.
int berth_file_system_is_kernels(int descriptor);
int berth_file_sync_system(int descriptor);

// An overlay of layers from the highest to the lowest; no list is too long for it. 0, or -1 with errno; *stage says which
// call failed.
int berth_overlay_mount(const char *const *layers, int count, const char *upper, const char *work, const char *target,
                        const char **stage);
// As above on kernels before 6.7, whose options are one page of text.
int berth_overlay_mount_by_options(const char *const *layers, int count, const char *upper, const char *work,
                                   const char *target, const char **stage);

// Each layer is mounted at PLACE/0, PLACE/1 …, read-only, with its owners mapped as the user namespace `users` says
// (man 2 mount_setattr, MOUNT_ATTR_IDMAP); all of them go with the mount at PLACE. 0, or -1 with errno.
int berth_layers_idmapped(const char *const *layers, int count, int users, const char *place, const char **stage);
