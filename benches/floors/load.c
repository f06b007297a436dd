// load PORT CLIENTS REQUESTS FILE: sends the request in FILE so many times over so many keep-alive connections, each
// waiting for its answer before it asks again. Prints how long everything took and then each answer, in microseconds.
#include "http.h"
#include <sys/epoll.h>
#include <time.h>

static double now_us(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1e6 + now.tv_nsec / 1e3;
}

struct client {
  int connection;
  double asked;
  size_t have;
  char bytes[1 << 20];
};

static char request[1 << 16];
static size_t request_length;
static long unsent;

static void ask(struct client *client) {
  if (unsent-- <= 0) return;
  client->have = 0;
  client->asked = now_us();
  send_all(client->connection, request, request_length);
}

int main(int count, char **words) {
  if (count != 5) return 64;
  int port = atoi(words[1]), clients = atoi(words[2]);
  long requests = unsent = atol(words[3]), answered = 0;
  FILE *file = fopen(words[4], "rb");
  if (!file) fail(words[4]);
  request_length = fread(request, 1, sizeof request, file);

  double *took = malloc(requests * sizeof *took);
  struct client *all = calloc(clients, sizeof *all);
  int poll = epoll_create1(0);
  for (struct client *client = all; client < all + clients; client++) {
    client->connection = dial(port);
    struct epoll_event wish = {.events = EPOLLIN, .data.ptr = client};
    epoll_ctl(poll, EPOLL_CTL_ADD, client->connection, &wish);
  }
  double began = now_us();
  for (struct client *client = all; client < all + clients; client++) ask(client);
  while (answered < requests) {
    struct epoll_event ready[64];
    int events = epoll_wait(poll, ready, 64, 30000);
    if (events <= 0) fail("no answer");
    for (int i = 0; i < events; i++) {
      struct client *client = ready[i].data.ptr;
      ssize_t now = read(client->connection, client->bytes + client->have, sizeof client->bytes - client->have - 1);
      if (now <= 0) fail("read");
      client->bytes[client->have += now] = 0;
      if (!message_length(client->bytes, client->have)) continue;
      if (strncmp(client->bytes, "HTTP/1.1 2", 10)) {
        fprintf(stderr, "%.12s\n", client->bytes);
        return 2;
      }
      took[answered++] = now_us() - client->asked;
      ask(client);
    }
  }
  printf("%.1f\n", now_us() - began);
  for (long i = 0; i < requests; i++) printf("%.1f\n", took[i]);
}
