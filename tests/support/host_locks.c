/* Preloaded: flock() locks a byte of the file that belongs to this host, so that no other host sees the lock. */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>

int flock(int descriptor, int operation) {
    const char *host = getenv("RADTME_TEST_HOST");
    struct flock lock = {
        .l_type = (operation & LOCK_UN) ? F_UNLCK : (operation & LOCK_SH) ? F_RDLCK : F_WRLCK,
        .l_whence = SEEK_SET,
        .l_start = host ? atoll(host) : 0,
        .l_len = 1,
    };
    /* Open file description locks: as flock's, they end with the last descriptor. */
    int result = fcntl(descriptor, (operation & LOCK_NB) ? F_OFD_SETLK : F_OFD_SETLKW, &lock);
    if (result == -1 && errno == EACCES)
        errno = EWOULDBLOCK;
    return result;
}
