/* Preloaded into the program under test: counts its calls on files below some folders, and makes one fail or kills it there.
 *
 *   FAULTS_UNDER   folders, divided by colons; calls on other files pass uncounted
 *   FAULTS_CALLS   kinds that are counted, divided by commas: list open read create mkdir write fsync link rename unlink answer
 *                  (`answer` is a write to standard output)
 *   FAULTS_FROM, FAULTS_TO   numbers of the calls, from 1, that do not happen
 *   FAULTS_ERRNO   the error they give instead; without it the process is killed before the call
 *   FAULTS_LOG     each counted call: number, kind, path; those that did not happen with a `!` before
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static int counted;

static int listed(const char *list, char divider, const char *word, int prefix) {
    size_t length = strlen(word);
    while (list && *list) {
        const char *end = strchrnul(list, divider);
        size_t part = end - list;
        if (part && (prefix ? part <= length && !strncmp(list, word, part) && (!word[part] || word[part] == '/')
                            : part == length && !strncmp(list, word, part)))
            return 1;
        list = *end ? end + 1 : end;
    }
    return 0;
}

static long number(const char *name, long otherwise) {
    const char *text = getenv(name);
    return text ? atol(text) : otherwise;
}

/* Whether this call must not happen; errno is set then. */
static int refused(const char *kind, const char *path) {
    int saved = errno;
    if (!path || !listed(getenv("FAULTS_CALLS"), ',', kind, 0)) return 0;
    if (strcmp(kind, "answer") && !listed(getenv("FAULTS_UNDER"), ':', path, 1)) return 0;
    int n = __atomic_add_fetch(&counted, 1, __ATOMIC_SEQ_CST);
    long from = number("FAULTS_FROM", 0);
    int hit = from && n >= from && n <= number("FAULTS_TO", from);
    const char *log = getenv("FAULTS_LOG");
    if (log) {
        char line[4096];
        int length = snprintf(line, sizeof line, "%s%d %s %s\n", hit ? "!" : "", n, kind, path);
        int fd = syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        if (fd >= 0) {
            syscall(SYS_write, fd, line, length);
            syscall(SYS_close, fd);
        }
    }
    errno = saved;
    if (!hit) return 0;
    if (!getenv("FAULTS_ERRNO")) {
        kill(getpid(), SIGKILL);
        for (;;) pause();
    }
    errno = number("FAULTS_ERRNO", EIO);
    return 1;
}

static const char *path_of(int fd, char *path, size_t size) {
    char link[64];
    int saved = errno;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, size - 1);
    errno = saved;
    if (length < 0) return NULL;
    path[length] = 0;
    return path;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define ON_FILE(kind, fd) char found[4096]; if (refused(kind, path_of(fd, found, sizeof found))) return -1

static int opens(const char *path, int flags, mode_t mode) {
    if (refused(flags & O_CREAT ? "create" : "open", path)) return -1;
    return syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

#define OPEN(name)                                                                                                     \
    int name(const char *path, int flags, ...) {                                                                       \
        va_list rest;                                                                                                  \
        va_start(rest, flags);                                                                                         \
        mode_t mode = flags & O_CREAT ? va_arg(rest, mode_t) : 0;                                                      \
        va_end(rest);                                                                                                  \
        return opens(path, flags, mode);                                                                               \
    }
OPEN(open)
OPEN(open64)

DIR *opendir(const char *path) { return refused("list", path) ? NULL : REAL(opendir)(path); }
int mkdir(const char *path, mode_t mode) { return refused("mkdir", path) ? -1 : REAL(mkdir)(path, mode); }
int unlink(const char *path) { return refused("unlink", path) ? -1 : REAL(unlink)(path); }
int rename(const char *from, const char *to) { return refused("rename", to) ? -1 : REAL(rename)(from, to); }
int linkat(int from_in, const char *from, int to_in, const char *to, int flags) {
    return refused("link", to) ? -1 : REAL(linkat)(from_in, from, to_in, to, flags);
}
int link(const char *from, const char *to) { return refused("link", to) ? -1 : REAL(link)(from, to); }
int fsync(int fd) { ON_FILE("fsync", fd); return REAL(fsync)(fd); }
int fdatasync(int fd) { ON_FILE("fsync", fd); return REAL(fdatasync)(fd); }
ssize_t read(int fd, void *to, size_t size) { ON_FILE("read", fd); return REAL(read)(fd, to, size); }
ssize_t pread64(int fd, void *to, size_t size, off64_t at) { ON_FILE("read", fd); return REAL(pread64)(fd, to, size, at); }
ssize_t write(int fd, const void *from, size_t size) {
    ON_FILE(fd == 1 ? "answer" : "write", fd);
    return REAL(write)(fd, from, size);
}
