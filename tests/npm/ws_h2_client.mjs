// A WebSocket over HTTP/2 (RFC 8441): Node's own http2 opens the stream, npm's `ws` speaks on it. Orders and events as in
// ws_client.mjs.
//   node ws_h2_client.mjs https://host:port/path CA_FILE
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { connect } from "node:http2";
import { createInterface } from "node:readline";
import WebSocket from "ws";

const url = new URL(process.argv[2]);
const say = (event) => console.log(JSON.stringify(event));
const session = connect(url.origin, { ca: readFileSync(process.argv[3]), servername: "a.test" });
session.on("error", (error) => say({ failed: error.message }));
session.on("remoteSettings", (settings) => {
    if (!settings.enableConnectProtocol) return say({ offered: false });
    const stream = session.request({ ":method": "CONNECT", ":protocol": "websocket", ":path": url.pathname,
                                     "sec-websocket-version": "13" });
    stream.on("error", (error) => say({ failed: error.message }));
    stream.on("response", (headers) => {
        if (headers[":status"] !== 200) return say({ status: headers[":status"] });
        const digest = createHash("sha256");
        let bytes = 0;
        // What `ws` expects of a socket.
        stream.setNoDelay = () => stream;
        stream.setTimeout = () => stream;
        const socket = new WebSocket(null, undefined, {});
        socket._isServer = false;
        socket.setSocket(stream, Buffer.alloc(0), { maxPayload: 1 << 30, skipUTF8Validation: false });
        socket.on("message", (data, binary) => {
            bytes += data.length;
            digest.update(data);
            say({ message: binary ? data.length : data.toString(), binary });
        });
        socket.on("pong", () => say({ pong: true }));
        socket.on("error", (error) => say({ failed: error.message }));
        socket.on("close", (code, reason) => {
            say({ closed: code, reason: reason.toString(), bytes, sha256: digest.digest("hex") });
            session.close();
        });
        createInterface({ input: process.stdin }).on("line", (line) => {
            const order = JSON.parse(line);
            if (order.text !== undefined) socket.send(order.text);
            if (order.binary !== undefined) socket.send(Buffer.alloc(order.binary, 7));
            if (order.ping) socket.ping();
            if (order.close) socket.close(order.close, "done");
        });
        say({ open: true });
    });
});
