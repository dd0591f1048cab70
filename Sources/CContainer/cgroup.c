#define _GNU_SOURCE
#include "cgroup.h"
#include <errno.h>
#include <linux/bpf.h>
#include <linux/magic.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

bool berth_is_cgroup(const char *path, bool v2) {
    struct statfs found;
    return statfs(path, &found) == 0 && (uint32_t)found.f_type == (v2 ? CGROUP2_SUPER_MAGIC : CGROUP_SUPER_MAGIC);
}

bool berth_is_delegated(const char *group) {
    char value = 0;
    return (getxattr(group, "user.delegate", &value, 1) == 1 || getxattr(group, "trusted.delegate", &value, 1) == 1) &&
           value == '1';
}

int berth_clone_newcgroup(void) { return CLONE_NEWCGROUP; }

static int configure(int context, const char *controllers) {
    char *copy = strdup(controllers), *rest = copy, *word;
    if (!copy) return -1;
    int result = 0;
    while (result == 0 && (word = strsep(&rest, ",")) != NULL) {
        if (*word == '\0') continue;
        if (strncmp(word, "name=", 5) == 0)
            result = fsconfig(context, FSCONFIG_SET_STRING, "name", word + 5, 0);
        else
            result = fsconfig(context, FSCONFIG_SET_FLAG, word, NULL, 0);
    }
    int code = errno;
    free(copy);
    errno = code;
    return result;
}

int berth_mount_detached(const char *type, const char *controllers) {
    int context = fsopen(type, FSOPEN_CLOEXEC);
    if (context < 0) return -1;
    int mounted = -1;
    if (configure(context, controllers) == 0 && fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0)
        mounted = fsmount(context, FSMOUNT_CLOEXEC, 0);
    int code = errno;
    close(context);
    errno = code;
    return mounted;
}

static int bpf(int command, union bpf_attr *attributes) {
    return (int)syscall(SYS_bpf, command, attributes, sizeof *attributes);
}

enum { MOST_PROGRAMS = 64 };

static int query(int cgroup, uint32_t *identities, uint32_t *flags) {
    union bpf_attr attributes = {0};
    attributes.query.target_fd = cgroup;
    attributes.query.attach_type = BPF_CGROUP_DEVICE;
    attributes.query.prog_ids = (uintptr_t)identities;
    attributes.query.prog_cnt = MOST_PROGRAMS;
    if (bpf(BPF_PROG_QUERY, &attributes) < 0) return -1;
    *flags = attributes.query.attach_flags;
    return (int)attributes.query.prog_cnt;
}

static int program_of(uint32_t identity) {
    union bpf_attr attributes = {0};
    attributes.prog_id = identity;
    return bpf(BPF_PROG_GET_FD_BY_ID, &attributes);
}

static int attach(int cgroup, int program, uint32_t flags, int replaced) {
    union bpf_attr attributes = {0};
    attributes.target_fd = cgroup;
    attributes.attach_bpf_fd = program;
    attributes.attach_type = BPF_CGROUP_DEVICE;
    attributes.attach_flags = flags;
    if (replaced >= 0) attributes.replace_bpf_fd = replaced;
    return bpf(BPF_PROG_ATTACH, &attributes);
}

static int detach(int cgroup, int program) {
    union bpf_attr attributes = {0};
    attributes.target_fd = cgroup;
    attributes.attach_bpf_fd = program;
    attributes.attach_type = BPF_CGROUP_DEVICE;
    return bpf(BPF_PROG_DETACH, &attributes);
}

// The only program of the group is replaced in one step; before Linux 5.6, and beside others, the new one is attached and
// then the old ones go, so that never less is forbidden than both forbid.
static int install(int cgroup, int program) {
    uint32_t identities[MOST_PROGRAMS], flags = 0;
    int count = query(cgroup, identities, &flags);
    if (count < 0) return -1;
    int old[MOST_PROGRAMS], result = -1;
    for (int i = 0; i < count; i++) old[i] = program_of(identities[i]);
    if (count == 1 && old[0] >= 0 && (flags & BPF_F_ALLOW_MULTI))
        result = attach(cgroup, program, BPF_F_ALLOW_MULTI | BPF_F_REPLACE, old[0]);
    if (result < 0) {
        result = attach(cgroup, program, BPF_F_ALLOW_MULTI, -1);
        for (int i = 0; result == 0 && i < count; i++) result = old[i] < 0 ? -1 : detach(cgroup, old[i]);
    }
    int code = errno;
    for (int i = 0; i < count; i++)
        if (old[i] >= 0) close(old[i]);
    errno = code;
    return result;
}

int berth_cgroup_device_program(int cgroup, const uint64_t *instructions, size_t count, char *log, size_t log_size) {
    union bpf_attr attributes = {0};
    attributes.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
    attributes.insns = (uintptr_t)instructions;
    attributes.insn_cnt = (uint32_t)count;
    attributes.license = (uintptr_t) "MIT";
    memcpy(attributes.prog_name, "berth_devices", sizeof "berth_devices");
    int program = bpf(BPF_PROG_LOAD, &attributes);
    if (program < 0 && (errno == EINVAL || errno == EACCES) && log_size > 0) {
        // Once more, for the verifier's words.
        attributes.log_level = 1;
        attributes.log_buf = (uintptr_t)log;
        attributes.log_size = (uint32_t)log_size;
        program = bpf(BPF_PROG_LOAD, &attributes);
    }
    if (program < 0) return -1;
    int result = install(cgroup, program);
    int code = errno;
    close(program);
    errno = code;
    return result;
}

int berth_cgroup_device_programs(int cgroup) {
    uint32_t identities[MOST_PROGRAMS], flags;
    return query(cgroup, identities, &flags);
}
