#define _GNU_SOURCE
#include "CFiles.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

// fsconfig(2) takes no value longer than this.
enum { VALUE_LIMIT = 255, PAGE_OF_OPTIONS = 4095 };

struct reach {
    char text[32];
    int descriptor;
};

// The path, or one of its descriptor where the path is too long.
static const char *shortened(const char *path, struct reach *reach, size_t limit) {
    reach->descriptor = -1;
    if (strlen(path) <= limit) return path;
    reach->descriptor = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (reach->descriptor < 0) return NULL;
    snprintf(reach->text, sizeof reach->text, "/proc/self/fd/%d", reach->descriptor);
    return reach->text;
}

static int set(int fs, const char *key, const char *path) {
    struct reach reach;
    const char *value = shortened(path, &reach, VALUE_LIMIT);
    int outcome = value ? fsconfig(fs, FSCONFIG_SET_STRING, key, value, 0) : -1;
    int code = errno;
    if (reach.descriptor >= 0) close(reach.descriptor);
    errno = code;
    return outcome;
}

// Linux 6.7: one layer a call. 1: this kernel does not know lowerdir+.
static int by_configuration(const char *const *layers, int count, const char *upper, const char *work,
                            const char *target, const char **stage) {
    int fs = fsopen("overlay", FSOPEN_CLOEXEC), mount = -1, outcome = -1;
    if (fs < 0) {
        *stage = "fsopen";
        return errno == ENOSYS ? 1 : -1;
    }
    for (int i = 0; i < count; i++) {
        if (set(fs, "lowerdir+", layers[i]) == 0) continue;
        *stage = "lowerdir+";
        if (i == 0 && errno == EINVAL) outcome = 1;
        goto end;
    }
    *stage = "upperdir";
    if (set(fs, "upperdir", upper) != 0) goto end;
    *stage = "workdir";
    if (set(fs, "workdir", work) != 0) goto end;
    // What is renamed is copied, whole: the upper directory alone tells what has changed.
    *stage = "redirect_dir, metacopy, index";
    if (fsconfig(fs, FSCONFIG_SET_STRING, "redirect_dir", "off", 0) != 0) goto end;
    if (fsconfig(fs, FSCONFIG_SET_STRING, "metacopy", "off", 0) != 0) goto end;
    if (fsconfig(fs, FSCONFIG_SET_STRING, "index", "off", 0) != 0) goto end;
    *stage = "create";
    if (fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) != 0) {
        // Before 6.5 a key is only looked at here: it may be lowerdir+, and mount(2) says what else it is.
        if (errno == EINVAL) outcome = 1;
        goto end;
    }
    *stage = "fsmount";
    mount = fsmount(fs, FSMOUNT_CLOEXEC, 0);
    if (mount < 0) goto end;
    *stage = "move_mount";
    outcome = move_mount(mount, "", AT_FDCWD, target, MOVE_MOUNT_F_EMPTY_PATH);
end:;
    int code = errno;
    if (mount >= 0) close(mount);
    close(fs);
    errno = code;
    return outcome;
}

static char *escaped(char *end, const char *path, int isList) {
    for (; *path; path++) {
        if (*path == '\\' || *path == ',' || (isList && *path == ':')) *end++ = '\\';
        *end++ = *path;
    }
    *end = 0;
    return end;
}

int berth_overlay_mount_by_options(const char *const *layers, int count, const char *upper, const char *work,
                                   const char *target, const char **stage) {
    size_t size = 256 + 2 * (strlen(upper) + strlen(work));
    for (int i = 0; i < count; i++) size += 2 * strlen(layers[i]) + 64;
    char *options = malloc(size);
    struct reach *reaches = calloc((size_t)count, sizeof *reaches);
    int outcome = -1, opened = 0;
    *stage = "mount";
    if (!options || !reaches) goto end;
    for (size_t limit = size;; limit = 0) {
        char *at = options + sprintf(options, "lowerdir=");
        for (int i = 0; i < count; i++) {
            const char *path = shortened(layers[i], &reaches[i], limit);
            if (!path) goto end;
            opened = i + 1;
            if (i) *at++ = ':';
            at = escaped(at, path, 1);
        }
        at = escaped(at + sprintf(at, ",upperdir="), upper, 0);
        at = escaped(at + sprintf(at, ",workdir="), work, 0);
        at += sprintf(at, ",redirect_dir=off,metacopy=off,index=off");
        if (at - options <= PAGE_OF_OPTIONS || limit == 0) break;
    }
    if (strlen(options) > PAGE_OF_OPTIONS) {
        errno = E2BIG;
        goto end;
    }
    outcome = mount("overlay", target, "overlay", 0, options);
end:;
    int code = errno;
    for (int i = 0; i < opened; i++)
        if (reaches[i].descriptor >= 0) close(reaches[i].descriptor);
    free(reaches);
    free(options);
    errno = code;
    return outcome;
}

int berth_overlay_mount(const char *const *layers, int count, const char *upper, const char *work, const char *target,
                        const char **stage) {
    int outcome = by_configuration(layers, count, upper, work, target, stage);
    return outcome == 1 ? berth_overlay_mount_by_options(layers, count, upper, work, target, stage) : outcome;
}
