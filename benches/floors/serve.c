// serve FILE: answers every request on every connection with the same JSON from memory. Prints its port.
// One thread for each connection, no parsing, no database: the least that an HTTP server can do.
#include "http.h"
#include <pthread.h>

static char *answer;
static size_t answer_length;

static void *converse(void *of) {
  int connection = (int)(long)of;
  char bytes[1 << 16];
  size_t have = 0;
  for (;;) {
    ssize_t now = read(connection, bytes + have, sizeof bytes - have - 1);
    if (now <= 0) break;
    bytes[have += now] = 0;
    for (size_t length; (length = message_length(bytes, have));) {
      send_all(connection, answer, answer_length);
      memmove(bytes, bytes + length, have - length + 1);
      have -= length;
    }
  }
  close(connection);
  return 0;
}

int main(int count, char **words) {
  if (count != 2) return 64;
  static char body[1 << 22];
  FILE *file = fopen(words[1], "rb");
  if (!file) fail(words[1]);
  size_t length = fread(body, 1, sizeof body, file);
  answer = malloc(length + 256);
  answer_length = sprintf(
      answer, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n", length);
  memcpy(answer + answer_length, body, length);
  answer_length += length;

  struct sockaddr_in address = loopback(0);
  socklen_t size = sizeof address;
  int listener = socket(AF_INET, SOCK_STREAM, 0);
  if (bind(listener, (void *)&address, size) || listen(listener, 128)) fail("listen");
  getsockname(listener, (void *)&address, &size);
  printf("%d\n", ntohs(address.sin_port));
  fflush(stdout);
  for (;;) {
    int connection = accept(listener, 0, 0);
    if (connection < 0) continue;
    without_delay(connection);
    pthread_t thread;
    if (pthread_create(&thread, 0, converse, (void *)(long)connection)) fail("thread");
    pthread_detach(thread);
  }
}
