// A service that speaks gRPC as `@grpc/grpc-js` does, with messages that are plain bytes. Prints its port, then one JSON
// line for each call and each end.
import * as grpc from "@grpc/grpc-js";

const say = (event) => console.log(JSON.stringify(event));
const plain = (bytes) => bytes;
const method = (name, requestStream, responseStream) => ({
    path: `/echo.Echo/${name}`, requestStream, responseStream, requestSerialize: plain, requestDeserialize: plain,
    responseSerialize: plain, responseDeserialize: plain,
});
export const definition = {
    Unary: method("Unary", false, false), Fail: method("Fail", false, false), Slow: method("Slow", false, false),
    Down: method("Down", false, true), Up: method("Up", true, false), Both: method("Both", true, true),
};
const server = new grpc.Server({ "grpc.max_receive_message_length": -1 });
server.addService(definition, {
    Unary: (call, done) => {
        say({ call: "Unary", metadata: call.metadata.getMap(), deadline: call.getDeadline() !== Infinity });
        const trailer = new grpc.Metadata();
        trailer.set("x-behind", "trailer");
        const head = new grpc.Metadata();
        head.set("x-before", "head");
        call.sendMetadata(head);
        done(null, call.request, trailer);
    },
    Fail: (call, done) => done({ code: grpc.status.FAILED_PRECONDITION, details: "not now" }),
    Slow: (call) => call.on("cancelled", () => say({ cancelled: "Slow" })),
    Down: (call) => {
        const count = Number(call.request.toString());
        call.on("cancelled", () => say({ cancelled: "Down" }));
        if (count === 0) return call.write(Buffer.from("only"));   // and says nothing more
        let sent = 0;
        const more = () => {
            while (sent < count) if (!call.write(Buffer.alloc(10_000, sent++ & 255))) return call.once("drain", more);
            call.end();
        };
        more();
    },
    Up: (call, done) => {
        let bytes = 0;
        call.on("data", (piece) => { bytes += piece.length; });
        call.on("end", () => done(null, Buffer.from(String(bytes))));
    },
    Both: (call) => {
        call.on("data", (piece) => call.write(piece));
        call.on("end", () => call.end());
        call.on("error", () => undefined);
    },
});
server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, port) => say({ port }));
