#define _GNU_SOURCE
#include "CKernel.h"
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <linux/netfilter_ipv4/ip_tables.h>

// Asking the kernel for a legacy table creates it: look into /proc first.
static int filter_exists(void) {
    char names[256];
    // A program's first thread has a shorter way there.
    const char *path = berth_gettid() == getpid() ? "/proc/self/net/ip_tables_names" : "/proc/thread-self/net/ip_tables_names";
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return 0;
    ssize_t count = read(file, names, sizeof names - 1);
    close(file);
    if (count <= 0) return 0;
    names[count] = 0;
    for (char *line = strtok(names, "\n"); line; line = strtok(NULL, "\n"))
        if (strcmp(line, "filter") == 0) return 1;
    return 0;
}

int berth_legacy_forward_drops(void) {
    if (!filter_exists()) return 0;
    int answer = 0;
    int raw = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
    if (raw < 0) return 0;
    struct ipt_getinfo info = {.name = "filter"};
    socklen_t length = sizeof info;
    if (getsockopt(raw, IPPROTO_IP, IPT_SO_GET_INFO, &info, &length) == 0 && info.size < (64u << 20)) {
        length = sizeof(struct ipt_get_entries) + info.size;
        struct ipt_get_entries *entries = calloc(1, length);
        if (entries) {
            strcpy(entries->name, "filter");
            entries->size = info.size;
            unsigned at = info.underflow[NF_INET_FORWARD];
            if (getsockopt(raw, IPPROTO_IP, IPT_SO_GET_ENTRIES, entries, &length) == 0 &&
                at + sizeof(struct ipt_entry) + sizeof(struct xt_standard_target) <= info.size) {
                struct ipt_entry *policy = (struct ipt_entry *)((char *)entries->entrytable + at);
                if (policy->target_offset + sizeof(struct xt_standard_target) <= info.size - at) {
                    struct xt_standard_target *verdict =
                        (struct xt_standard_target *)((char *)policy + policy->target_offset);
                    answer = verdict->verdict == -NF_DROP - 1;
                }
            }
            free(entries);
        }
    }
    close(raw);
    return answer;
}
