// What the programs here share: a loopback connection, and where an HTTP message ends.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static struct sockaddr_in loopback(int port) {
  return (struct sockaddr_in){
      .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static void without_delay(int connection) {
  int on = 1;
  setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

__attribute__((unused)) static int dial(int port) {
  struct sockaddr_in address = loopback(port);
  int connection = socket(AF_INET, SOCK_STREAM, 0);
  if (connect(connection, (void *)&address, sizeof address)) fail("connect");
  without_delay(connection);
  return connection;
}

__attribute__((unused)) static void send_all(int connection, const char *bytes, size_t length) {
  for (size_t sent = 0; sent < length;) {
    ssize_t now = write(connection, bytes + sent, length - sent);
    if (now <= 0) fail("write");
    sent += now;
  }
}

// How long the message at the beginning of `bytes` (which end with a zero) is; 0 while a part of it is missing. A
// chunked one is taken to end with the first lone zero: JSON on one line has none.
static size_t message_length(const char *bytes, size_t have) {
  const char *end = strstr(bytes, "\r\n\r\n");
  if (!end) return 0;
  const char *chunked = strcasestr(bytes, "\r\ntransfer-encoding: chunked");
  if (chunked && chunked < end) {
    const char *last = strstr(end, "\r\n0\r\n\r\n");
    return last ? (size_t)(last + 7 - bytes) : 0;
  }
  size_t length = end + 4 - bytes;
  const char *field = strcasestr(bytes, "\r\ncontent-length:");
  if (field && field < end) length += strtoul(field + 17, 0, 10);
  return length <= have ? length : 0;
}
