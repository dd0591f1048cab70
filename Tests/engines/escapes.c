// In a container: looks at every process that comes in, tries to write to its program and notes what it has open.
// escapes NOTES. Its notes: "process PID PROGRAM", "written PID PROGRAM", "descriptor PID TARGET".
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEPT 512
static struct { int pid, descriptor; char name[256]; } programs[KEPT];
static int count;

static void look(FILE *notes, int pid) {
    char path[300], name[256] = "";
    snprintf(path, sizeof path, "/proc/%d/exe", pid);
    ssize_t length = readlink(path, name, sizeof name - 1);
    if (length < 0) return;
    int known = 0;
    for (int index = 0; index < count; index++) known |= programs[index].pid == pid && !strcmp(programs[index].name, name);
    if (!known && count < KEPT) {
        programs[count].pid = pid;
        programs[count].descriptor = open(path, O_RDONLY);
        strcpy(programs[count++].name, name);
        fprintf(notes, "process %d %s\n", pid, name);
    }
    // What a process has open that is a directory or a file of neither this container nor a stream's.
    snprintf(path, sizeof path, "/proc/%d/fd", pid);
    DIR *all = opendir(path);
    if (!all) return;
    for (struct dirent *one; (one = readdir(all));) {
        char target[256] = "";
        snprintf(path, sizeof path, "/proc/%d/fd/%s", pid, one->d_name);
        struct stat found;
        if (readlink(path, target, sizeof target - 1) < 0 || stat(path, &found) != 0) continue;
        if (S_ISDIR(found.st_mode) && strncmp(target, "/proc", 5)) {
            char outside[400];
            snprintf(outside, sizeof outside, "%s/../../../../../../run/engine/host/secret", path);
            int leaked = open(outside, O_RDONLY);
            if (leaked >= 0) fprintf(notes, "descriptor %d %s\n", pid, target);
            if (leaked >= 0) close(leaked);
        }
    }
    closedir(all);
}

int main(int words, char **word) {
    if (words < 2) return 2;
    FILE *notes = fopen(word[1], "w");
    if (!notes) return 1;
    setlinebuf(notes);
    struct stat own;
    if (stat("/proc/self/exe", &own) != 0) return 1;
    for (;;) {
        DIR *all = opendir("/proc");
        if (!all) return 1;
        for (struct dirent *one; (one = readdir(all));) {
            int pid = atoi(one->d_name);
            if (pid > 1 && pid != getpid()) look(notes, pid);
        }
        closedir(all);
        for (int index = 0; index < count; index++) {
            struct stat found;
            if (programs[index].descriptor < 0 || fstat(programs[index].descriptor, &found) != 0) continue;
            // What is this container's own is its to write.
            struct stat inside;
            if (stat(programs[index].name, &inside) == 0 && inside.st_ino == found.st_ino && inside.st_dev == found.st_dev) continue;
            char path[64];
            snprintf(path, sizeof path, "/proc/self/fd/%d", programs[index].descriptor);
            int writing = open(path, O_WRONLY);
            if (writing >= 0) {
                fprintf(notes, "written %d %s\n", programs[index].pid, programs[index].name);
                close(writing);
            }
        }
        usleep(200);
    }
}
