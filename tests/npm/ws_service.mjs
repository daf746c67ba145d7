// A service that speaks WebSocket as npm's `ws` does. Prints its port, then one JSON line for each connection and end.
// Messages: "close N" closes with that code, "burst N SIZE" sends N binary messages, anything else comes back.
//   node ws_service.mjs [perMessageDeflate]
import { WebSocketServer } from "ws";

const server = new WebSocketServer({
    host: "127.0.0.1", port: 0, perMessageDeflate: process.argv[2] === "perMessageDeflate",
    handleProtocols: (offered) => [...offered][0] ?? false,
});
const say = (event) => console.log(JSON.stringify(event));
server.on("listening", () => say({ port: server.address().port }));
server.on("connection", (socket, request) => {
    say({ opened: request.url, headers: request.headers });
    socket.on("message", (data, binary) => {
        const [word, ...numbers] = binary ? [""] : data.toString().split(" ");
        if (word === "close") {
            socket.close(Number(numbers[0]), "as asked");
        } else if (word === "burst") {
            for (let i = 0; i < Number(numbers[0]); i++) socket.send(Buffer.alloc(Number(numbers[1]), i & 255));
        } else {
            socket.send(data, { binary });
        }
    });
    socket.on("close", (code, reason) => say({ closed: code, reason: reason.toString() }));
    socket.on("error", (error) => say({ failed: error.message }));
});
