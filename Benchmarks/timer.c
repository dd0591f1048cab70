// Runs chains of CNI plugins as an engine does and says how long each took: spawn, configuration to stdin, result from
// stdout, which goes as prevResult into the next plugin's configuration. Small and static, so that neither its own
// start nor its memory (which Linux counts into a spawned process's peak until it execs) weighs in.
//
// Reads lines of tab-separated words:
//   namespaces COUNT                                 makes /run/netns/c0 … c<COUNT-1>
//   step FLAGS PROGRAM ARGUMENTS STDIN ENV...        one plugin; FLAGS p: insert the last step's output as prevResult
//   op                                               ends a chain
//   run                                              one chain at once, several all at the same time
// and answers a `run` with a line for each chain and one for the whole:
//   op EXIT-CODE NANOSECONDS CPU-MICROSECONDS STEP-NANOSECONDS,... STEP-PEAK-KILOBYTES,... OUTPUT
// (the processor time is that of the plugins and of whatever they exec and wait for)
//   all NANOSECONDS
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MAXIMUM_STEPS = 8, MAXIMUM_WORDS = 64, OUTPUT_SIZE = 65536, SECONDS_FOR_ONE_RUN = 300 };

struct Step {
    int insert_previous;
    char *program, *arguments[MAXIMUM_WORDS], *standard_input, *environment[MAXIMUM_WORDS];
};
struct Chain {
    int count;
    struct Step steps[MAXIMUM_STEPS];
};

static struct Chain *chains;
static int chain_count;

static void fail(const char *what) {
    fprintf(stderr, "timer: %s: %s\n", what, strerror(errno));
    exit(1);
}

static long long nanoseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

