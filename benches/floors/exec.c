// exec PORT COMMAND...: fetches an environment over HTTP and becomes the command with it: the least that `run` can do.
// It looks for "name":"…" followed by "value":"…" and knows no escapes.
#include "http.h"

// Cuts the text between the quotes after `key` out of `from`; gives where it begins and moves `from` behind it.
static char *text_after(char **from, const char *key) {
  char *begin = strstr(*from, key);
  if (!begin) return 0;
  begin += strlen(key);
  char *end = strchr(begin, '"');
  if (!end) return 0;
  *end = 0;
  *from = end + 1;
  return begin;
}

int main(int count, char **words) {
  if (count < 3) return 64;
  static const char request[] = "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer x\r\n\r\n";
  static char bytes[1 << 22];
  int connection = dial(atoi(words[1]));
  send_all(connection, request, sizeof request - 1);
  for (size_t have = 0; !message_length(bytes, have);) {
    ssize_t now = read(connection, bytes + have, sizeof bytes - have - 1);
    if (now <= 0) fail("read");
    bytes[have += now] = 0;
  }
  close(connection);
  char *from = strstr(bytes, "\r\n\r\n"), *name, *value;
  while ((name = text_after(&from, "\"name\":\"")) && (value = text_after(&from, "\"value\":\"")))
    setenv(name, value, 1);
  execvp(words[2], words + 2);
  fail(words[2]);
}
