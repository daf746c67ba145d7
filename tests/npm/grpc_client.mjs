// Calls by `@grpc/grpc-js`, one after the other, each told as a JSON line; then the end.
//   node grpc_client.mjs HOST:PORT '{"authorization": …}' CALL…     CALL: Unary=SIZE, Slow=MS, Down=COUNT, Up=COUNT, Both=COUNT, …
import * as grpc from "@grpc/grpc-js";

const say = (event) => console.log(JSON.stringify(event));
const plain = (bytes) => bytes;
const client = new grpc.Client(process.argv[2], grpc.credentials.createInsecure(),
    { "grpc.max_receive_message_length": -1 });
const metadata = new grpc.Metadata();
for (const [name, value] of Object.entries(JSON.parse(process.argv[3]))) metadata.set(name, value);
const path = (name) => `/echo.Echo/${name}`;

function unary(name, message, options = {}) {
    return new Promise((done) => {
        let head = {};
        const call = client.makeUnaryRequest(path(name), plain, plain, message, metadata, options, (error, answer) => {
            call.answered = { code: error?.code ?? 0, details: error?.details, bytes: answer?.length, same: answer?.equals(message) };
        });
        call.on("metadata", (m) => { head = m.getMap(); });
        call.on("status", (status) => setImmediate(() => done({ ...call.answered, head, trailer: status.metadata.getMap() })));
    });
}
const calls = {
    Unary: (size) => unary("Unary", Buffer.alloc(size, 7)),
    Many: async (count) => {
        const answers = await Promise.all(Array.from({ length: count }, (_, i) => unary("Unary", Buffer.alloc(100 + i, i & 255))));
        return { good: answers.filter((a) => a.code === 0 && a.same).length };
    },
    Fail: () => unary("Fail", Buffer.from("x")),
    Missing: () => unary("Missing", Buffer.from("x")),
    Slow: (ms) => unary("Slow", Buffer.from("x"), { deadline: Date.now() + ms }),
    Down: (count) => new Promise((done) => {
        let messages = 0;
        let good = true;
        const call = client.makeServerStreamRequest(path("Down"), plain, plain, Buffer.from(String(count)), metadata);
        call.on("data", (m) => { good &&= m.length === 10_000 && m[0] === (messages & 255); messages++; });
        call.on("error", () => undefined);
        call.on("status", (status) => done({ messages, good, code: status.code }));
    }),
    Cancelled: () => new Promise((done) => {
        const call = client.makeServerStreamRequest(path("Down"), plain, plain, Buffer.from("0"), metadata);
        call.on("data", () => call.cancel());
        call.on("error", () => undefined);
        call.on("status", (status) => done({ code: status.code }));
    }),
    Up: (count) => new Promise((done) => {
        const call = client.makeClientStreamRequest(path("Up"), plain, plain, metadata, (error, answer) =>
            done({ code: error?.code ?? 0, details: error?.details, bytes: Number(answer?.toString()) }));
        let sent = 0;
        const more = () => {
            while (sent < count) { sent++; if (!call.write(Buffer.alloc(10_000, 1))) return call.once("drain", more); }
            call.end();
        };
        more();
    }),
    // Each message leaves when the last one has come back.
    Both: (count) => new Promise((done) => {
        let back = 0;
        const call = client.makeBidiStreamRequest(path("Both"), plain, plain, metadata);
        const next = () => (back < count ? call.write(Buffer.from(`message ${back}`)) : call.end());
        call.on("data", (m) => { if (m.toString() === `message ${back}`) back++; next(); });
        call.on("error", () => undefined);
        call.on("status", (status) => done({ back, code: status.code, details: status.details }));
        next();
    }),
};
for (const word of process.argv.slice(4)) {
    const [name, number] = word.split("=");
    say({ called: name, ...(await calls[name](Number(number))) });
}
say({ end: true });
client.close();