// Spawns one plugin, gives it its input and reads its output to the end; returns its exit code.
static int run_step(struct Step *step, char *output, long *peak, long long *cpu) {
    int input_pipe[2], output_pipe[2], status;
    struct rusage usage;
    pid_t pid;
    if (pipe2(input_pipe, O_CLOEXEC) < 0 || pipe2(output_pipe, O_CLOEXEC) < 0) fail("pipe");
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, input_pipe[0], 0);
    posix_spawn_file_actions_adddup2(&actions, output_pipe[1], 1);
    posix_spawnattr_t attributes;  // the plugin gets SIGPIPE as an engine's child does, not ignored as here
    sigset_t defaults;
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGPIPE);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigdefault(&attributes, &defaults);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
    int error = posix_spawn(&pid, step->program, &actions, &attributes, step->arguments, step->environment);
    if (error) errno = error, fail(step->program);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    close(input_pipe[0]);
    close(output_pipe[1]);

    // A configuration is smaller than a pipe: writing it does not wait for the plugin.
    size_t length = strlen(step->standard_input);
    if (step->insert_previous && length && output[0]) {
        dprintf(input_pipe[1], "%.*s,\"prevResult\":%s}", (int)length - 1, step->standard_input, output);
    } else if (write(input_pipe[1], step->standard_input, length) < 0 && errno != EPIPE) {
        fail("stdin");
    }
    close(input_pipe[1]);
    size_t size = 0;
    for (ssize_t count; (count = read(output_pipe[0], output + size, OUTPUT_SIZE - 1 - size)) > 0;) size += count;
    output[size] = 0;
    close(output_pipe[0]);
    if (wait4(pid, &status, 0, &usage) < 0) fail("wait4");
    *peak = usage.ru_maxrss;
    *cpu += (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000LL + usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void run_chain(struct Chain *chain, FILE *reply) {
    static char output[OUTPUT_SIZE];
    long long at[MAXIMUM_STEPS + 1], cpu = 0;
    long peaks[MAXIMUM_STEPS];
    int code = 0, done = 0;
    output[0] = 0;
    at[0] = nanoseconds();
    while (done < chain->count && code == 0) {
        code = run_step(&chain->steps[done], output, &peaks[done], &cpu);
        at[++done] = nanoseconds();
    }
    fprintf(reply, "op\t%d\t%lld\t%lld\t", code, at[done] - at[0], cpu);
    for (int i = 0; i < done; i++) fprintf(reply, "%s%lld", i ? "," : "", at[i + 1] - at[i]);
    for (int i = 0; i < done; i++) fprintf(reply, "%s%ld", i ? "," : "\t", peaks[i]);
    for (char *c = output; *c; c++)
        if (*c == '\n' || *c == '\t') *c = ' ';
    fprintf(reply, "\t%s\n", output);
}

// Every chain in a process of its own, all held back by one pipe until all are there.
static long long run_together(void) {
    int gate[2], *replies = calloc(chain_count, sizeof *replies);
    pid_t *pids = calloc(chain_count, sizeof *pids);
    if (pipe2(gate, O_CLOEXEC) < 0) fail("pipe");
    for (int i = 0; i < chain_count; i++) {
        int reply[2];
        if (pipe2(reply, O_CLOEXEC) < 0) fail("pipe");
        pids[i] = fork();
        if (pids[i] < 0) fail("fork");
        if (pids[i] == 0) {
            char nothing;
            close(gate[1]);
            if (read(gate[0], &nothing, 1) < 0) _exit(1);
            FILE *file = fdopen(reply[1], "w");
            run_chain(&chains[i], file);
            fclose(file);
            _exit(0);
        }
        close(reply[1]);
        replies[i] = reply[0];
    }
    close(gate[0]);
    usleep(100000);  // all of them wait at the gate
    long long begin = nanoseconds();
    close(gate[1]);
    for (int i = 0; i < chain_count; i++) waitpid(pids[i], NULL, 0);
    long long took = nanoseconds() - begin;
    for (int i = 0; i < chain_count; i++) {
        char text[4096];
        for (ssize_t count; (count = read(replies[i], text, sizeof text)) > 0;) fwrite(text, 1, count, stdout);
        close(replies[i]);
    }
    free(replies);
    free(pids);
    return took;
}

static void make_namespaces(int count) {
    int own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    for (int i = 0; i < count; i++) {
        char path[64];
        snprintf(path, sizeof path, "/run/netns/c%d", i);
        int file = open(path, O_CREAT | O_RDONLY | O_CLOEXEC, 0444);
        if (file < 0 || unshare(CLONE_NEWNET) < 0 || mount("/proc/self/ns/net", path, NULL, MS_BIND, NULL) < 0) fail(path);
        close(file);
        if (setns(own, CLONE_NEWNET) < 0) fail("setns");
    }
    close(own);
}

static void forget_chains(void) {
    for (int i = 0; i < chain_count; i++)
        for (int j = 0; j < chains[i].count; j++) free(chains[i].steps[j].program);
    chain_count = 0;
}

static struct Chain *open_chain(int *is_open) {
    if (!*is_open) {
        chains = realloc(chains, (chain_count + 1) * sizeof *chains);
        memset(&chains[chain_count++], 0, sizeof *chains);
        *is_open = 1;
    }
    return &chains[chain_count - 1];
}

static void read_step(char *line, struct Chain *chain) {
    if (chain->count == MAXIMUM_STEPS) errno = E2BIG, fail("step");
    struct Step *step = &chain->steps[chain->count++];
    char *text = strdup(line), *words[5] = {0}, *rest = text;
    for (int i = 0; i < 5 && rest; i++) words[i] = strsep(&rest, "\t");
    step->insert_previous = strchr(words[1], 'p') != NULL;
    // The program moves to the front, over "step" and the flags: its pointer then owns the whole line.
    memmove(text, words[2], strlen(words[2]) + 1);
    step->program = text;
    step->arguments[0] = text;
    int count = 1;
    for (char *argument; words[3] && (argument = strsep(&words[3], " "));)
        if (*argument && count < MAXIMUM_WORDS - 1) step->arguments[count++] = argument;
    step->standard_input = words[4];
    for (count = 0; rest && count < MAXIMUM_WORDS - 1;) step->environment[count++] = strsep(&rest, "\t");
}

int main(void) {
    char *line = NULL;
    size_t capacity = 0;
    int is_open = 0;
    signal(SIGPIPE, SIG_IGN);
    for (ssize_t length; (length = getline(&line, &capacity, stdin)) > 0;) {
        line[length - 1] = 0;
        if (strncmp(line, "step\t", 5) == 0) {
            read_step(line, open_chain(&is_open));
        } else if (strcmp(line, "op") == 0) {
            is_open = 0;
        } else if (strncmp(line, "namespaces\t", 11) == 0) {
            make_namespaces(atoi(line + 11));
            printf("all\t0\n");
        } else if (strcmp(line, "run") == 0) {
            alarm(SECONDS_FOR_ONE_RUN);
            long long begin = nanoseconds(), took;
            if (chain_count == 1) {
                run_chain(chains, stdout);
                took = nanoseconds() - begin;
            } else {
                took = run_together();
            }
            alarm(0);
            printf("all\t%lld\n", took);
            forget_chains();
            is_open = 0;
        } else {
            errno = EINVAL, fail(line);
        }
        fflush(stdout);
    }
    return 0;
}
