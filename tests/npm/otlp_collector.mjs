// A collector made of OpenTelemetry's own definitions: takes OTLP over HTTP as JSON, decodes it by the protocol's generated
// types, refuses what does not fit them, and prints each span, decoded, as a line. First its port.
import http from "node:http";
import { createRequire } from "node:module";

const { opentelemetry } = createRequire(import.meta.url)("@opentelemetry/otlp-transformer/build/src/generated/root");
const Request = opentelemetry.proto.collector.trace.v1.ExportTraceServiceRequest;
const IDS = new Set(["traceId", "spanId", "parentSpanId"]);
const ENUMS = { kind: opentelemetry.proto.trace.v1.Span.SpanKind };

// The JSON mapping of OTLP has ids in hexadecimal and 64-bit numbers as text; the generated types have bytes and Longs.
const read = (text) => JSON.parse(text, (name, value) => {
  if (!IDS.has(name)) return value;
  if (!/^([0-9a-f]{16}){1,2}$/.test(value)) throw new Error(`${name} is no id: ${value}`);
  return Buffer.from(value, "hex").toString("base64");
});
const names = (value) => (Array.isArray(value) ? value.flatMap(names) : value && typeof value === "object"
  ? Object.entries(value).flatMap(([name, each]) => [name, ...names(each)]) : []);

function decode(text) {
  const given = read(text);
  const wire = Request.encode(Request.fromObject(given)).finish();
  const request = Request.decode(wire);
  const wrong = Request.verify(request);
  if (wrong) throw new Error(wrong);
  const out = Request.toObject(request, { longs: String, bytes: String, enums: Number });
  // A name that the types do not know is dropped in silence by fromObject.
  const lost = names(given).filter((name) => !names(out).includes(name));
  if (lost.length) throw new Error(`unknown to the protocol: ${lost}`);
  return out;
}
const hex = (base64) => Buffer.from(base64 ?? "", "base64").toString("hex");
const plain = (attributes) => Object.fromEntries((attributes ?? []).map(({ key, value }) => [key, Object.values(value)[0]]));

const server = http.createServer((request, response) => {
  const parts = [];
  request.on("data", (part) => parts.push(part));
  request.on("end", () => {
    try {
      if (request.url !== "/v1/traces" || request.headers["content-type"] !== "application/json") throw new Error(`${request.url} ${request.headers["content-type"]}`);
      for (const { resource, scopeSpans } of decode(Buffer.concat(parts).toString()).resourceSpans) for (const { scope, spans } of scopeSpans) for (const span of spans) {
        console.log(JSON.stringify({ ...span, traceId: hex(span.traceId), spanId: hex(span.spanId), parentSpanId: hex(span.parentSpanId),
          kind: Object.keys(ENUMS.kind).find((name) => ENUMS.kind[name] === span.kind), attributes: plain(span.attributes), resource: plain(resource.attributes), scope: scope?.name }));
      }
      response.end("{}");
    } catch (why) {
      console.log(JSON.stringify({ refused: String(why) }));
      response.writeHead(400).end("{}");
    }
  });
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
