// One event stream for all tabs of a browser: each tells the address it wants, and gets what happens there.
const streams = new Map();

function open(address) {
  const ports = new Set();
  const stream = { ports, address, source: null, state: null };
  const tell = (message) => {
    for (const port of ports) port.postMessage(message);
  };
  const become = (state) => {
    stream.state = state;
    tell({ state });
  };
  const again = () => {
    if (ports.size > 0) connect();
  };
  const connect = () => {
    stream.source = new EventSource(address);
    stream.source.onopen = () => become("open");
    stream.source.onmessage = (event) => tell({ state: "hint", hint: JSON.parse(event.data) });
    stream.source.addEventListener("reset", () => tell({ state: "reset" }));
    stream.source.onerror = () => {
      become("broken");
      // The browser tries again by itself, unless the answer was a refusal.
      if (stream.source.readyState === EventSource.CLOSED) setTimeout(again, 5000);
    };
  };
  connect();
  streams.set(address, stream);
  return stream;
}

onconnect = ({ ports: [port] }) => {
  let mine;
  port.onmessage = ({ data }) => {
    if (data.leave) {
      mine?.ports.delete(port);
      if (mine && mine.ports.size === 0) {
        mine.source.close();
        streams.delete(mine.address);
      }
      mine = undefined;
      return;
    }
    mine = streams.get(data.address) ?? open(data.address);
    mine.ports.add(port);
    if (mine.state) port.postMessage({ state: mine.state });
  };
};
