/* Serves /dev/gpiochipN and /dev/spidevB.C from the broker (broker.py) to a program that was started with this library preloaded.
 *
 * Knows no GPIO and no SPI: it carries system calls. A device that is opened becomes a connection to the broker, an ioctl becomes
 * one request and one answer on it. A GPIO line request gives two sockets: the one that the program gets, on which edge events
 * come as on a real line, and a second one of ours for ioctls on it. All of them are the process's own descriptors, so whatever
 * ends the process tells the broker.
 *
 * Paths of the faked file system (HIL_KERNEL_ROOT) win over real ones where they exist there, for opening and looking only.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/gpio.h>
#include <linux/spi/spidev.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { OPEN = 1, IOCTL = 2, READ = 3, WRITE = 4, CLOSE = 5 };
enum { FDS_MAX = 1024, MESSAGE_MAX = 65536, SPI_BYTES_MAX = 4096, PATH_ROOM = 512 };

struct head { uint32_t operation, argument, size; };
struct answer { int32_t result; uint32_t size; };

/* For a served descriptor: where its requests go, plus one; 0 is somebody else's descriptor. */
static int control[FDS_MAX];
static int is_spi[FDS_MAX];
static pthread_mutex_t busy[FDS_MAX];

#define REAL(name) \
  static __typeof__(&name) real; \
  if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

static int real_close(int fd) {
  REAL(close);
  return real(fd);
}

static int failed(int error) {
  errno = error;
  return -1;
}

static int served(int fd) { return fd >= 0 && fd < FDS_MAX && control[fd] != 0; }

static void adopt(int fd, int through, int spi) {
  control[fd] = through + 1;
  is_spi[fd] = spi;
}

/* One request, one answer. fds: where descriptors that come with the answer are put (two at most). */
static int32_t ask(int fd, struct head head, const void *payload, void *answer, size_t room, int *fds) {
  char buffer[MESSAGE_MAX];
  struct answer said;
  union { struct cmsghdr head; char room[CMSG_SPACE(2 * sizeof(int))]; } extra;
  struct iovec out[2] = {{&head, sizeof head}, {(void *)payload, head.size}};
  struct iovec in = {buffer, sizeof buffer};
  struct msghdr send_this = {.msg_iov = out, .msg_iovlen = 2};
  struct msghdr got = {.msg_iov = &in, .msg_iovlen = 1, .msg_control = &extra, .msg_controllen = sizeof extra};
  ssize_t size;
  int through = control[fd] - 1;

  pthread_mutex_lock(&busy[fd]);
  size = sendmsg(through, &send_this, MSG_NOSIGNAL);
  if (size >= 0)
    do size = recvmsg(through, &got, MSG_CMSG_CLOEXEC);
    while (size < 0 && errno == EINTR);
  pthread_mutex_unlock(&busy[fd]);
  if (size < (ssize_t)sizeof said) return -ENODEV;
  memcpy(&said, buffer, sizeof said);
  if (said.size > room) said.size = room;
  if (answer) memcpy(answer, buffer + sizeof said, said.size);
  for (struct cmsghdr *c = CMSG_FIRSTHDR(&got); c && fds; c = CMSG_NXTHDR(&got, c))
    if (c->cmsg_type == SCM_RIGHTS) memcpy(fds, CMSG_DATA(c), 2 * sizeof(int));
  return said.result;
}

/* Sets flag where the path is a device of ours; the path in the faked file system where there is one, else NULL. */
static const char *faked(const char *path, char *room, int *device) {
  const char *root = getenv("HIL_KERNEL_ROOT");
  REAL(access);
  if (device) *device = 0;
  if (!path || path[0] != '/' || !root) return NULL;
  if (device && getenv("HIL_KERNEL_SOCKET"))
    *device = strncmp(path, "/dev/gpiochip", 13) == 0 || strncmp(path, "/dev/spidev", 11) == 0;
  if (snprintf(room, PATH_ROOM, "%s%s", root, path) >= PATH_ROOM || real(room, F_OK) != 0) return NULL;
  return room;
}

static int open_device(const char *path, int flags) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  struct head head = {OPEN, (uint32_t)flags, (uint32_t)strlen(path)};
  int32_t result;
  int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  snprintf(address.sun_path, sizeof address.sun_path, "%s", getenv("HIL_KERNEL_SOCKET"));
  if (fd >= FDS_MAX || connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
    real_close(fd);
    return failed(ENXIO);
  }
  adopt(fd, fd, strncmp(path, "/dev/spidev", 11) == 0);
  result = ask(fd, head, path, NULL, 0, NULL);
  if (result >= 0) return fd;
  control[fd] = 0;
  real_close(fd);
  return failed(-result);
}

#define MODE_OF(flags, last) \
  mode_t mode = 0; \
  if ((flags) & (O_CREAT | O_TMPFILE)) { \
    va_list rest; \
    va_start(rest, last); \
    mode = va_arg(rest, mode_t); \
    va_end(rest); \
  }

#define OPENS(name) \
  int name(const char *path, int flags, ...) { \
    char room[PATH_ROOM]; \
    int device; \
    const char *fake = faked(path, room, &device); \
    MODE_OF(flags, flags) \
    REAL(name); \
    return device ? open_device(path, flags) : real(fake ? fake : path, flags, mode); \
  }

