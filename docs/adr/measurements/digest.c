// SHA-256 of 60 bytes, the length of a tag's text: by libmd, and by the kernel's AF_ALG sockets.
//   cc -O2 docs/adr/measurements/digest.c -lmd -o /tmp/digest && /tmp/digest
#define _GNU_SOURCE
#include <linux/if_alg.h>
#include <sha2.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static unsigned char text[60], digest[32];

static int by_library(void) {
    SHA2_CTX context;
    SHA256Init(&context);
    SHA256Update(&context, text, sizeof text);
    SHA256Final(digest, &context);
    return 0;
}

static int by_kernel(void) {
    struct sockaddr_alg address = {.salg_family = AF_ALG, .salg_type = "hash", .salg_name = "sha256"};
    int hash = socket(AF_ALG, SOCK_SEQPACKET, 0);
    if (hash < 0) return -1;
    if (bind(hash, (struct sockaddr *)&address, sizeof address)) return close(hash), -1;
    int one = accept(hash, NULL, 0);
    if (one < 0) return close(hash), -1;
    int failed = write(one, text, sizeof text) != sizeof text || read(one, digest, sizeof digest) != sizeof digest;
    close(one);
    close(hash);
    return -failed;
}

static void measure(const char *what, int (*body)(void), int rounds) {
    struct timespec a, b;
    if (body()) {
        printf("%-8s this kernel does not have it\n", what);
        return;
    }
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);
    for (int i = 0; i < rounds; i++) body();
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);
    printf("%-8s %8.2f us of processor time\n", what, ((b.tv_sec - a.tv_sec) * 1e6 + (b.tv_nsec - a.tv_nsec) / 1e3) / rounds);
}

int main(void) {
    measure("libmd", by_library, 100000);
    measure("AF_ALG", by_kernel, 1000);
    return 0;
}
