/* Loaded in front of the C library by a test: appends to the file $MILLRACE_TEST_TRACE what was
   written to files whose name ends in "-wal", and each sync of such a file, after it returned.

   A record is one byte of kind ('W' or 'S'), four bytes of length in the order of the machine,
   and that many bytes. It is appended by one call, so records stand in the order of events. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static ssize_t (*real_write)(int, const void *, size_t);
static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static int (*real_fsync)(int);
static int (*real_fdatasync)(int);
static int trace = -1;

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("MILLRACE_TEST_TRACE");
    real_write = dlsym(RTLD_NEXT, "write");
    real_pwrite = dlsym(RTLD_NEXT, "pwrite64");
    real_fsync = dlsym(RTLD_NEXT, "fsync");
    real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
    if (path) trace = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

static int is_wal(int fd) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path);
    return trace >= 0 && length > 4 && memcmp(path + length - 4, "-wal", 4) == 0;
}

static void note(char kind, const void *data, uint32_t length) {
    char *record = malloc(5 + length);
    if (!record) abort();
    record[0] = kind;
    memcpy(record + 1, &length, 4);
    if (length) memcpy(record + 5, data, length);
    if (real_write(trace, record, 5 + length) != (ssize_t)(5 + length)) abort();
    free(record);
}

ssize_t write(int fd, const void *data, size_t length) {
    ssize_t written = real_write(fd, data, length);
    if (written > 0 && is_wal(fd)) note('W', data, written);
    return written;
}

static ssize_t at(int fd, const void *data, size_t length, off_t offset) {
    ssize_t written = real_pwrite(fd, data, length, offset);
    if (written > 0 && is_wal(fd)) note('W', data, written);
    return written;
}

ssize_t pwrite(int fd, const void *data, size_t length, off_t offset) {
    return at(fd, data, length, offset);
}

ssize_t pwrite64(int fd, const void *data, size_t length, off64_t offset) {
    return at(fd, data, length, offset);
}

static int synced(int fd, int result) {
    if (result == 0 && is_wal(fd)) note('S', NULL, 0);
    return result;
}

int fsync(int fd) { return synced(fd, real_fsync(fd)); }

int fdatasync(int fd) { return synced(fd, real_fdatasync(fd)); }