#define OPENS_AT(name) \
  int name(int folder, const char *path, int flags, ...) { \
    char room[PATH_ROOM]; \
    int device; \
    const char *fake = faked(path, room, &device); \
    MODE_OF(flags, flags) \
    REAL(name); \
    return device ? open_device(path, flags) : real(folder, fake ? fake : path, flags, mode); \
  }

#define OPENS_STREAM(name) \
  FILE *name(const char *path, const char *how) { \
    char room[PATH_ROOM]; \
    const char *fake = faked(path, room, NULL); \
    REAL(name); \
    return real(fake ? fake : path, how); \
  }

#define LOOKS(name, type) \
  int name(const char *path, type what) { \
    char room[PATH_ROOM]; \
    const char *fake = faked(path, room, NULL); \
    REAL(name); \
    return real(fake ? fake : path, what); \
  }

OPENS(open)
OPENS(open64)
OPENS_AT(openat)
OPENS_AT(openat64)
OPENS_STREAM(fopen)
OPENS_STREAM(fopen64)
LOOKS(access, int)
LOOKS(stat, struct stat *)
LOOKS(stat64, struct stat64 *)
LOOKS(lstat, struct stat *)
LOOKS(lstat64, struct stat64 *)

/* SPI_IOC_MESSAGE(n): the segments, then what they send; the answer is what they receive. */
static int spi_message(int fd, unsigned long request, const struct spi_ioc_transfer *segments) {
  char out[MESSAGE_MAX / 2], in[SPI_BYTES_MAX];
  size_t count = _IOC_SIZE(request) / sizeof *segments, at = count * sizeof *segments, total = 0;
  int32_t result;
  if (at > sizeof out - SPI_BYTES_MAX) return failed(EMSGSIZE);
  memcpy(out, segments, at);
  for (size_t i = 0; i < count; i++) {
    total += segments[i].len;
    if (segments[i].len > SPI_BYTES_MAX || total > SPI_BYTES_MAX) return failed(EMSGSIZE);
    if (segments[i].tx_buf) memcpy(out + at, (const void *)(uintptr_t)segments[i].tx_buf, segments[i].len);
    else memset(out + at, 0, segments[i].len);
    at += segments[i].len;
  }
  result = ask(fd, (struct head){IOCTL, (uint32_t)request, (uint32_t)at}, out, in, sizeof in, NULL);
  if (result < 0) return failed(-result);
  at = 0;
  for (size_t i = 0; i < count; at += segments[i++].len)
    if (segments[i].rx_buf) memcpy((void *)(uintptr_t)segments[i].rx_buf, in + at, segments[i].len);
  return result;
}

static int line_request(int fd, unsigned long request, struct gpio_v2_line_request *wanted) {
  struct head head = {IOCTL, (uint32_t)request, sizeof *wanted};
  int fds[2] = {-1, -1};
  int32_t result = ask(fd, head, wanted, NULL, 0, fds);
  if (result < 0) return failed(-result);
  if (fds[0] < 0 || fds[0] >= FDS_MAX) return failed(ENFILE);
  adopt(fds[0], fds[1], 0);
  wanted->fd = fds[0];
  return 0;
}

int ioctl(int fd, unsigned long request, ...) {
  va_list rest;
  void *argument;
  int32_t result;
  REAL(ioctl);
  va_start(rest, request);
  argument = va_arg(rest, void *);
  va_end(rest);
  if (!served(fd)) return real(fd, request, argument);
  if (request == GPIO_V2_GET_LINE_IOCTL) return line_request(fd, request, argument);
  if (_IOC_TYPE(request) == SPI_IOC_MAGIC && _IOC_NR(request) == 0) return spi_message(fd, request, argument);
  result = ask(fd, (struct head){IOCTL, (uint32_t)request, _IOC_SIZE(request)}, argument,
               _IOC_DIR(request) & _IOC_READ ? argument : NULL, _IOC_SIZE(request), NULL);
  return result < 0 ? failed(-result) : result;
}

ssize_t read(int fd, void *buffer, size_t size) {
  int32_t result;
  REAL(read);
  if (!served(fd) || !is_spi[fd]) return real(fd, buffer, size);
  if (size > SPI_BYTES_MAX) return failed(EMSGSIZE);
  result = ask(fd, (struct head){READ, (uint32_t)size, 0}, NULL, buffer, size, NULL);
  return result < 0 ? failed(-result) : result;
}

ssize_t write(int fd, const void *buffer, size_t size) {
  int32_t result;
  REAL(write);
  if (!served(fd) || !is_spi[fd]) return real(fd, buffer, size);
  if (size > SPI_BYTES_MAX) return failed(EMSGSIZE);
  result = ask(fd, (struct head){WRITE, 0, (uint32_t)size}, buffer, NULL, 0, NULL);
  return result < 0 ? failed(-result) : result;
}

/* A line is free when close returns, as with a real kernel; so the broker is asked, and answers. */
int close(int fd) {
  if (served(fd)) {
    int through = control[fd] - 1;
    if (through != fd) ask(fd, (struct head){CLOSE, 0, 0}, NULL, NULL, 0, NULL);
    control[fd] = 0;
    if (through != fd) real_close(through);
  }
  return real_close(fd);
}
