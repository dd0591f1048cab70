#define _GNU_SOURCE
#include "CKernel.h"
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// Asking the kernel for a table makes it, and a table has its cost for every packet: look into /proc first.
static int exists(int is_v6, const char *table) {
    char names[256];
    int file = open(is_v6 ? "/proc/thread-self/net/ip6_tables_names" : "/proc/thread-self/net/ip_tables_names",
                    O_RDONLY | O_CLOEXEC);
    // Without the file the kernel has no such tables; one that may not be read must not look like none.
    if (file < 0) return errno == ENOENT ? 0 : -1;
    ssize_t count = read(file, names, sizeof names - 1);
    int code = errno;
    close(file);
    errno = code;
    if (count <= 0) return count < 0 ? -1 : 0;
    names[count] = 0;
    char *rest;
    for (char *line = strtok_r(names, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
        if (strcmp(line, table) == 0) return 1;
    return 0;
}

// Both families' entries differ in their length alone.
struct shape {
    size_t entry;
    size_t target;
    size_t next;
};

static void count(const unsigned char *table, unsigned size, const struct shape *shape, unsigned from, unsigned policy,
                  struct berth_legacy_hook *hook) {
    // Every step is at least an entry long, so that no number of the kernel's can keep us here.
    for (unsigned at = from; at < policy && size - at >= shape->entry;) {
        __u16 step;
        memcpy(&step, table + at + shape->next, sizeof step);
        if (step < shape->entry) return;
        hook->rules++;
        at += step;
    }
    if (policy > size || size - policy < shape->entry) return;
    __u16 target;
    memcpy(&target, table + policy + shape->target, sizeof target);
    if (size - policy < target + sizeof(struct xt_standard_target)) return;
    struct xt_standard_target verdict;
    memcpy(&verdict, table + policy + target, sizeof verdict);
    hook->drops = verdict.verdict == -NF_DROP - 1;
    hook->valid = 1;
}

int berth_legacy_hooks(int is_v6, const char *table, struct berth_legacy_hook hooks[NF_INET_NUMHOOKS]) {
    memset(hooks, 0, NF_INET_NUMHOOKS * sizeof *hooks);
    int found = strlen(table) < XT_TABLE_MAXNAMELEN ? exists(is_v6, table) : 0;
    if (found <= 0) {
        if (found == 0) errno = ENOENT;
        return -1;
    }
    int raw = socket(is_v6 ? AF_INET6 : AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
    if (raw < 0) return -1;
    int level = is_v6 ? IPPROTO_IPV6 : IPPROTO_IP, result = -1;
    // The two families' structures are alike save for the entries' type, and so are the option numbers' meanings.
    struct ipt_getinfo info;
    memset(&info, 0, sizeof info);
    strcpy(info.name, table);
    socklen_t length = sizeof info;
    if (getsockopt(raw, level, is_v6 ? IP6T_SO_GET_INFO : IPT_SO_GET_INFO, &info, &length) == 0) {
        size_t head = is_v6 ? offsetof(struct ip6t_get_entries, entrytable) : offsetof(struct ipt_get_entries, entrytable);
        struct shape shape = is_v6 ? (struct shape){sizeof(struct ip6t_entry), offsetof(struct ip6t_entry, target_offset),
                                                    offsetof(struct ip6t_entry, next_offset)}
                                   : (struct shape){sizeof(struct ipt_entry), offsetof(struct ipt_entry, target_offset),
                                                    offsetof(struct ipt_entry, next_offset)};
        unsigned char *answer = info.size < (64u << 20) ? calloc(1, head + info.size) : NULL;
        if (answer) {
            strcpy((char *)answer + offsetof(struct ipt_get_entries, name), table);
            memcpy(answer + offsetof(struct ipt_get_entries, size), &info.size, sizeof info.size);
            length = head + info.size;
            if (getsockopt(raw, level, is_v6 ? IP6T_SO_GET_ENTRIES : IPT_SO_GET_ENTRIES, answer, &length) == 0) {
                for (int hook = 0; hook < NF_INET_NUMHOOKS; hook++)
                    if (info.valid_hooks & (1u << hook))
                        count(answer + head, info.size, &shape, info.hook_entry[hook], info.underflow[hook], &hooks[hook]);
                result = 0;
            }
            int code = errno;
            free(answer);
            errno = code;
        } else {
            errno = EFBIG;
        }
    }
    int code = errno;
    close(raw);
    errno = code;
    return result;
}
