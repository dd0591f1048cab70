#define _GNU_SOURCE
#include "CFiles.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

// The C library's own header of these does not go with the kernel's, which has struct mount_attr.
enum { WHOLE = 0x1000 /* AT_EMPTY_PATH */ };

static int new_tmpfs(const char *place) {
    int fs = (int)syscall(SYS_fsopen, "tmpfs", FSOPEN_CLOEXEC), tree = -1, outcome = -1;
    if (fs < 0) return -1;
    if (syscall(SYS_fsconfig, fs, FSCONFIG_SET_STRING, "mode", "0700", 0) == 0 &&
        syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0)
        tree = (int)syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, 0);
    if (tree >= 0) outcome = (int)syscall(SYS_move_mount, tree, "", AT_FDCWD, place, MOVE_MOUNT_F_EMPTY_PATH);
    if (outcome == 0) {
        // What is mounted below goes nowhere else.
        struct mount_attr attributes = {.propagation = 1 << 18 /* MS_PRIVATE */};
        outcome = (int)syscall(SYS_mount_setattr, tree, "", WHOLE, &attributes, sizeof attributes);
    }
    int code = errno;
    if (tree >= 0) close(tree);
    close(fs);
    errno = code;
    return outcome == 0 ? open(place, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
}

static int attach(const char *layer, int users, int place, const char *name, const char **stage) {
    *stage = "open_tree";
    int tree = (int)syscall(SYS_open_tree, AT_FDCWD, layer, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC), outcome = -1;
    if (tree < 0) return -1;
    struct mount_attr attributes = {
        .attr_set = MOUNT_ATTR_IDMAP | MOUNT_ATTR_RDONLY, .propagation = 1 << 18, .userns_fd = (uint64_t)users};
    *stage = "mount_setattr";
    if (syscall(SYS_mount_setattr, tree, "", WHOLE, &attributes, sizeof attributes) == 0) {
        *stage = "move_mount";
        if (mkdirat(place, name, 0755) == 0)
            outcome = (int)syscall(SYS_move_mount, tree, "", place, name, MOVE_MOUNT_F_EMPTY_PATH);
    }
    int code = errno;
    close(tree);
    errno = code;
    return outcome;
}

int berth_layers_idmapped(const char *const *layers, int count, int users, const char *place, const char **stage) {
    *stage = "tmpfs";
    int directory = new_tmpfs(place), outcome = 0;
    if (directory < 0) return -1;
    for (int i = 0; i < count && outcome == 0; i++) {
        char name[16];
        snprintf(name, sizeof name, "%d", i);
        outcome = attach(layers[i], users, directory, name, stage);
    }
    int code = errno;
    close(directory);
    errno = code;
    return outcome;
}
