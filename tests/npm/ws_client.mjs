// A client that speaks WebSocket as npm's `ws` does. Orders come as JSON lines on standard input, events go out likewise.
//   node ws_client.mjs URL '{"headers": {…}, "protocols": […]}'
import { createHash } from "node:crypto";
import { createInterface } from "node:readline";
import WebSocket from "ws";

const options = JSON.parse(process.argv[3] ?? "{}");
const say = (event) => console.log(JSON.stringify(event));
const socket = new WebSocket(process.argv[2], options.protocols ?? [], { headers: options.headers });
const digest = createHash("sha256");
let bytes = 0;
let messages = 0;
let counted = false;

socket.on("upgrade", (response) => say({ upgraded: response.headers }));
socket.on("open", () => say({ open: true, protocol: socket.protocol, extensions: socket.extensions }));
socket.on("unexpected-response", (_, response) => { say({ status: response.statusCode }); process.exit(0); });
socket.on("message", (data, binary) => {
    bytes += data.length;
    messages++;
    digest.update(data);
    if (!counted) say({ message: binary ? data.length : data.toString(), binary });
});
socket.on("pong", () => say({ pong: true }));
socket.on("error", (error) => say({ failed: error.message }));
socket.on("close", (code, reason) => {
    say({ closed: code, reason: reason.toString(), messages, bytes, sha256: digest.digest("hex") });
    process.exit(0);
});
createInterface({ input: process.stdin }).on("line", (line) => {
    const order = JSON.parse(line);
    if (order.text !== undefined) socket.send(order.text);
    if (order.binary !== undefined) socket.send(Buffer.alloc(order.binary, 7));
    if (order.ping) socket.ping();
    if (order.count) counted = true;
    if (order.pause) socket.pause();
    if (order.resume) socket.resume();
    if (order.close) socket.close(order.close, "done");
    if (order.terminate) socket.terminate();
    if (order.tell) say({ messages, bytes });
});
