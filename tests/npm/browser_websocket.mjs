// A page opens a WebSocket beside its requests; what it saw goes out as one JSON line. Runs in a folder with playwright-core:
//   PLACE='{"browser": …, "page": URL, "socket": URL}' node --input-type=module < browser_websocket.mjs
import { chromium } from "playwright-core";

const place = JSON.parse(process.env.PLACE);
const browser = await chromium.launch({ executablePath: place.browser,
                                        args: ["--no-sandbox", "--ignore-certificate-errors", "--disable-quic"] });
try {
    const page = await (await browser.newContext({ ignoreHTTPSErrors: true })).newPage();
    await page.goto(place.page);
    const seen = await page.evaluate((url) => new Promise((resolve) => {
        const protocol = performance.getEntriesByType("navigation")[0].nextHopProtocol;
        const messages = [];
        const socket = new WebSocket(url);
        socket.onopen = () => { socket.send("grüße"); socket.send("x".repeat(200000)); };
        socket.onmessage = (event) => {
            messages.push(event.data.length > 100 ? event.data.length : event.data);
            if (messages.length === 2) socket.close(4001, "done");
        };
        socket.onclose = (event) => resolve({ protocol, messages, code: event.code, clean: event.wasClean });
        setTimeout(() => resolve({ protocol, messages, late: true }), 15000);
    }), place.socket);
    console.log(JSON.stringify(seen));
} finally {
    await browser.close();
}
